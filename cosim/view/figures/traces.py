"""Layers of a panel as plotly traces and shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .axes import PlotAxis, axis_scale, axis_title
from .style import INK, text_colour
from .units import Scale
from .values import Area, Bars, ErrorBars, HeatMap, Layer, Note, Panel, Rule, Separator, Series

PIXELS = 1.75
"""Diameter of a point in pixels, per pt of a printed one."""
SHAPES = {
    "circle": "circle",
    "square": "square",
    "diamond": "diamond",
    "triangle": "triangle-up",
    "cross": "x-thin",
}


@dataclass(frozen=True)
class Place:
    """A panel within a figure, as its layers must know it."""

    panel: Panel
    x: PlotAxis
    x_scale: Scale
    suffix: str
    """Of the names of the panel's axes and legend: empty for the first, then 2, 3, ..."""
    across: list[float]
    """Left and right end, relative to the figure."""
    up: list[float]
    """Lower and upper end, relative to the figure."""

    @property
    def factors(self) -> tuple[float, float]:
        """Displayed numbers per SI unit, of x and y."""
        return self.x_scale.factor, self.panel.y_scale.factor


def traces(layer: Layer, place: Place, *, fresh: bool) -> list[dict[str, Any]]:
    """A layer as plotly traces.

    Args:
        layer: what to draw.
        place: its panel.
        fresh: whether its label is not in a legend yet.

    Returns:
        Traces as dicts with a `type`; none for rules and separators, which are shapes.
    """
    fx, fy = place.factors
    axes = {"xaxis": f"x{place.suffix}", "yaxis": f"y{place.suffix}"}
    match layer:
        case Series():
            own = [_series(layer, place)]
        case ErrorBars():
            own = [_error_bars(layer, fx, fy)]
        case Area():
            shown = {"mode": "lines", "fill": "toself", "fillcolor": layer.colour, "hoverinfo": "skip"}
            own = [_points(layer, fx, fy) | shown | {"line": {"width": 0}, "opacity": layer.opacity}]
        case Bars():
            own = [_bars(layer, fx, fy)]
        case HeatMap():
            own = _heat_map(layer, place)
        case Note():
            position = "top right" if layer.above else "middle right"
            own = [_text([layer.x * fx], [layer.y * fy], ["\u2002\u2002" + layer.text], INK, position)]
        case _:
            return []
    label = getattr(layer, "label", "")
    legend = {"name": label, "legend": f"legend{place.suffix}", "legendgroup": f"{label}{place.across}"}
    own[0] |= legend | {"showlegend": fresh and bool(label)}
    return [trace | axes for trace in own]


def shapes(layer: Layer, place: Place) -> list[dict[str, Any]]:
    """A layer as lines across its panel.

    Args:
        layer: what to draw.
        place: its panel.

    Returns:
        The `shapes` of a layout; none for layers that are traces.
    """
    fx, fy = place.factors
    match layer:
        case Rule():
            line = {"color": layer.colour, "width": 1, "dash": "dash"}
            value = layer.value * (fx if layer.vertical else fy)
            return [_across(place, value, layer.vertical) | {"line": line}]
        case Separator():
            return [_across(place, layer.x, True) | {"line": {"color": "white", "width": 4}}]
        case _:
            return []


def _across(place: Place, value: float, vertical: bool) -> dict[str, Any]:
    along, fixed = ("y", "x") if vertical else ("x", "y")
    return {
        "type": "line",
        f"{along}ref": f"{along}{place.suffix} domain",
        f"{along}0": 0,
        f"{along}1": 1,
        f"{fixed}ref": f"{fixed}{place.suffix}",
        f"{fixed}0": value,
        f"{fixed}1": value,
    }


def _points(layer: Series | ErrorBars | Area, fx: float, fy: float) -> dict[str, Any]:
    return {"type": "scatter", "x": _thin(layer.x, fx), "y": _thin(layer.y, fy)}


def _thin(values: np.ndarray, factor: float) -> np.ndarray:
    """Displayed numbers; single precision halves the page and is finer than any screen."""
    return (np.asarray(values, float) * factor).astype(np.float32)


