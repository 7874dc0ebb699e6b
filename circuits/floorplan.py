"""Area of circuits from the widths and lengths of their transistors, and the lines that cross it: estimates.

No circuit has a layout. Every formula is stated with its constant; `BAND` is the factor by which an area may
be wrong in either direction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path

from .designs import Design, Designs
from .technology import Technology

NETLISTS = Path(__file__).parent / "netlists"
"""Folder of the netlists of the circuits."""
FILL = 0.5
"""Share of an area that its transistors' footprints fill; the rest is wells, wires and distances."""
CAPACITOR = 2e-3
"""Capacitance of metal capacitors per area, F/m2 (2 fF/um2, metal-insulator-metal). No transistor is placed
below them."""
CELL_FILL = 0.7
"""Share of a digital block that its standard cells fill."""
BAND = (0.5, 2.0)
"""Band of every area and every length."""
WIRE_PITCH = 1e-6
"""Length of wire that has the capacitance `SubArray.c_wire`, m."""
_ASSIGNED = re.compile(r"(\w+)=(\{[^}]*\}|\S+)")
_SUFFIXES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3}


@dataclass(frozen=True)
class Footprint:
    """Area of a circuit by kind, m2."""

    transistors: float
    """Transistors, with the space between them."""
    capacitors: float
    """Capacitors."""

    @property
    def area(self) -> float:
        """Sum, m2."""
        return self.transistors + self.capacitors


def footprint(name: str, technology: Technology, parameters: dict[str, float]) -> Footprint:
    """Area of a sub-circuit of the netlists.

    A transistor takes (W + d) (L + 2 d), where d is the length of source and drain (`l_diffusion`, or the
    shortest channel where a technology states none).

    Args:
        name: name of the sub-circuit.
        technology: technology of its devices.
        parameters: instance parameters.
    """
    diffusion = technology.l_diffusion or technology.l_min
    values = {"l_min": technology.l_min, "w_min": technology.w_min}
    covered = capacitance = 0.0
    for kind, found in _elements(name, parameters, values):
        if kind == "c":
            capacitance += found["c"]
        else:
            covered += (found["w"] + diffusion) * (found["l"] + 2 * diffusion)
    return Footprint(covered / FILL, capacitance / CAPACITOR)


def _elements(
    name: str, given: dict[str, float], values: dict[str, float]
) -> Iterator[tuple[str, dict[str, float]]]:
    """Kind, t or c, and sizes of each transistor and capacitor of a sub-circuit."""
    defaults, lines = _definitions()[name]
    inner = dict(values)
    for key, text in defaults.items():
        inner[key] = given[key] if key in given else _number(text, inner)
    for line in lines:
        words = [word for word in _ASSIGNED.sub("", line).split() if "=" not in word]
        if line.startswith("c"):
            yield "c", {"c": _number(line.split()[3], inner)}
        elif line.startswith("x"):
            sizes = {key: _number(text, inner) for key, text in _ASSIGNED.findall(line)}
            if words[-1].startswith("dev_"):
                yield "t", sizes
            else:
                yield from _elements(words[-1], sizes, values)


@cache
def _definitions() -> dict[str, tuple[dict[str, str], list[str]]]:
    """Default parameters and lines of every sub-circuit of the netlists, by name."""
    found: dict[str, tuple[dict[str, str], list[str]]] = {}
    for path in sorted(NETLISTS.glob("*.sp")):
        body: list[str] = []
        for line in path.read_text().replace("\n+", " ").splitlines():
            if line.startswith(".subckt"):
                body = []
                found[line.split()[1]] = (dict(_ASSIGNED.findall(line)), body)
            elif line[:1] in "xc":
                body.append(line)
    return found


def _number(text: str, values: dict[str, float]) -> float:
    text = text.strip("{}")
    if text[-1] in _SUFFIXES and text[:-1].replace(".", "", 1).isdigit():
        return float(text[:-1]) * _SUFFIXES[text[-1]]
    return float(eval(text, {"__builtins__": {}}, values))


def sub_tile_areas(designs: Designs, technology: Technology) -> dict[str, float]:
    """Area of the circuits of one sub-tile by kind, m2: K and V array, both banks of converters.

    Args:
        designs: sizes.
        technology: technology of the devices.
    """

    def of(design: Design) -> Footprint:
        return footprint(design.subcircuit, technology, design.parameters)

    array = designs.array
    outputs = array.rows + (array.normaliser is not None)
    cells = array.columns * (array.rows * (1 + array.mirrored) + outputs)
    cell = of(designs.cell)
    banks = ((designs.converter, array.columns), (designs.readout, outputs))
    biases = [footprint("ramp_bias", technology, design.bias_parameters).area for design, _ in banks]
    return {
        "cells' transistors": cells * cell.transistors,
        "cells' capacitors": cells * cell.capacitors,
        "converters' transistors": sum(count * of(design).transistors for design, count in banks),
        "converters' capacitors": sum(count * of(design).capacitors for design, count in banks),
        "ramp bias": sum(biases),
    }


def tree_length(area: float) -> float:
    """Length of an H-tree per leaf, m: 1.5 leaf pitches, the limit of a large tree.

    A tree over n = 4^k leaves of pitch a has 1.5 a (n - sqrt(n)).

    Args:
        area: area of a leaf, m2.
    """
    return 1.5 * sqrt(area)


def branch_length(area: float, cells: int) -> float:
    """Length of the wire to an input pin inside a block, m: two pitches of its standard cells.

    Args:
        area: sum of its cells' areas, m2.
        cells: number of its cells.
    """
    return 2 * sqrt(area / CELL_FILL / cells)
