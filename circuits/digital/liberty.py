"""Cells of a Liberty library: functions, capacitances, delays and energies, in SI units.

The reader takes what synthesis, timing and energy need of the format (Liberty User Guide, volumes 1 and 2):
cells with `function`, `ff`, `latch` and clock gates, tables of one or two variables, and `when` conditions.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import ToolError

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s(){}:;,"]+)|([(){}:;,])', re.DOTALL)
_NOISE = re.compile(r"/\*.*?\*/|//[^\n]*|\\\r?\n", re.DOTALL)
INPUT_SLEW = 4.0
"""Slew at the inputs of a netlist over the smallest slew of the tables: in libraries of `gaincell liberty`
two delays of an inverter with a fan-out of four."""
_PREFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}


@dataclass
class Group:
    """A group of the format: `name (arguments) { ... }`."""

    name: str
    """Kind of the group."""
    arguments: list[str]
    """What stands in its parentheses."""
    values: dict[str, list[str]] = field(default_factory=dict)
    """Attributes; of one that is repeated, the last."""
    groups: list[Group] = field(default_factory=list)
    """Groups inside."""

    def of(self, name: str) -> list[Group]:
        """Groups of a kind."""
        return [group for group in self.groups if group.name == name]

    def value(self, name: str, default: str = "") -> str:
        """First value of an attribute."""
        return self.values.get(name, [default])[0]


@dataclass(frozen=True)
class Table:
    """Values over input slew (s) and output load (F), interpolated linearly and extrapolated."""

    slews: np.ndarray
    """Slews, shape (m,), s; one point where the table does not depend on them."""
    loads: np.ndarray
    """Loads, shape (n,), F."""
    values: np.ndarray
    """Values, shape (m, n), SI unit of the quantity."""

    def __call__(self, slew: float, load: float) -> float:
        return _line(self.slews, [_line(self.loads, row, load) for row in self.values], slew)


def _line(points: np.ndarray, values: np.ndarray | list[float], x: float) -> float:
    """Value at x of the polygon through the points; its outer segments go on."""
    if len(points) == 1:
        return float(values[0])
    i = min(max(bisect_left(points, x) - 1, 0), len(points) - 2)
    share = (x - points[i]) / (points[i + 1] - points[i])
    return float(values[i] + share * (values[i + 1] - values[i]))


@dataclass(frozen=True)
class Arc:
    """Tables of a pin for one related pin and condition."""

    related: str
    """Related pin; empty for the pin itself."""
    when: str
    """Condition on the other pins; empty for none."""
    tables: Mapping[str, Table]
    """Tables by name, such as `rise_power` (J) and `cell_rise` (s)."""


@dataclass(frozen=True)
class Pin:
    """A pin of a cell."""

    name: str
    """Name."""
    output: bool
    """Whether the cell drives it."""
    capacitance: float
    """Input capacitance, F."""
    function: str
    """Logic function of an output, in Liberty's syntax."""
    power: tuple[Arc, ...]
    """Internal energy, J."""
    timing: tuple[Arc, ...]
    """Delays and slews, s; the arcs that constrain (set-up, hold) are left out."""
    clock: bool
    """Whether it is a clock."""


@dataclass(frozen=True)
class Cell:
    """A cell of the library."""

    name: str
    """Name."""
    area: float
    """Area, in the library's unit."""
    pins: Mapping[str, Pin]
    """Signal pins."""
    leakage: tuple[tuple[str, float], ...]
    """Leakage (W) by condition; the condition is empty for every other state."""
    state: Group | None
    """Group `ff` or `latch`; None for a combinational cell."""
    clock_gate: bool
    """Whether it is an integrated clock gate."""


