"""Figures drawn by matplotlib: PNG, PDF and SVG files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from .axes import PlotAxis, axis_limits, axis_scale, axis_title, log_ticks
from .drawing import Axes, Canvas, Colormap, file_style
from .style import BAND, INK, MUTED, text_colour
from .units import Scale
from .values import Area, Bars, ErrorBars, Figure, HeatMap, Layer, Note, Panel, Rule, Separator, Series

WIDTH, WIDE = 6.4, 9.6
"""Inches, of figures with one or two columns and with more."""
PANEL_HEIGHT = 2.3
"""Inches of a panel of height 1."""
DPI = 180
LEGEND_WIDTH = 100
"""Characters that a row of a legend holds in 6.4 inches, keys and gaps counted as characters."""
DASHES = (0, (5, 2.5))
SHAPES = {"circle": "o", "square": "s", "diamond": "D", "triangle": "^", "cross": "x"}


def render(figure: Figure, *suffixes: str) -> list[bytes]:
    """Draw a figure.

    Args:
        figure: what to draw.
        suffixes: png, pdf or svg.

    Returns:
        The bytes of one file per suffix, the same for the same figure.
    """
    with file_style():
        canvas = _draw(figure)
        return [_encode(canvas, suffix) for suffix in suffixes]


def _encode(canvas: Canvas, suffix: str) -> bytes:
    """The bytes of a file without a date."""
    buffer = io.BytesIO()
    undated: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(suffix, {})
    canvas.savefig(buffer, format=suffix, dpi=DPI, metadata=undated)
    return buffer.getvalue()


def _draw(figure: Figure) -> Canvas:
    heights = [max(panel.height for panel in row) for row in figure.rows]
    inches = PANEL_HEIGHT * sum(heights) + 0.9 + (0 if figure.share_x else 0.45 * (len(heights) - 1))
    canvas = Canvas(figsize=(WIDTH if figure.columns < 3 else WIDE, inches), layout="constrained")
    axes = canvas.subplots(
        len(heights),
        figure.columns,
        sharex="col" if figure.share_x else False,
        squeeze=False,
        height_ratios=heights,
        width_ratios=figure.widths or None,
    )
    canvas.suptitle(figure.title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    seen: list[set[str]] = [set() for _ in range(figure.columns)]
    for place, ax in enumerate(axes.flat):
        if place >= len(figure.panels):
            ax.remove()
            continue
        if not figure.share_x:
            seen[place % figure.columns] = set()
        last = place + figure.columns >= len(figure.panels)
        named = last or not figure.share_x
        _panel(canvas, ax, figure, figure.panels[place], seen[place % figure.columns], named)
    canvas.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    canvas.get_layout_engine().execute(canvas)
    canvas.set_layout_engine("none")  # laying out again for every format would take most of the time
    return canvas


def _panel(canvas: Canvas, ax: Axes, figure: Figure, panel: Panel, seen: set[str], named: bool) -> None:
    """Draw one panel; `seen`: labels in legends of its column; `named`: whether to label the x axis."""
    axis, x_scale, x_ends = figure.x_of(panel)
    y_scale = panel.y_scale
    for layer in panel.layers:
        label = getattr(layer, "label", "")
        _layer(ax, layer, x_scale, y_scale, label if label not in seen else "")
        seen.add(label)
    for i, span in enumerate(figure.spans):
        if i % 2 == 0:
            ax.axvspan(span.start * x_scale.factor, span.stop * x_scale.factor, color=BAND, zorder=0, lw=0)
    if named:
        for span in figure.spans:
            middle = (span.start + span.stop) / 2 * x_scale.factor
            _write(ax, span.label, (middle, 0), (0, 3), 6.5, ha="center", xycoords=("data", "axes fraction"))
    ax.margins(x=0.02, y=0.08)
    _axis(ax, "x", axis, x_scale, x_ends)
    _axis(ax, "y", panel.y, y_scale, panel.y_ends)
    if not named:
        ax.set_xlabel("")
    maps = [layer for layer in panel.layers if isinstance(layer, HeatMap)]
    if maps:
        ax.tick_params(length=0, labelsize=7)
        ax.set(xlim=_ordered(x_ends, axis), ylim=_ordered(panel.y_ends, panel.y))
    for image, layer in zip(ax.images, maps, strict=True):
        if layer.bar is not None:
            title = axis_title(layer.bar, axis_scale(layer.bar, layer.limits))
            canvas.colorbar(image, cax=ax.inset_axes((1.04, 0, 0.05, 1)), label=title)
    if panel.title:
        ax.set_title(panel.title, fontsize=9 if figure.columns < 3 else 8.5, loc="left")
    _legend(ax, panel, figure.columns)


def _axis(ax: Axes, which: str, axis: PlotAxis, scale: Scale, ends: tuple[float, float]) -> None:
    """Scale, label, limits and ticks of one axis."""
    own = {"x": ax.xaxis, "y": ax.yaxis}[which]
    if axis.log:
        ax.set(**{f"{which}scale": "log"})
    limits = axis_limits(axis, ends)
    if limits or axis.reversed:
        low, high = {"x": ax.get_xlim, "y": ax.get_ylim}[which]()
        if limits:
            low, high = (limit * scale.factor for limit in limits)
        ax.set(**{f"{which}lim": _ordered((low, high), axis)})
    ticks = axis.ticks
    if axis.log:
        ticks = ticks or log_ticks(axis, axis.limits or ends)
    if ticks is not None:
        own.set_ticks([value * scale.factor for value, _ in ticks], [text for _, text in ticks])
        own.set_tick_params(which="minor", length=0, labelleft=False, labelbottom=False)
    if not axis.grid:
        ax.grid(visible=False, axis=which)
        own.set_tick_params(length=0)
    ax.set(**{f"{which}label": axis_title(axis, scale)})


def _ordered(ends: tuple[float, float], axis: PlotAxis) -> tuple[float, float]:
    return ends[::-1] if axis.reversed else ends


def _legend(ax: Axes, panel: Panel, columns: int) -> None:
    labels = ax.get_legend_handles_labels()[1]
    if not labels:
        return
    small = {"fontsize": 8 if columns < 3 else 7.5, "title_fontsize": 8}
    if panel.legend != "above":
        ax.legend(loc=panel.legend, title=panel.legend_title or None, handlelength=2.2, **small)
        return
    room = LEGEND_WIDTH * (1 if columns == 1 else 0.5)
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=max(1, min(len(labels), int(room) // (max(map(len, labels)) + 7))),
        borderaxespad=0.2,
        borderpad=0.1,
        handlelength=2.2,
        columnspacing=1.2,
        title=panel.legend_title or None,
        **small,
    )


def _layer(ax: Axes, layer: Layer, x_scale: Scale, y_scale: Scale, label: str) -> None:
    """Draw one layer; an empty label keeps it out of the legend."""
    fx, fy = x_scale.factor, y_scale.factor
    named = label or None
    match layer:
        case Series():
            x, y = (np.asarray(values, float) for values in (layer.x, layer.y))
            ax.plot(x * fx, y * fy, label=named, **_line(layer))
        case ErrorBars():
            style = {"fmt": "none", "color": layer.colour, "capsize": 3, "zorder": 2.5, "label": named}
            ax.errorbar(layer.x * fx, layer.y * fy, layer.extent * fy, **style)
        case Area():
            ax.fill(layer.x * fx, layer.y * fy, color=layer.colour, alpha=layer.opacity, linewidth=0)
        case Bars():
            style = {"color": layer.colour, "alpha": layer.opacity, "label": named}
            if layer.horizontal:
                ax.barh(layer.places * fy, layer.lengths * fx, layer.thickness * fy, layer.base * fx, **style)
            else:
                ax.bar(layer.places * fx, layer.lengths * fy, layer.thickness * fx, layer.base * fy, **style)
        case HeatMap():
            _heat_map(ax, layer)
        case Rule():
            style = {"color": layer.colour, "linewidth": 0.8, "linestyle": (0, (4, 3)), "zorder": 1}
            draw, value = (ax.axvline, layer.value * fx) if layer.vertical else (ax.axhline, layer.value * fy)
            draw(value, **style)
        case Separator():
            ax.axvline(layer.x, color="white", linewidth=2)
        case Note():
            place, offset = (layer.x * fx, layer.y * fy), (0, 3) if layer.above else (7, 0)
            va = "bottom" if layer.above else "center"
            _write(ax, layer.text, place, offset, 8, INK, ha="left", va=va)


def _line(series: Series) -> dict[str, Any]:
    """Arguments of `Axes.plot` for the look of a series."""
    style: dict[str, Any] = {"color": series.colour, "linewidth": series.width, "alpha": series.opacity}
    if series.mark in ("points", "hollow", "line+points"):
        hollow, cross = series.mark == "hollow", series.shape == "cross"
        style |= {"marker": SHAPES[series.shape], "markersize": series.size}
        style |= {"markerfacecolor": "none" if hollow else series.colour}
        style |= {"markeredgewidth": 1.1 if cross else 0.9 if hollow else 0}
    else:
        style |= {"drawstyle": "steps-post" if series.mark == "step" else "default"}
    if series.mark in ("points", "hollow"):
        style["linestyle"] = "none"
    elif series.dashed:
        style["linestyle"] = DASHES
    return style


def _heat_map(ax: Axes, heat: HeatMap) -> None:
    low, high = heat.limits
    factor = 1.0 if heat.bar is None else axis_scale(heat.bar, heat.limits).factor
    style = {"cmap": Colormap.from_list("", heat.stops), "aspect": "auto", "interpolation": "nearest"}
    ax.imshow(heat.values * factor, vmin=low * factor, vmax=high * factor, **style)
    ax.grid(visible=False)
    if heat.texts is None:
        return
    for (row, column), text in np.ndenumerate(heat.texts):
        bold = heat.bold is not None and heat.bold[row, column]
        colour = text_colour(heat.stops, (heat.values[row, column] - low) / (high - low))
        style = {"ha": "center", "va": "center", "fontsize": 6, "fontweight": "bold" if bold else "normal"}
        ax.text(column, row, text, color=colour, **style)


def _write(ax: Axes, text: str, place, offset, size: float, colour: str = MUTED, **style: Any) -> None:
    """A text at a place of the panel, moved by an offset in points."""
    ax.annotate(text, place, offset, textcoords="offset points", fontsize=size, color=colour, **style)
