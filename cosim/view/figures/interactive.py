"""Figures drawn by plotly: zoomable, for a page that needs no network and no server."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from ....circuits.errors import GaincellError
from .layout import BOTTOM, TOP, axis_layout, layout, legend
from .style import BAND, INK, MUTED
from .traces import Place, shapes, traces
from .units import Scale
from .values import Figure, HeatMap

PANEL_HEIGHT = 210
"""Pixels of a panel of height 1."""
GAP, AXIS = 40, 48
"""Pixels between panels: room for the legend or title of the lower one, and for the x axis of the upper."""
BESIDE, BAR = 0.07, 0.07
"""Room between columns and beside a panel with a colour bar, relative to the figure's width."""
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


def division(figure: Figure) -> str:
    """The figure as an HTML element with its data, which the page's `DRAW` draws once it is laid out.

    Args:
        figure: what to draw.

    Returns:
        HTML.

    Raises:
        GaincellError: plotly is not installed.
    """
    drawn = draw(figure)
    data = drawn.to_json().replace("</", "<\\/")
    label = escape(figure.title, quote=True)
    place = f'<div class="plot" role="img" aria-label="{label}" style="height:{drawn.layout.height}px"></div>'
    return f'{place}<script type="application/json">{data}</script>'


def draw(figure: Figure):
    """The figure as a `plotly.graph_objects.Figure`.

    Args:
        figure: what to draw.

    Raises:
        GaincellError: plotly is not installed.
    """
    _plotly()
    import plotly.graph_objects as go

    places, total = _places(figure)
    parts: dict[str, Any] = layout(height=total + TOP + BOTTOM) | {"shapes": [], "annotations": []}
    drawn: list[dict[str, Any]] = []
    seen: list[set[str]] = [set() for _ in range(figure.columns)]
    for i, place in enumerate(places):
        column = seen[i % figure.columns]
        if not figure.share_x:
            column.clear()
        for layer in place.panel.layers:
            label = getattr(layer, "label", "")
            drawn += traces(layer, place, fresh=label not in column)
            parts["shapes"] += shapes(layer, place)
            column.add(label)
        parts |= _frame(figure, place, last=i + figure.columns >= len(places))
        if place.panel.title:
            parts["annotations"].append(_title(place))
    parts["shapes"] += _spans(figure, places[0].x_scale)
    parts["annotations"] += _span_names(figure, places[0].x_scale)
    return go.Figure(data=drawn, layout=parts)


def _plotly() -> None:
    try:
        import plotly  # noqa: F401
    except ImportError:
        raise GaincellError(
            "plotly draws interactive pages and is not installed: pip install 'gaincell[report]'"
        ) from None


def _places(figure: Figure) -> tuple[list[Place], float]:
    """Where each panel stands, and the height of them all in pixels."""
    inner = [max(panel.height for panel in row) * PANEL_HEIGHT for row in figure.rows]
    gap = GAP if figure.share_x else GAP + AXIS
    total = sum(inner) + gap * (len(inner) - 1)
    widths = figure.widths or (1.0,) * figure.columns
    unit = (1 - BESIDE * (figure.columns - 1)) / sum(widths)
    places, top = [], float(total)
    for row, height in zip(figure.rows, inner, strict=True):
        left = 0.0
        for panel, width in zip(row, widths, strict=False):
            has_bar = any(isinstance(layer, HeatMap) and layer.bar for layer in panel.layers)
            across = [left, min(left + width * unit - (BAR if has_bar else 0), 1.0)]
            axis, scale, _ = figure.x_of(panel)
            suffix = str(len(places) + 1) if places else ""
            up = [max(top - height, 0) / total, top / total]
            places.append(Place(panel, axis, scale, suffix, across, up))
            left += width * unit + BESIDE
        top -= height + gap
    return places, total


def _frame(figure: Figure, place: Place, last: bool) -> dict[str, Any]:
    """Axes and legend of a panel."""
    panel, suffix = place.panel, place.suffix
    x = axis_layout(place.x, place.x_scale, figure.x_of(panel)[2], named=last or not figure.share_x)
    y = axis_layout(panel.y, panel.y_scale, panel.y_ends)
    if any(isinstance(layer, HeatMap) for layer in panel.layers):
        for axis in (x, y):
            axis |= {"ticks": "", "tickfont": {"size": 10}}
    x |= {"anchor": f"y{suffix}", "domain": place.across}
    if figure.share_x and int(suffix or 1) > figure.columns:
        x["matches"] = f"x{(int(suffix) - 1) % figure.columns + 1}".replace("x1", "x")
    return {
        f"xaxis{suffix}": x,
        f"yaxis{suffix}": y | {"anchor": f"x{suffix}", "domain": place.up},
        f"legend{suffix}": legend(panel.legend, place.across, place.up, panel.legend_title),
    }


def _title(place: Place) -> dict[str, Any]:
    return {
        "text": place.panel.title.replace("\n", "<br>"),
        "xref": "paper",
        "x": place.across[0],
        "xanchor": "left",
        "yref": "paper",
        "y": place.up[1],
        "yanchor": "bottom",
        "yshift": 4,
        "align": "left",
        "showarrow": False,
        "font": {"size": 12, "color": INK},
    }


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
