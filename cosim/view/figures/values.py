"""Values that say what a figure shows, for both renderers.

All numbers are in SI units. Fractions that are read as percent have a unit that starts with %.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .style import INK, MUTED, SEQUENTIAL
from .units import Scale, quantity, scale_of

Mark = Literal["line", "step", "points", "hollow", "line+points"]
Shape = Literal["circle", "square", "diamond", "triangle", "cross"]
Corner = Literal[
    "above", "upper left", "upper center", "upper right", "lower left", "lower right", "center right"
]


@dataclass(frozen=True)
class PlotAxis:
    """One direction of a panel."""

    label: str
    unit: str = ""
    """SI unit without prefix; `%`, or `% of something`, for fractions; empty for pure numbers."""
    log: bool = False
    limits: tuple[float, float] | None = None
    """Both ends; None fits the axis to what is drawn."""
    ticks: tuple[tuple[float, str], ...] | None = None
    """(value, text) of every tick, for categories; None places ticks at round numbers."""
    reversed: bool = False
    """Whether the values grow to the left, or downwards."""
    grid: bool = True


@dataclass(frozen=True)
class Series:
    """One set of points; a NaN breaks the line."""

    x: np.ndarray
    """Shape (n,)."""
    y: np.ndarray
    """Shape (n,)."""
    label: str = ""
    """Entry of the legend; series with equal labels share one."""
    colour: str = INK
    mark: Mark = "line"
    dashed: bool = False
    shape: Shape = "circle"
    size: float = 3.4
    """Diameter of a point, pt."""
    width: float = 1.4
    """Width of the line, pt."""
    opacity: float = 1.0


@dataclass(frozen=True)
class ErrorBars:
    """Vertical bars from y - extent to y + extent."""

    x: np.ndarray
    """Shape (n,)."""
    y: np.ndarray
    """Shape (n,)."""
    extent: np.ndarray
    """Half the length of each bar, shape (n,), unit of y."""
    label: str = ""
    colour: str = INK


@dataclass(frozen=True)
class Area:
    """A filled outline."""

    x: np.ndarray
    """Shape (n,), in the order of the outline."""
    y: np.ndarray
    """Shape (n,)."""
    colour: str = INK
    opacity: float = 0.45


@dataclass(frozen=True)
class Bars:
    """Bars along one axis, each from `base` to `base + length`."""

    places: np.ndarray
    """Positions on the other axis, shape (n,)."""
    lengths: np.ndarray
    """Shape (n,)."""
    base: np.ndarray
    """Shape (n,)."""
    label: str = ""
    colour: str = INK
    horizontal: bool = False
    thickness: float = 0.66
    """Extent on the other axis, in its unit."""
    opacity: float = 1.0


@dataclass(frozen=True)
class HeatMap:
    """Coloured squares at (column, row) = (0, 0), (1, 0), ..."""

    values: np.ndarray
    """Shape (rows, columns); NaN leaves a square empty."""
    limits: tuple[float, float]
    """Values of the first and last colour."""
    stops: tuple[str, ...] = SEQUENTIAL
    """Colours at equal distances between the limits."""
    texts: np.ndarray | None = None
    """Text in each square, shape (rows, columns)."""
    bold: np.ndarray | None = None
    """Whether each text is bold, shape (rows, columns)."""
    bar: PlotAxis | None = None
    """Label and unit of the colour bar; None draws none."""


@dataclass(frozen=True)
class Rule:
    """A limit or reference: a thin dashed line across the panel at a value of y, or of x if vertical."""

    value: float
    vertical: bool = False
    colour: str = MUTED


@dataclass(frozen=True)
class Separator:
    """A white gap between groups of columns of a heat map, at a value of x."""

    x: float


@dataclass(frozen=True)
class Note:
    """A text right of, or above, a point of the panel."""

    x: float
    y: float
    text: str
    above: bool = False


Layer = Series | ErrorBars | Area | Bars | HeatMap | Rule | Separator | Note


@dataclass(frozen=True)
class Panel:
    """One pair of axes and what is drawn in it, the last layer on top."""

    x: PlotAxis
    y: PlotAxis
    layers: tuple[Layer, ...]
    title: str = ""
    height: float = 1.0
    """Relative to a standard panel, 2.3 inches or 210 pixels."""
    legend: Corner = "above"
    """Place of the legend; a panel with a title has it inside."""
    legend_title: str = ""

    def __post_init__(self) -> None:
        labels = [getattr(layer, "label", "") for layer in self.layers]
        if self.title and self.legend == "above" and any(labels):
            raise ValueError(f"panel {self.title!r} has a title above it, so its legend must be inside")

    @property
    def series(self) -> tuple[Series, ...]:
        """The layers that are series."""
        return tuple(layer for layer in self.layers if isinstance(layer, Series))

    @property
    def x_ends(self) -> tuple[float, float]:
        """Smallest and largest x that is drawn."""
        return _ends(x for layer in self.layers for x in _extent(layer)[0])

    @property
    def y_ends(self) -> tuple[float, float]:
        """Smallest and largest y that is drawn."""
        return _ends(y for layer in self.layers for y in _extent(layer)[1])

    @property
    def x_scale(self) -> Scale:
        """Prefix of the x axis."""
        return axis_scale(self.x, self.x_ends)

    @property
    def y_scale(self) -> Scale:
        """Prefix of the y axis."""
        return axis_scale(self.y, self.y_ends)


@dataclass(frozen=True)
class Span:
    """A range of the x axis with a name, such as a phase of an operation."""

    start: float
    stop: float
    label: str


@dataclass(frozen=True)
class Figure:
    """Panels in a grid, row by row."""

    name: str
    """File name without suffix, and anchor in the page."""
    title: str
    panels: tuple[Panel, ...]
    columns: int = 1
    share_x: bool = False
    """Whether the panels of a column have one x axis (that of the top panel), labelled at the bottom."""
    widths: tuple[float, ...] = ()
    """Relative widths of the columns; empty: all equal."""
    caption: str = ""
    spans: tuple[Span, ...] = ()
    """Named ranges of x, drawn behind every panel."""

    @property
    def rows(self) -> tuple[tuple[Panel, ...], ...]:
        """Panels by row of the grid; the last row may be shorter."""
        starts = range(0, len(self.panels), self.columns)
        return tuple(self.panels[start : start + self.columns] for start in starts)

    def x_of(self, panel: Panel) -> tuple[PlotAxis, Scale, tuple[float, float]]:
        """The x axis of a panel with its prefix and the ends of what is drawn along it."""
        if not self.share_x:
            return panel.x, panel.x_scale, panel.x_ends
        place = next(i for i, other in enumerate(self.panels) if other is panel)
        column = self.panels[place % self.columns :: self.columns]
        ends = _ends(end for other in column for end in other.x_ends)
        return column[0].x, axis_scale(column[0].x, ends), ends


def axis_scale(axis: PlotAxis, values: Iterable[float]) -> Scale:
    """Prefix of an axis; logarithmic axes stay in the unit itself and put the prefix on each tick.

    Args:
        axis: the axis.
        values: what is drawn along it, SI unit; the axis' own limits come before them.

    Returns:
        Factor to the displayed unit, and that unit.
    """
    if axis.log:
        return Scale(1.0, axis.unit)
    values = np.asarray([*(axis.limits or values)], float)
    return scale_of(axis.unit, float(np.nanmax(np.abs(values), initial=0.0)))


def log_ticks(axis: PlotAxis, ends: tuple[float, float]) -> list[tuple[float, str]]:
    """Ticks of a logarithmic axis: every decade, or every third if there are many, or 1, 2, 5 if few.

    Args:
        axis: the axis; pure numbers far from 1 are written as powers of ten.
        ends: smallest and largest value, SI unit.

    Returns:
        (value, text) of every tick.
    """
    low, high = ends
    first, last = int(np.ceil(np.log10(low) - 1e-3)), int(np.floor(np.log10(high) + 1e-3))
    if last - first < 2:
        every = [m * 10.0**k for k in range(first - 1, last + 1) for m in (1, 2, 5)]
        values = [value for value in every if low / 1.002 <= value <= high * 1.002]
    else:
        step = 1 if last - first <= 8 else 3
        values = [10.0**k for k in range(first + (-first) % step, last + 1, step)]
    exponents = [round(np.log10(value)) for value in values]
    if not axis.unit and not all(-4 < exponent < 6 for exponent in exponents):
        return [(10.0**exponent, _power(exponent)) for exponent in dict.fromkeys(exponents)]
    if axis.unit == "s" and exponents[-1] >= 3:  # kiloseconds are hard to read
        return [(10.0**exponent, f"{_power(exponent)} s") for exponent in dict.fromkeys(exponents)]
    return [(value, quantity(value, axis.unit, 1)) for value in values]


def axis_title(axis: PlotAxis, scale: Scale) -> str:
    """Label with its unit in brackets, unless the unit is on every tick."""
    return axis.label if axis.log or not scale.unit else f"{axis.label} ({scale.unit})"


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _extent(layer: Layer) -> tuple[list, list]:
    """Arrays of x and of y that an axis must hold."""
    match layer:
        case ErrorBars():
            return [layer.x], [layer.y - layer.extent, layer.y + layer.extent]
        case Bars():
            sides = [layer.places - layer.thickness / 2, layer.places + layer.thickness / 2]
            ends = [layer.base, layer.base + layer.lengths]
            return (ends, sides) if layer.horizontal else (sides, ends)
        case HeatMap():
            rows, columns = layer.values.shape
            return [np.array([-0.5, columns - 0.5])], [np.array([-0.5, rows - 0.5])]
        case Rule():
            return ([layer.value], []) if layer.vertical else ([], [layer.value])
        case Separator():
            return [], []
        case _:
            return [layer.x], [layer.y]


def _ends(parts: Iterable) -> tuple[float, float]:
    values = np.concatenate([np.atleast_1d(np.asarray(part, float)) for part in parts])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
