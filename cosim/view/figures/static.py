"""Figures drawn by matplotlib: PNG, PDF and SVG files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from ....circuits.files import write_atomically
from .drawing import Canvas, file_style
from .style import BAND, MUTED
from .units import Scale, quantity
from .values import BarChart, Figure, Panel, PlotAxis, Series, axis_title, decades, panel_scale

WIDTH = 6.4
"""Inches."""
PANEL_HEIGHT = 2.3
"""Inches of a panel of height 1."""
DPI = 180
LEGEND_WIDTH = 100
"""Characters that a row of a legend holds, keys and gaps counted as characters."""


def save(figure: Figure | BarChart, *paths: Path) -> None:
    """Draw a figure into files whose suffixes name their formats: .png, .pdf or .svg."""
    with file_style():
        canvas = _draw(figure)
        for path in paths:
            write_atomically(path, encode(canvas, path.suffix[1:]))


def render(figure: Figure | BarChart, suffix: str) -> bytes:
    """A figure as the bytes of a png, pdf or svg file, the same for the same figure."""
    with file_style():
        return encode(_draw(figure), suffix)


def _draw(figure: Figure | BarChart) -> Canvas:
    canvas = _bars(figure) if isinstance(figure, BarChart) else _panels(figure)
    canvas.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    canvas.get_layout_engine().execute(canvas)
    canvas.set_layout_engine("none")  # laying out again for every format would take most of the time
    return canvas


def encode(canvas: Canvas, suffix: str) -> bytes:
    """A drawn figure as the bytes of a png, pdf or svg file, without a date."""
    buffer = io.BytesIO()
    undated: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(suffix, {})
    canvas.savefig(buffer, format=suffix, dpi=DPI, metadata=undated)
    return buffer.getvalue()


def _panels(figure: Figure) -> Canvas:
    heights = [panel.height for panel in figure.panels]
    canvas = Canvas(figsize=(WIDTH, PANEL_HEIGHT * sum(heights) + 0.9), layout="constrained")
    axes = canvas.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    canvas.suptitle(figure.title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    seen: set[str] = set()
    for ax, panel in zip(axes, figure.panels, strict=True):
        _panel(ax, panel, figure.x_scale, seen)
        for i, span in enumerate(figure.spans):
            if i % 2 == 0:
                edges = (span.start * figure.x_scale.factor, span.stop * figure.x_scale.factor)
                ax.axvspan(*edges, color=BAND, zorder=0, linewidth=0)
    for span in figure.spans:
        middle = (span.start + span.stop) / 2 * figure.x_scale.factor
        axes[-1].annotate(
            span.label,
            (middle, 0),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
            color=MUTED,
        )
    last = axes[-1]
    last.set_xlabel(axis_title(figure.x, figure.x_scale))
    if figure.x.log:
        _log_x(last, figure.x, *figure.x_ends)
    if figure.x.limits:
        last.set_xlim(*(limit * figure.x_scale.factor for limit in figure.x.limits))
    return canvas


def _panel(ax, panel: Panel, x_scale: Scale, seen: set[str]) -> None:
    scale = panel_scale(panel)
    for series in panel.series:
        _series(ax, series, x_scale, scale, fresh=series.label not in seen)
        seen.add(series.label)
    for rule in panel.rules:
        ax.axhline(rule.y * scale.factor, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    if panel.y.log:
        ax.set_yscale("log")
    if panel.y.limits:
        ax.set_ylim(*(limit * scale.factor for limit in panel.y.limits))
    else:
        ax.margins(y=0.08)
    ax.margins(x=0.02)
    ax.set_ylabel(axis_title(panel.y, scale))
    if labels := ax.get_legend_handles_labels()[1]:
        ax.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=max(1, min(len(labels), LEGEND_WIDTH // (max(map(len, labels)) + 7))),
            borderaxespad=0.2,
            borderpad=0.1,
            handlelength=1.5,
            columnspacing=1.2,
        )


def _series(ax, series: Series, x_scale: Scale, y_scale: Scale, fresh: bool) -> None:
    x = np.asarray(series.x, float) * x_scale.factor
    y = np.asarray(series.y, float) * y_scale.factor
    style: dict[str, Any] = {"color": series.colour, "label": series.label if fresh else None}
    if series.mark in ("points", "hollow"):
        face = "none" if series.mark == "hollow" else series.colour
        style |= {"linestyle": "none", "marker": "o", "markersize": 3.4}
        style |= {"markerfacecolor": face, "markeredgewidth": 0.9 if face == "none" else 0}
    elif series.mark == "line+points":
        style |= {"marker": "o", "markersize": 3.2}
    else:
        style |= {"drawstyle": "steps-post" if series.mark == "step" else "default"}
    if series.dashed:
        style["linestyle"] = (0, (5, 2.5))
    ax.plot(x, y, **style)


def _bars(chart: BarChart) -> Canvas:
    canvas = Canvas(figsize=(WIDTH, 0.32 * len(chart.bars) + 1.1), layout="constrained")
    ax = canvas.subplots()
    canvas.suptitle(chart.title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    scale, (low, high) = chart.scale, (end * chart.scale.factor for end in chart.reach)
    seen: set[str] = set()
    for row, bar in enumerate(chart.bars):
        left = low if chart.axis.log else bar.start * scale.factor
        length = (bar.start + bar.value) * scale.factor - left
        style = {"color": bar.colour, "alpha": 0.4 if bar.faded else 1.0}
        if bar.group not in seen:
            style["label"] = bar.group
        seen.add(bar.group)
        if chart.axis.log:  # the length of a bar would mean nothing there
            ax.plot(left + length, row, "o", color=bar.colour, markersize=5.5)
        ax.barh(row, length, left=left, height=0.1 if chart.axis.log else 0.66, **style)
        ax.annotate(
            chart.text_of(bar),
            (left + length, row),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    ax.set_yticks(range(len(chart.bars)), [bar.label for bar in chart.bars])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(chart.bars) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(axis_title(chart.axis, scale))
    if chart.axis.log:
        _log_x(ax, chart.axis, low, high)
    ax.set_xlim(low, high)
    if len(seen - {""}) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2, handlelength=1.0)
    return canvas


def _log_x(ax, axis: PlotAxis, low: float, high: float) -> None:
    ax.set_xscale("log")
    ticks = decades(low, high)
    ax.set_xticks(ticks, [quantity(tick, axis.unit, 1) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel(axis.label)