def _series(series: Series, place: Place) -> dict[str, Any]:
    bare = series.mark in ("points", "hollow")
    marker: dict[str, Any] = {"color": series.colour, "size": round(PIXELS * series.size, 1)}
    hollow = series.mark == "hollow"
    marker["symbol"] = SHAPES[series.shape] + ("-open" if hollow or series.shape == "cross" else "")
    if hollow or series.shape == "cross":
        marker["line"] = {"width": 1.4, "color": series.colour}
    return _points(series, *place.factors) | {
        "mode": "markers" if bare else "lines+markers" if series.mark == "line+points" else "lines",
        "marker": marker,
        "opacity": series.opacity,
        "line": {
            "color": series.colour,
            "width": 1.2 * series.width,
            "dash": "dash" if series.dashed else "solid",
            "shape": "hv" if series.mark == "step" else "linear",
            "simplify": False,
        },
        "hovertemplate": (
            f"{series.label + '<br>' if series.label else ''}"
            f"{place.x.label} %{{x:.5~g}} {place.x_scale.unit}<br>"
            f"{place.panel.y.label} %{{y:.5~g}} {place.panel.y_scale.unit}<extra></extra>"
        ),
    }


def _error_bars(bars: ErrorBars, fx: float, fy: float) -> dict[str, Any]:
    error = {"type": "data", "array": _thin(bars.extent, fy), "color": bars.colour, "thickness": 1.3}
    line = {"width": 1.3, "color": bars.colour}
    return _points(bars, fx, fy) | {
        "mode": "markers",
        "error_y": error,
        "marker": {"symbol": "line-ns", "size": 9, "line": line},  # what the legend shows
        "hovertemplate": "%{y:.4~g} ± %{error_y.array:.3~g}<extra></extra>",
    }


def _bars(bars: Bars, fx: float, fy: float) -> dict[str, Any]:
    along, across = (fx, fy) if bars.horizontal else (fy, fx)
    places, lengths = _thin(bars.places, across), _thin(bars.lengths, along)
    x, y = (lengths, places) if bars.horizontal else (places, lengths)
    return {
        "type": "bar",
        "orientation": "h" if bars.horizontal else "v",
        "x": x,
        "y": y,
        "base": _thin(bars.base, along),
        "width": bars.thickness * across,
        "marker": {"color": bars.colour, "opacity": bars.opacity, "line": {"width": 0}},
        "hovertemplate": f"{bars.label} %{{{'x' if bars.horizontal else 'y'}:.4~g}}<extra></extra>",
    }


def _heat_map(heat: HeatMap, place: Place) -> list[dict[str, Any]]:
    factor, unit = 1.0, ""
    trace: dict[str, Any] = {"type": "heatmap", "showscale": heat.bar is not None}
    if heat.bar is not None:
        scale = axis_scale(heat.bar, heat.limits)
        factor, unit = scale.factor, scale.unit
        height = place.up[1] - place.up[0]
        where = {"x": place.across[1] + 0.01, "y": place.up[0] + height / 2, "len": height}
        title = {"text": axis_title(heat.bar, scale), "side": "right"}
        trace["colorbar"] = where | {"thickness": 12, "xanchor": "left", "outlinewidth": 0, "title": title}
    low, high = heat.limits
    trace |= {
        "z": (heat.values * factor).tolist(),
        "zmin": low * factor,
        "zmax": high * factor,
        "colorscale": [[i / (len(heat.stops) - 1), colour] for i, colour in enumerate(heat.stops)],
        "hovertemplate": f"row %{{y}}, column %{{x}}: %{{z:.4~g}} {unit}<extra></extra>",
    }
    if heat.texts is None:
        return [trace]
    rows, columns = np.indices(heat.texts.shape)
    bold = np.zeros(heat.texts.shape, bool) if heat.bold is None else heat.bold
    texts = [f"<b>{t}</b>" if b else t for t, b in zip(heat.texts.flat, bold.flat, strict=True)]
    colours = [text_colour(heat.stops, (value - low) / (high - low)) for value in heat.values.flat]
    return [trace, _text(columns.ravel().tolist(), rows.ravel().tolist(), texts, colours, "middle center")]


def _text(x: list, y: list, texts: list[str], colour: str | list[str], position: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "text",
        "x": x,
        "y": y,
        "text": texts,
        "textposition": position,
        "textfont": {"size": 10.5, "color": colour},
        "hoverinfo": "skip",
        "showlegend": False,
        "cliponaxis": False,
    }
