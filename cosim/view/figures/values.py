"""Values that say what a figure shows, for both renderers.

All numbers are in SI units. Fractions that are read as percent have a unit that starts with %.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .axes import PlotAxis, axis_scale
from .style import INK, MUTED, SEQUENTIAL
from .units import Scale

Mark = Literal["line", "step", "points", "hollow", "line+points"]
Shape = Literal["circle", "square", "diamond", "triangle", "cross"]
Corner = Literal[
    "above", "upper left", "upper center", "upper right", "lower left", "lower right", "center right"
]


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
        return finite_ends((x for layer in self.layers for x in _extent(layer)[0]), positive=self.x.log)

    @property
    def y_ends(self) -> tuple[float, float]:
        """Smallest and largest y that is drawn."""
        return finite_ends((y for layer in self.layers for y in _extent(layer)[1]), positive=self.y.log)

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
        ends = finite_ends(end for other in column for end in other.x_ends)
        return column[0].x, axis_scale(column[0].x, ends), ends


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


def finite_ends(parts: Iterable, *, positive: bool = False) -> tuple[float, float]:
    """Smallest and largest finite number of some arrays.

    Args:
        parts: arrays or numbers.
        positive: whether to leave out numbers that are not above zero, as a logarithmic axis does.

    Returns:
        Both ends; zeros (ones if positive) if there is no such number.
    """
    values = np.concatenate([[], *(np.ravel(np.asarray(part, float)) for part in parts)])
    values = values[np.isfinite(values) & ((values > 0) | (not positive))]
    return (float(values.min()), float(values.max())) if values.size else (float(positive),) * 2
