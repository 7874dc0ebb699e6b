"""What a figure shows. All numbers in SI units; fractions to be read as percent have a unit starting in %."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .units import Scale, quantity, scale_of

Mark = Literal["line", "step", "points", "hollow", "line+points"]


@dataclass(frozen=True)
class PlotAxis:
    """One direction of a panel."""

    label: str
    unit: str = ""
    """SI unit without prefix; `%`, or `% of something`, for fractions; empty for pure numbers."""
    log: bool = False
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Series:
    """One set of points."""

    x: np.ndarray
    """Shape (n,)."""
    y: np.ndarray
    """Shape (n,)."""
    label: str = ""
    """Entry of the legend; series of a figure with equal labels share one."""
    colour: str = "#222222"
    mark: Mark = "line"
    dashed: bool = False


@dataclass(frozen=True)
class Rule:
    """A limit or reference as a thin line across the panel at a value of y."""

    y: float


@dataclass(frozen=True)
class Span:
    """A stretch of the x axis with a name, such as a phase of an operation."""

    start: float
    stop: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    y: PlotAxis
    series: tuple[Series, ...]
    rules: tuple[Rule, ...] = ()
    height: float = 1.0
    """Relative to the other panels of the figure."""


@dataclass(frozen=True)
class Figure:
    """Panels above each other that share the x axis."""

    name: str
    """File name without suffix, and anchor in the page."""
    title: str
    x: PlotAxis
    panels: tuple[Panel, ...]
    caption: str = ""
    spans: tuple[Span, ...] = ()

    @property
    def x_scale(self) -> Scale:
        """Prefix of the x axis, from everything drawn along it."""
        return axis_scale(self.x, (s.x for panel in self.panels for s in panel.series))

    @property
    def x_ends(self) -> tuple[float, float]:
        """Smallest and largest x of all series."""
        every = np.concatenate([np.asarray(s.x, float) for panel in self.panels for s in panel.series])
        return float(np.nanmin(every)), float(np.nanmax(every))


@dataclass(frozen=True)
class Bar:
    """One horizontal bar from `start` to `start + value`."""

    label: str
    value: float
    group: str = ""
    """Entry of the legend."""
    colour: str = "#222222"
    start: float = 0.0
    faded: bool = False
    text: str = ""
    """Written beside the bar; empty writes its value with a prefix."""


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars, the first on top."""

    name: str
    title: str
    axis: PlotAxis
    bars: tuple[Bar, ...]
    caption: str = ""

    @property
    def scale(self) -> Scale:
        """Prefix of the value axis."""
        return axis_scale(self.axis, [np.array([bar.start + bar.value for bar in self.bars])])

    def text_of(self, bar: Bar) -> str:
        """What is written beside a bar."""
        return bar.text or quantity(bar.value, self.axis.unit)

    @property
    def reach(self) -> tuple[float, float]:
        """Ends of the value axis (SI units), with room for the text beside the longest bar."""
        ends = [bar.start + bar.value for bar in self.bars]
        if not self.axis.log:
            return min(0.0, *ends), max(ends) * 1.22
        low, high = np.log10(min(e for e in ends if e > 0)), np.log10(max(ends))
        return float(10 ** (low - 0.6)), float(10 ** (high + 0.25 * (high - low + 0.6)))


def axis_scale(axis: PlotAxis, values: Iterable[np.ndarray]) -> Scale:
    """Prefix of an axis; logarithmic axes stay in the unit itself and put the prefix on each tick."""
    if axis.log:
        return Scale(1.0, axis.unit)
    if axis.limits is not None:
        return scale_of(axis.unit, max(map(abs, axis.limits)))
    arrays = [np.abs(v[np.isfinite(v)]) for v in map(np.asarray, values)]
    return scale_of(axis.unit, max((float(a.max()) for a in arrays if a.size), default=0.0))


def panel_scale(panel: Panel) -> Scale:
    """Prefix of a panel's y axis, from its series and rules."""
    return axis_scale(panel.y, [*(s.y for s in panel.series), *(np.array([r.y]) for r in panel.rules)])


def decades(low: float, high: float) -> list[float]:
    """Tick positions of a logarithmic axis: every decade, or every third where there are many."""
    first, last = int(np.ceil(np.log10(low) - 1e-3)), int(np.floor(np.log10(high) + 1e-3))
    step = 1 if last - first <= 8 else 3
    return [10.0**k for k in range(first + (-first) % step, last + 1, step)]


def axis_title(axis: PlotAxis, scale: Scale) -> str:
    """Label with its unit in brackets."""
    return f"{axis.label} ({scale.unit})" if scale.unit else axis.label
