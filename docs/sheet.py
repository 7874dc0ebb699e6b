"""A schematic sheet on a grid: symbols with pins, wires, and the netlist that they form.

schemdraw draws. This module also stores every pin, so that a test can compare the drawing with the SPICE
sub-circuit that it represents. Wires join where an end or a pin touches another wire; crossings do not join.
Nets with the same name are one net.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import schemdraw
from schemdraw.elements import Element
from schemdraw.segments import Segment, SegmentCircle, SegmentText

Point = tuple[float, float]

GREY = "#5f6b7a"
BLUE = "#1f5fa8"
SIZE = 10.0
SMALL = 8.0
SCALE = 0.36
"""Inches per grid unit."""

BUBBLE = 0.11
"""Radius of an inversion bubble, grid units."""
FONTS = "Helvetica, Arial, DejaVu Sans, sans-serif"


@dataclass(frozen=True)
class Part:
    """One drawn instance."""

    model: str
    """Sub-circuit of the instance, or the letter of a SPICE element (c, i, e)."""
    pins: dict[str, Point]
    """Positions of the pins by name, grid units."""


@dataclass
class Sheet:
    """Parts, wires and net names of one drawing, in the order of drawing; coordinates in grid units."""

    parts: dict[str, Part] = field(default_factory=dict)
    wires: list[tuple[Point, Point]] = field(default_factory=list)
    names: list[tuple[str, Point]] = field(default_factory=list)
    lines: list[Segment | SegmentCircle | SegmentText] = field(default_factory=list)

    def line(self, *points: Point, color: str = "black", width: float = 1.4, dashed: bool = False) -> None:
        """Draw a line without electrical meaning."""
        self.lines.append(Segment(list(points), color=color, lw=width, ls="--" if dashed else "-"))

    def circle(self, at: Point, radius: float, fill: str | None = None, color: str = "black") -> None:
        """Draw a circle without electrical meaning."""
        self.lines.append(SegmentCircle(at, radius, fill=fill, color=color, lw=1.4))

    def text(
        self, at: Point, content: str, align: str = "center", size: float = SIZE, color: str = "black"
    ) -> None:
        """Draw text at a point; align is left, center or right."""
        self.lines.append(SegmentText(at, content, align=(align, "center"), fontsize=size, color=color))

    def frame(self, low: Point, high: Point, title: str, shift: float = 0.0) -> None:
        """Draw a dashed box around one sub-circuit, with its title above, `shift` from the left edge."""
        (x0, y0), (x1, y1) = low, high
        self.line((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0), color=GREY, width=1.0, dashed=True)
        self.text((x0 + shift, y1 + 0.3), title, "left", SMALL, GREY)

    def wire(self, *points: Point) -> None:
        """Connect consecutive points by wires."""
        self.lines.append(Segment(list(points), lw=1.4))
        self.wires += list(pairwise(points))

    def net(self, name: str, at: Point, side: str = "left") -> None:
        """Name the net at a point; `side` of the text: left, right, top or bottom."""
        self.names.append((name, at))
        shift = {"left": (-0.15, 0), "right": (0.15, 0), "top": (0, 0.3), "bottom": (0, -0.32)}[side]
        align = {"left": "right", "right": "left"}.get(side, "center")
        self.text((at[0] + shift[0], at[1] + shift[1]), name, align, SIZE, BLUE)

    def vdd(self, at: Point) -> None:
        """Draw the supply rail above a point."""
        x, y = at
        self.names.append(("vdd", at))
        self.line((x, y), (x, y + 0.35))
        self.line((x - 0.4, y + 0.35), (x + 0.4, y + 0.35))
        self.text((x, y + 0.62), "vdd", size=SMALL)

    def vss(self, at: Point) -> None:
        """Draw ground below a point."""
        x, y = at
        self.names.append(("vss", at))
        self.line((x, y), (x, y - 0.25))
        for i, half in enumerate((0.36, 0.22, 0.08)):
            self.line((x - half, y - 0.25 - 0.14 * i), (x + half, y - 0.25 - 0.14 * i))

    def place(self, name: str, model: str, pins: dict[str, Point]) -> None:
        """Store an instance by its dotted name.

        Raises:
            ValueError: the sheet has an instance of this name.
        """
        if name in self.parts:
            raise ValueError(f"{name} is drawn twice")
        self.parts[name] = Part(model, pins)

    def nets(self) -> set[frozenset[tuple[str, str]]]:
        """Every net, as a set of (instance, pin) and ("", name of the net)."""
        pins = {(name, pin): at for name, part in self.parts.items() for pin, at in part.pins.items()}
        points = {*pins.values(), *(at for _, at in self.names), *(p for wire in self.wires for p in wire)}
        root = {point: point for point in points}

        def find(point: Point) -> Point:
            while root[point] != point:
                point = root[point]
            return point

        for start, end in self.wires:
            for point in points:
                if touches(point, start, end):
                    root[find(point)] = find(start)
        first: dict[str, Point] = {}
        for name, at in self.names:
            root[find(at)] = find(first.setdefault(name, at))
        found: dict[Point, set[tuple[str, str]]] = {}
        for key, at in [*pins.items(), *((("", name), at) for name, at in self.names)]:
            found.setdefault(find(at), set()).add(key)
        return {frozenset(net) for net in found.values()}

    def save(self, path: Path) -> None:
        """Write the drawing as SVG, or by matplotlib for any other suffix."""
        vector = path.suffix == ".svg"
        schemdraw.use("svg" if vector else "matplotlib")
        drawing = schemdraw.Drawing(show=False)
        font = FONTS if vector else "sans-serif"
        drawing.config(inches_per_unit=SCALE, bgcolor="white", font=font, margin=0.4)
        ink = Element()
        ink.segments += [*self._margins(), *self.lines]
        ink.segments += [SegmentCircle(at, 0.09, fill="black", lw=0.5) for at in self._junctions()]
        drawing.add(ink.at((0, 0)))
        drawing.save(str(path), dpi=110)

    def _margins(self) -> list[Segment]:
        """White strokes under the texts, because schemdraw ignores text when it sizes the canvas."""
        strokes = []
        for label in self.lines:
            if isinstance(label, SegmentText):
                (x, y), width = label.xy, 0.6 * label.fontsize / 72 / SCALE * len(label.text)
                left = x - {"left": 0.0, "center": 0.5, "right": 1.0}[label.align[0]] * width
                strokes.append(Segment([(left, y), (left + width, y)], color="white", lw=0.1))
        return strokes

    def _junctions(self) -> list[Point]:
        """Points where three or more wires or pins meet."""
        ends = [point for wire in self.wires for point in wire]
        ends += [at for part in self.parts.values() for at in part.pins.values()]
        meeting = []
        for point in sorted(set(ends)):
            through = sum(
                touches(point, start, end) and point not in (start, end) for start, end in self.wires
            )
            if ends.count(point) + 2 * through > 2:
                meeting.append(point)
        return meeting


def touches(point: Point, start: Point, end: Point) -> bool:
    """Whether a point lies on the straight wire from start to end, ends included."""
    (x, y), (x0, y0), (x1, y1) = point, start, end
    across = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
    inside = min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1)
    return abs(across) < 1e-9 and inside
