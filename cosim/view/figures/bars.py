"""Bar charts as figures: horizontal bars with their values written beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .axes import PlotAxis
from .style import INK
from .units import quantity
from .values import Bars, Figure, Layer, Note, Panel, Series

ROW = 0.14
"""Height of a bar with its gap, relative to a standard panel."""


@dataclass(frozen=True)
class Bar:
    """One horizontal bar from `start` to `start + value`."""

    label: str
    value: float
    group: str = ""
    """Entry of the legend."""
    colour: str = INK
    start: float = 0.0
    faded: bool = False
    text: str = ""
    """Written beside the bar; empty writes its value with a prefix."""


def bar_chart(name: str, title: str, axis: PlotAxis, bars: Sequence[Bar], caption: str = "") -> Figure:
    """Horizontal bars, the first on top; dots on stems if the axis is logarithmic.

    Args:
        name: file name without suffix.
        title: title of the figure.
        axis: axis of the values.
        bars: the bars, at least one.
        caption: text below the figure in a page.

    Returns:
        A figure of one panel; the ticks of its y axis are the bars' labels.
    """
    ends = np.array([bar.start + bar.value for bar in bars])
    if axis.log:
        low, high = np.log10(ends[ends > 0].min()) - 0.6, np.log10(ends.max())
        reach = (float(10**low), float(10 ** (high + 0.25 * (high - low))))
    else:
        reach = (min(0.0, float(ends.min())), float(ends.max()) * 1.22)
    # A legend of one group would say nothing.
    named = len({bar.group for bar in bars}) > 1
    layers = [layer for i, bar in enumerate(bars) for layer in _bar(i, bar, axis, reach[0], named)]
    rows = PlotAxis(
        "",
        limits=(-0.6, len(bars) - 0.4),
        ticks=tuple((i, bar.label) for i, bar in enumerate(bars)),
        reversed=True,
        grid=False,
    )
    shown = PlotAxis(axis.label, axis.unit, axis.log, reach)
    return Figure(name, title, (Panel(shown, rows, tuple(layers), height=ROW * len(bars)),), caption=caption)


def _bar(row: int, bar: Bar, axis: PlotAxis, low: float, named: bool) -> list[Layer]:
    label, end = bar.group if named else "", bar.start + bar.value
    opacity = 0.4 if bar.faded else 1.0
    note = Note(end, row, bar.text or quantity(bar.value, axis.unit))
    place, length = np.array([row]), np.array([bar.value])
    if not axis.log:
        own = Bars(place, length, np.array([bar.start]), label, bar.colour, horizontal=True, opacity=opacity)
        return [own, note]
    # The length of a bar would mean nothing on a logarithmic axis.
    stem = Series(np.array([low, end]), np.array([row, row]), "", bar.colour, width=3.0, opacity=opacity)
    return [stem, Series(np.array([end]), place, label, bar.colour, "points", size=5.5), note]