@dataclass(frozen=True)
class Library:
    """A Liberty library at one corner."""

    name: str
    """Name."""
    path: Path
    """File."""
    vdd: float
    """Supply, V."""
    cells: Mapping[str, Cell]
    """Cells by name."""

    @cached_property
    def slew(self) -> float:
        """Slew at the inputs of a netlist, s: `INPUT_SLEW` times the smallest of the delays' tables."""
        arcs = [arc for cell in self.cells.values() for pin in cell.pins.values() for arc in pin.timing]
        slews = [float(table.slews[0]) for arc in arcs for table in arc.tables.values()]
        found = [slew for slew in slews if slew > 0]
        if not found:
            raise ToolError(f"library {self.name} has no delays over slews; write one with: gaincell liberty")
        return INPUT_SLEW * min(found)

    @cached_property
    def clock_pin(self) -> float:
        """Smallest capacitance of a clock pin, F; 0 without clocked cells."""
        pins = [pin for cell in self.cells.values() for pin in cell.pins.values() if pin.clock]
        return min((pin.capacitance for pin in pins), default=0.0)

    @classmethod
    def read(cls, path: Path) -> Library:
        """Read a Liberty file.

        Args:
            path: the file.

        Raises:
            ToolError: it cannot be read, is no Liberty file, or lacks cells.
        """
        try:
            root = _parse(path.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise ToolError(f"cannot read Liberty file {path}: {error}") from None
        except (IndexError, ValueError) as error:
            raise ToolError(f"{path} is no Liberty file: {error}; write one with: gaincell liberty") from None
        if root.name != "library" or not root.of("cell"):
            raise ToolError(f"{path} has no cells; write a Liberty file with: gaincell liberty")
        try:
            units = _Units.of(root)
            cells = {cell.arguments[0]: _cell(cell, units) for cell in root.of("cell")}
            vdd = float(root.value("nom_voltage", "nan"))
        except (KeyError, IndexError, ValueError) as error:
            raise ToolError(f"{path} has a value that cannot be read: {error}") from None
        if not vdd > 0:
            raise ToolError(f"{path} states no nom_voltage; write one with: gaincell liberty")
        return cls(root.arguments[0], path, vdd, cells)

    def kind(self, name: str) -> Cell:
        """The cell of a name.

        Raises:
            ToolError: the library has no such cell.
        """
        if name not in self.cells:
            raise ToolError(f"library {self.name} has no cell {name}; synthesise with the same library again")
        return self.cells[name]


@dataclass(frozen=True)
class _Units:
    time: float
    load: float
    leakage: float
    energy: float
    templates: Mapping[str, Group]

    @classmethod
    def of(cls, root: Group) -> _Units:
        volts = _quantity(root.value("voltage_unit", "1V"), "v")
        size, unit = root.values.get("capacitive_load_unit", ["1", "pf"])
        load = float(size) * _quantity(f"1{unit.lower()}", "f")
        templates = {
            group.arguments[0]: group
            for kind in ("lu_table_template", "power_lut_template")
            for group in root.of(kind)
        }
        return cls(
            _quantity(root.value("time_unit", "1ns"), "s"),
            load,
            _quantity(root.value("leakage_power_unit", "1nW"), "w"),
            volts**2 * load,
            templates,
        )


def _quantity(text: str, unit: str) -> float:
    match = re.fullmatch(rf"([\d.eE+-]+)([a-z]?){unit}", text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no number of {unit.upper()}")
    return float(match[1]) * _PREFIX[match[2]]


def _parse(text: str) -> Group:
    tokens = [match.groups() for match in _TOKEN.finditer(_NOISE.sub(" ", text))]
    words = [(string if string is not None else word or mark, mark) for string, word, mark in tokens]
    root = Group("", [])
    stack, i = [root], 0
    while i < len(words):
        word, mark = words[i]
        if mark == "}":
            stack.pop()
            i += 1
        elif mark == ";":
            i += 1
        elif words[i + 1][1] == ":":
            end = next(j for j in range(i + 2, len(words)) if words[j][1] in (";", "}"))
            stack[-1].values[word] = [" ".join(value for value, _ in words[i + 2 : end])]
            i = end
        elif words[i + 1][1] == "(":
            end = next(j for j in range(i + 2, len(words)) if words[j][1] == ")")
            arguments = [value for value, sign in words[i + 2 : end] if sign != ","]
            if end + 1 < len(words) and words[end + 1][1] == "{":
                stack[-1].groups.append(Group(word, arguments))
                stack.append(stack[-1].groups[-1])
                i = end + 2
            else:
                stack[-1].values[word] = arguments
                i = end + 1
        else:
            raise ValueError(f"unexpected {word!r}")
    if len(stack) != 1 or len(root.groups) != 1:
        raise ValueError("braces do not match")
    return root.groups[0]


def _cell(group: Group, units: _Units) -> Cell:
    pins = {pin.name: pin for pin in _pins(group, units)}
    leakage = [
        (part.value("when"), float(part.value("value")) * units.leakage) for part in group.of("leakage_power")
    ]
    if "cell_leakage_power" in group.values:
        leakage.append(("", float(group.value("cell_leakage_power")) * units.leakage))
    states = group.of("ff") + group.of("latch")
    gate = group.value("clock_gating_integrated_cell") != ""
    area = float(group.value("area", "0"))
    return Cell(group.arguments[0], area, pins, tuple(leakage), states[0] if states else None, gate)


def _pins(cell: Group, units: _Units) -> Iterator[Pin]:
    for group in cell.of("pin"):
        power = [
            _arc(part, units, units.energy, ("rise_power", "fall_power", "power"))
            for part in group.of("internal_power")
        ]
        delays = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
        timing = [_arc(part, units, units.time, delays) for part in group.of("timing")]
        yield Pin(
            name=group.arguments[0],
            output=group.value("direction") == "output",
            capacitance=float(group.value("capacitance", "0")) * units.load,
            function=group.value("function"),
            power=tuple(arc for arc in power if arc.tables),
            timing=tuple(arc for arc in timing if arc.tables),
            clock=group.value("clock") == "true" or group.value("clock_gate_clock_pin") == "true",
        )


def _arc(group: Group, units: _Units, unit: float, names: tuple[str, ...]) -> Arc:
    tables = {part.name: _table(part, units, unit) for part in group.groups if part.name in names}
    if both := tables.pop("power", None):
        tables |= {"rise_power": both, "fall_power": both}
    return Arc(group.value("related_pin"), group.value("when"), tables)


def _table(group: Group, units: _Units, unit: float) -> Table:
    template = units.templates.get(group.arguments[0] if group.arguments else "scalar", Group("", []))
    axes: dict[str, np.ndarray] = {}
    for number in (1, 2):
        variable = template.value(f"variable_{number}")
        if variable:
            index = group.values.get(f"index_{number}", template.values.get(f"index_{number}", []))
            is_load = "capacitance" in variable
            axes["load" if is_load else "slew"] = _numbers(index) * (units.load if is_load else units.time)
    values = _numbers(group.values["values"]) * unit
    slews, loads = axes.get("slew", np.zeros(1)), axes.get("load", np.zeros(1))
    if list(axes) == ["load", "slew"]:
        values = values.reshape(len(loads), len(slews)).T
    return Table(slews, loads, values.reshape(len(slews), len(loads)))


def _numbers(texts: list[str]) -> np.ndarray:
    return np.array([float(x) for x in re.split(r"[\s,]+", " ".join(texts).strip()) if x])
