"""Text of Liberty files: groups, attributes and tables (Liberty User Guide, 2017.06)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

MICRO, NANO, PICO, FEMTO = 1e-6, 1e-9, 1e-12, 1e-15
"""Times are written in ps, capacitances in fF, energies in fJ (fF V2), leakage in nW, areas in um2."""

DELAY, ENERGY, PASSIVE, CONSTRAINT = "delay", "energy", "passive_energy", "constraint"
"""Names of the templates: over slew and load (two), over slew, over the slews of clock and data."""

Value = str | float | int | bool


@dataclass
class Group:
    """A group `kind (arguments) { attributes and groups }`."""

    kind: str
    """Kind of group, such as `cell`."""
    arguments: tuple[str, ...] = ()
    """Names in the parentheses."""
    items: list[str | Group] = field(default_factory=list)
    """Lines of attributes, and groups, in order: readers know only what comes before."""

    def set(self, name: str, value: Value) -> Group:
        """Add a simple attribute; return the group. A string is written as it is: `quoted` adds quotes."""
        self.items.append(f"{name} : {written(value)};")
        return self

    def call(self, name: str, *values: str) -> Group:
        """Add a complex attribute `name (value, ...)`; return the group."""
        self.items.append(f"{name} ({', '.join(values)});")
        return self

    def add(self, kind: str, *arguments: str) -> Group:
        """Add a group inside; return the new one."""
        group = Group(kind, arguments)
        self.items.append(group)
        return group

    def text(self, indent: str = "") -> str:
        """The group as Liberty text."""
        inner = indent + "  "
        lines = [inner + item if isinstance(item, str) else item.text(inner) for item in self.items]
        return "\n".join([f"{indent}{self.kind} ({', '.join(self.arguments)}) {{", *lines, f"{indent}}}"])


def written(value: Value) -> str:
    """A value of a simple attribute as text; numbers with five digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.5g}"


def quoted(text: str) -> str:
    """A string with quotes."""
    return f'"{text}"'


def numbers(values: Sequence[float] | np.ndarray) -> str:
    """A quoted list of numbers."""
    return quoted(", ".join(f"{value:.5g}" for value in values))


def condition_of(state: str) -> str:
    """The function that is true in a state `a=0 b=1`, in Liberty's syntax: `!a & b`."""
    pairs = (part.split("=") for part in state.split())
    return " & ".join(pin if value == "1" else f"!{pin}" for pin, value in pairs)


def table(
    group: Group, kind: str, template: str, axes: Sequence[Sequence[float]], values: np.ndarray
) -> None:
    """Add a lookup table to a group.

    Args:
        group: group to add it to.
        kind: kind of table, such as `cell_rise`.
        template: name of its template.
        axes: values of index_1, index_2, in the units of the library.
        values: shape (len of each axis), in the units of the library.
    """
    inside = group.add(kind, template)
    for i, axis in enumerate(axes, start=1):
        inside.call(f"index_{i}", numbers(axis))
    inside.call("values", *(numbers(row) for row in np.atleast_2d(values)))
