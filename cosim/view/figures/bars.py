"""Bar charts drawn by plotly."""

from __future__ import annotations

from typing import Any

import numpy as np

from .layout import BOTTOM, TOP, axis_style, layout, legend, log_ticks
from .values import Bar, BarChart, axis_title

ROW = 30
"""Pixels of a bar with its gap."""
WIDTH, STEM = 0.68, 0.1
"""Of a bar, and of the stem of a dot on a logarithmic axis, where the length of a bar would mean nothing."""


def draw_bars(chart: BarChart):
    """The plotly figure."""
    import plotly.graph_objects as go

    scale, (low, high) = chart.scale, chart.reach
    canvas = go.Figure()
    groups = list(dict.fromkeys(bar.group for bar in chart.bars))
    for group in groups:
        bars = [bar for bar in chart.bars if bar.group == group]
        canvas.add_trace(go.Bar(**_trace(chart, bars), name=group, showlegend=len(groups) > 1))
        if chart.axis.log:
            dots = {"color": [bar.colour for bar in bars], "size": 10}
            places = {"x": [bar.value for bar in bars], "y": [bar.label for bar in bars]}
            canvas.add_trace(
                go.Scatter(**places, mode="markers", marker=dots, showlegend=False, hoverinfo="skip")
            )
    parts = layout(height=ROW * len(chart.bars) + TOP + BOTTOM + 10)
    ends = [low * scale.factor, high * scale.factor]
    parts["xaxis"] = axis_style() | {
        "title": {"text": chart.axis.label if chart.axis.log else axis_title(chart.axis, scale)},
        "range": np.log10(ends).tolist() if chart.axis.log else ends,
    }
    if chart.axis.log:
        parts["xaxis"] |= log_ticks(chart.axis, low, high)
    parts["yaxis"] = {
        "categoryorder": "array",
        "categoryarray": [bar.label for bar in reversed(chart.bars)],
        "automargin": True,
        "ticks": "",
        "ticklabelstandoff": 6,
        "fixedrange": True,
    }
    canvas.update_layout(parts | {"barmode": "overlay", "legend": legend(1.0)})
    return canvas


def _trace(chart: BarChart, bars: list[Bar]) -> dict[str, Any]:
    factor = chart.scale.factor
    gap = "\u2002\u2002" if chart.axis.log else ""
    return {
        "y": [bar.label for bar in bars],
        "x": [bar.value * factor for bar in bars],
        "base": None if chart.axis.log else [bar.start * factor for bar in bars],
        "width": STEM if chart.axis.log else WIDTH,
        "orientation": "h",
        "marker": {
            "color": [bar.colour for bar in bars],
            "opacity": [0.4 if bar.faded else 1.0 for bar in bars],
        },
        "text": [gap + chart.text_of(bar) for bar in bars],
        "textposition": "outside",
        "textangle": 0,
        "textfont": {"size": 11},
        "constraintext": "none",
        "cliponaxis": False,
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }
