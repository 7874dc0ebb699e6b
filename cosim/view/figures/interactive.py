"""Figures drawn by plotly: zoomable, for a page that needs no network and no server."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import numpy as np

from ....circuits.errors import GaincellError
from .bars import draw_bars
from .layout import BOTTOM, TOP, axis_style, layout, legend, log_ticks
from .style import BAND, MUTED
from .units import Scale
from .values import BarChart, Figure, Panel, Series, axis_title, panel_scale

PANEL_HEIGHT = 210
"""Pixels of a panel of height 1."""
GAP = 40
"""Pixels between panels: room for the legend of the lower one."""
CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


DRAW = (
    """const config = """
    + json.dumps(CONFIG)
    + """;
const pending = [...document.querySelectorAll("div.plot")];
function drawNext() {
  const place = pending.shift();
  if (!place) return;
  const figure = JSON.parse(place.nextElementSibling.textContent);
  Plotly.newPlot(place, figure.data, figure.layout, config);
  setTimeout(drawNext, 0);
}
drawNext();
"""
)
"""Draws the figures in the order of the page: not before it is laid out, or they would get a wrong width."""


def script() -> str:
    """The plotly.js library as JavaScript text, to embed once per page.

    Raises:
        GaincellError: plotly is not installed.
    """
    _plotly()
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def division(figure: Figure | BarChart) -> str:
    """The figure as an HTML element with its data, which the page's `DRAW` draws once it is laid out."""
    drawn = draw(figure)
    data = drawn.to_json().replace("</", "<\\/")
    label = escape(figure.title, quote=True)
    place = f'<div class="plot" role="img" aria-label="{label}" style="height:{drawn.layout.height}px"></div>'
    return f'{place}<script type="application/json">{data}</script>'


def draw(figure: Figure | BarChart):
    """The plotly figure. Raises GaincellError where plotly is not installed."""
    _plotly()
    return draw_bars(figure) if isinstance(figure, BarChart) else _panels(figure)


def _plotly() -> None:
    try:
        import plotly  # noqa: F401
    except ImportError:
        raise GaincellError(
            "plotly draws interactive pages and is not installed: pip install 'gaincell[report]'"
        ) from None


def _panels(figure: Figure):
    import plotly.graph_objects as go

    inner = [panel.height * PANEL_HEIGHT for panel in figure.panels]
    total = sum(inner) + GAP * (len(inner) - 1)
    parts: dict[str, Any] = layout(height=total + TOP + BOTTOM)
    canvas = go.Figure()
    x_scale, seen, top = figure.x_scale, set(), float(total)
    for i, (panel, height) in enumerate(zip(figure.panels, inner, strict=True), start=1):
        suffix = "" if i == 1 else str(i)
        scale = panel_scale(panel)
        for series in panel.series:
            fresh = bool(series.label) and series.label not in seen
            canvas.add_trace(_series(series, figure, panel, x_scale, scale, suffix, fresh))
            seen.add(series.label)
        domain = [max(top - height, 0) / total, top / total]
        parts[f"yaxis{suffix}"] = _y_axis(panel, scale, domain, suffix)
        parts[f"legend{suffix}"] = legend(domain[1])
        parts.setdefault("shapes", []).extend(_shapes(panel, scale, suffix))
        top -= height + GAP
    last = "" if len(inner) == 1 else str(len(inner))
    parts["xaxis"] = _x_axis(figure, x_scale, anchor=f"y{last}")
    parts["shapes"] += _spans(figure, x_scale)
    parts["annotations"] = _span_names(figure, x_scale)
    canvas.update_layout(parts)
    return canvas


def _series(series: Series, figure: Figure, panel: Panel, x_scale: Scale, y_scale: Scale, suffix: str, fresh):
    import plotly.graph_objects as go

    points = series.mark in ("points", "hollow")
    mode = "markers" if points else "lines+markers" if series.mark == "line+points" else "lines"
    marker = {"color": series.colour, "size": 6 if points else 5}
    if series.mark == "hollow":
        marker |= {"symbol": "circle-open", "line": {"width": 1.4}}
    # Single precision halves the page and is finer than any screen.
    return go.Scatter(
        x=(np.asarray(series.x, float) * x_scale.factor).astype(np.float32),
        y=(np.asarray(series.y, float) * y_scale.factor).astype(np.float32),
        mode=mode,
        name=series.label,
        showlegend=fresh,
        legend=f"legend{suffix}",
        legendgroup=series.label or None,
        marker=marker,
        line={
            "color": series.colour,
            "width": 1.7,
            "dash": "dash" if series.dashed else "solid",
            "shape": "hv" if series.mark == "step" else "linear",
            "simplify": False,
        },
        xaxis="x",
        yaxis=f"y{suffix}",
        hovertemplate=(
            f"{series.label + '<br>' if series.label else ''}"
            f"{figure.x.label} %{{x:.5~g}} {x_scale.unit}<br>"
            f"{panel.y.label} %{{y:.5~g}} {y_scale.unit}<extra></extra>"
        ),
    )


def _x_axis(figure: Figure, scale: Scale, anchor: str) -> dict[str, Any]:
    axis = axis_style() | {"anchor": anchor, "title": {"text": axis_title(figure.x, scale), "standoff": 8}}
    if figure.x.log:
        axis |= log_ticks(figure.x, *figure.x_ends)
        axis["title"] = {"text": figure.x.label, "standoff": 8}
        low, high = np.log10(figure.x_ends)
        axis["range"] = [low - 0.02, high + 0.02]
    if figure.x.limits:
        ends = [limit * scale.factor for limit in figure.x.limits]
        axis["range"] = np.log10(ends).tolist() if figure.x.log else ends
    return axis


def _y_axis(panel: Panel, scale: Scale, domain: list[float], suffix: str) -> dict[str, Any]:
    axis = axis_style() | {
        "domain": domain,
        "anchor": "x",
        "title": {"text": axis_title(panel.y, scale), "standoff": 6},
    }
    if panel.y.log:
        axis |= {"type": "log", "exponentformat": "power"}
    if panel.y.limits:
        ends = [limit * scale.factor for limit in panel.y.limits]
        axis["range"] = np.log10(ends).tolist() if panel.y.log else ends
    return axis


def _shapes(panel: Panel, scale: Scale, suffix: str) -> list[dict[str, Any]]:
    line = {"color": MUTED, "width": 1, "dash": "dash"}
    return [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": f"y{suffix}",
            "y0": rule.y * scale.factor,
            "y1": rule.y * scale.factor,
            "line": line,
        }
        for rule in panel.rules
    ]


def _spans(figure: Figure, scale: Scale) -> list[dict[str, Any]]:
    return [
        {
            "type": "rect",
            "xref": "x",
            "x0": span.start * scale.factor,
            "x1": span.stop * scale.factor,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "fillcolor": BAND,
            "line": {"width": 0},
            "layer": "below",
        }
        for span in figure.spans[::2]
    ]


def _span_names(figure: Figure, scale: Scale) -> list[dict[str, Any]]:
    return [
        {
            "text": span.label,
            "xref": "x",
            "x": (span.start + span.stop) / 2 * scale.factor,
            "yref": "paper",
            "y": 0,
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 10, "color": MUTED},
        }
        for span in figure.spans
    ]
