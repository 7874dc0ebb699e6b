"""Parts of a plotly layout that all figures share."""

from __future__ import annotations

from typing import Any

import numpy as np

from .axes import PlotAxis, axis_limits, axis_title, log_ticks
from .style import GRID, INK, MUTED
from .units import Scale
from .values import Corner

TOP, BOTTOM = 54, 52
"""Margins in pixels: room for the legend and the tool bar, and for the x axis."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INSET = 0.02
"""Distance of a legend inside a panel from its edges, relative to the panel."""


def layout(height: float) -> dict[str, Any]:
    """Layout of a figure: margins, fonts, tool bar.

    Args:
        height: height of the figure, pixels.

    Returns:
        Arguments of `plotly.graph_objects.Figure.update_layout`.
    """
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
        "barmode": "overlay",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#b6bec8", "activecolor": INK},
    }


def axis_layout(
    axis: PlotAxis, scale: Scale, ends: tuple[float, float], *, named: bool = True
) -> dict[str, Any]:
    """Look, title, ticks and range of an axis.

    Args:
        axis: the axis.
        scale: its prefix.
        ends: smallest and largest value that is drawn, SI unit.
        named: False leaves out the title and the texts of the ticks.

    Returns:
        The `xaxis` or `yaxis` of a layout, without its place.
    """
    look: dict[str, Any] = {
        "gridcolor": GRID,
        "showgrid": axis.grid,
        "zeroline": False,
        "linecolor": MUTED,
        "showline": True,
        "ticks": "outside" if axis.grid else "",
        "ticklen": 4,
        "tickcolor": MUTED,
        "ticklabelstandoff": 0 if axis.grid else 4,
        "automargin": True,
        "showticklabels": named,
        "title": {"standoff": 8, "text": axis_title(axis, scale) if named else ""},
    }
    ticks = axis.ticks
    if axis.log:
        look["type"] = "log"
        ticks = ticks or log_ticks(axis, axis.limits or ends)
    if ticks is not None:
        look["tickvals"] = [value * scale.factor for value, _ in ticks]
        look["tickangle"] = 0
        look["ticktext"] = [text.replace("\n", "<br>") for _, text in ticks]
    if limits := axis_limits(axis, ends):
        reach = np.asarray(limits, float) * scale.factor
        reach = np.log10(reach) if axis.log else reach
        look["range"] = (reach[::-1] if axis.reversed else reach).tolist()
    elif axis.reversed:
        look["autorange"] = "reversed"
    return look


def legend(corner: Corner, x: list[float], y: list[float], title: str = "") -> dict[str, Any]:
    """A legend in rows above a panel, or in a column inside it.

    Args:
        corner: place of the legend.
        x: left and right end of the panel, relative to the figure.
        y: its lower and upper end.
        title: text above the entries.

    Returns:
        The `legend` of a layout.
    """
    style: dict[str, Any] = {
        "font": {"size": 11},
        "bgcolor": "rgba(255,255,255,0.6)",
        "itemwidth": 30,
        "tracegroupgap": 0,
        "title": {"text": title, "font": {"size": 11}},
    }
    if corner == "above":
        return style | {"orientation": "h", "x": x[0], "xanchor": "left", "y": y[1], "yanchor": "bottom"}
    vertical, _, horizontal = corner.partition(" ")
    across = {"left": INSET, "center": 0.5, "right": 1 - INSET}[horizontal]
    up = {"lower": INSET, "center": 0.5, "upper": 1 - INSET}[vertical]
    return style | {
        "x": x[0] + across * (x[1] - x[0]),
        "xanchor": horizontal,
        "y": y[0] + up * (y[1] - y[0]),
        "yanchor": {"lower": "bottom", "center": "middle", "upper": "top"}[vertical],
    }
