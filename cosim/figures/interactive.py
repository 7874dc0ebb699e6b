"""Figures drawn by plotly: zoomable, for a page that needs no network and no server."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...circuits.errors import GaincellError
from .style import BAND, GRID, INK, MUTED
from .units import Scale
from .values import BarChart, Figure, Panel, Series, axis_scale, axis_title

PANEL_HEIGHT = 210
"""Pixels of a panel of height 1."""
GAP = 34
"""Pixels between panels: room for the legend of the lower one."""
TOP, BOTTOM, BAR_ROW = 48, 52, 30
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


def script() -> str:
    """The plotly.js library as JavaScript text, to embed once per page.

    Raises:
        GaincellError: plotly is not installed.
    """
    _plotly()
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def division(figure: Figure | BarChart) -> str:
    """The figure as an HTML element with its data; the page must carry `script` before it."""
    return draw(figure).to_html(
        full_html=False, include_plotlyjs=False, config=CONFIG, div_id=f"plot-{figure.name}"
    )


def draw(figure: Figure | BarChart):
    """The plotly figure. Raises GaincellError where plotly is not installed."""
    _plotly()
    return _bars(figure) if isinstance(figure, BarChart) else _panels(figure)


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
    layout: dict[str, Any] = _layout(height=total + TOP + BOTTOM)
    canvas = go.Figure()
    x_scale, seen, top = figure.x_scale, set(), float(total)
    for i, (panel, height) in enumerate(zip(figure.panels, inner, strict=True), start=1):
        suffix = "" if i == 1 else str(i)
        scale = axis_scale(panel.y, (s.y for s in panel.series))
        for series in panel.series:
            fresh = bool(series.label) and series.label not in seen
            canvas.add_trace(_series(series, figure, panel, x_scale, scale, suffix, fresh))
            seen.add(series.label)
        domain = [max(top - height, 0) / total, top / total]
        layout[f"yaxis{suffix}"] = _y_axis(panel, scale, domain, suffix)
        layout[f"legend{suffix}"] = _legend(domain[1])
        layout.setdefault("shapes", []).extend(_shapes(panel, scale, suffix))
        top -= height + GAP
    last = "" if len(inner) == 1 else str(len(inner))
    layout["xaxis"] = _x_axis(figure, x_scale, anchor=f"y{last}")
    layout["shapes"] += _spans(figure, x_scale)
    layout["annotations"] = _span_names(figure, x_scale)
    canvas.update_layout(layout)
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


def _bars(chart: BarChart):
    import plotly.graph_objects as go

    from .static import bar_text

    scale, (low, high) = chart.scale, chart.reach
    canvas = go.Figure()
    groups = list(dict.fromkeys(bar.group for bar in chart.bars))
    for group in groups:
        bars = [bar for bar in chart.bars if bar.group == group]
        canvas.add_trace(
            go.Bar(
                y=[bar.label for bar in bars],
                x=[bar.value * scale.factor for bar in bars],
                base=None if chart.axis.log else [bar.start * scale.factor for bar in bars],
                orientation="h",
                name=group,
                showlegend=len(groups) > 1,
                marker={
                    "color": [bar.colour for bar in bars],
                    "opacity": [0.4 if bar.faded else 1.0 for bar in bars],
                },
                text=[bar_text(bar, chart) for bar in bars],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="%{y}: %{text}<extra></extra>",
            )
        )
    layout = _layout(height=BAR_ROW * len(chart.bars) + TOP + BOTTOM + 10)
    ends = [low * scale.factor, high * scale.factor]
    layout["xaxis"] = _axis_style() | {
        "title": {"text": chart.axis.label if chart.axis.log else axis_title(chart.axis, scale)},
        "range": np.log10(ends).tolist() if chart.axis.log else ends,
    }
    if chart.axis.log:
        layout["xaxis"] |= {"type": "log", "exponentformat": "SI", "ticksuffix": chart.axis.unit, "dtick": 3}
    layout["yaxis"] = {
        "categoryorder": "array",
        "categoryarray": [bar.label for bar in reversed(chart.bars)],
        "automargin": True,
        "ticks": "",
        "fixedrange": True,
    }
    layout |= {"barmode": "overlay", "bargap": 0.3, "legend": _legend(1.0)}
    canvas.update_layout(layout)
    return canvas


def _layout(height: float) -> dict[str, Any]:
    return {
        "template": "none",
        "height": round(height),
        "margin": {"l": 62, "r": 14, "t": TOP, "b": BOTTOM},
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": "white", "bordercolor": GRID, "font": {"family": FONT, "size": 12}},
        "hovermode": "closest",
        "dragmode": "zoom",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#b6bec8", "activecolor": INK},
    }


def _axis_style() -> dict[str, Any]:
    return {
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": MUTED,
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": MUTED,
        "automargin": True,
        "title": {"standoff": 8},
    }


def _x_axis(figure: Figure, scale: Scale, anchor: str) -> dict[str, Any]:
    axis = _axis_style() | {"anchor": anchor, "title": {"text": axis_title(figure.x, scale), "standoff": 8}}
    if figure.x.log:
        axis |= {"type": "log", "exponentformat": "SI", "ticksuffix": figure.x.unit, "dtick": 1}
        axis["title"] = {"text": figure.x.label, "standoff": 8}
    if figure.x.limits:
        ends = [limit * scale.factor for limit in figure.x.limits]
        axis["range"] = np.log10(ends).tolist() if figure.x.log else ends
    return axis


def _y_axis(panel: Panel, scale: Scale, domain: list[float], suffix: str) -> dict[str, Any]:
    axis = _axis_style() | {
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


def _legend(top: float) -> dict[str, Any]:
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": top,
        "yanchor": "bottom",
        "font": {"size": 11},
        "bgcolor": "rgba(0,0,0,0)",
        "itemwidth": 30,
        "tracegroupgap": 0,
    }


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
