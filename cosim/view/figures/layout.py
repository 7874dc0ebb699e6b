"""Parts of a plotly layout that all figures share."""

from __future__ import annotations

from typing import Any

from .style import GRID, INK, MUTED
from .units import quantity
from .values import PlotAxis, decades

TOP, BOTTOM = 54, 52
"""Margins in pixels: room for the legend and the tool bar, and for the x axis."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def layout(height: float) -> dict[str, Any]:
    """Layout of a figure that is `height` pixels high: margins, fonts, tool bar."""
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


def axis_style() -> dict[str, Any]:
    """Look of an axis: grid, line and ticks."""
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


def legend(top: float) -> dict[str, Any]:
    """A legend in rows that end at `top`, a fraction of the plot's height."""
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


def log_ticks(axis: PlotAxis, low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis with a tick per decade between low and high (SI), labelled with its unit."""
    ticks = decades(low, high)
    return {"type": "log", "tickvals": ticks, "ticktext": [quantity(tick, axis.unit, 1) for tick in ticks]}
