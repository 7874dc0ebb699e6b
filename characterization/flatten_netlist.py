"""Expansion of a deck's sub-circuits into elements with the names that ngspice gives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..circuits.errors import SimulationError

KINDS = "rcviegm"
"""First letters of resistors, capacitors, sources (voltage, current, controlled ones), transistors."""


@dataclass(frozen=True)
class Element:
    """One element of a flat netlist; names are in lower case."""

    kind: str
    """Kind: first letter of its line, one of `KINDS`."""
    name: str
    """Name in ngspice: `r1`, or `r.xa.xb.r1` inside the sub-circuits xa and xb."""
    nodes: tuple[str, ...]
    """Nodes of the first two terminals, or of the four of a transistor: drain, gate, source, bulk."""


def flatten_netlist(netlist: str) -> tuple[Element, ...]:
    """Expand all sub-circuits of a deck.

    Args:
        netlist: deck that defines its sub-circuits.

    Returns:
        Every element of the deck.

    Raises:
        SimulationError: an element of a kind not in `KINDS`, or a sub-circuit of the technology's library.
    """
    _, *lines = _joined(netlist)
    definitions: dict[str, tuple[list[str], list[list[str]]]] = {}
    top: list[list[str]] = []
    current = top
    for words in lines:
        if words[0] == ".subckt":
            ports = [word for word in words[2:] if "=" not in word]
            current = []
            definitions[words[1]] = (ports, current)
        elif words[0] == ".ends":
            current = top
        elif not words[0].startswith((".", "*")):
            current.append(words)
    return tuple(_expanded(top, "", {}, definitions))


def _joined(netlist: str) -> list[list[str]]:
    """Words of each line in lower case, with continuation lines joined; the first line is the title."""
    found: list[list[str]] = []
    for line in netlist.lower().splitlines():
        if line.startswith("+") and found:
            found[-1] += line[1:].split()
        elif line.strip():
            found.append(line.split())
    return found


def _expanded(
    lines: list[list[str]],
    path: str,
    ports: dict[str, str],
    definitions: dict[str, tuple[list[str], list[list[str]]]],
) -> Iterator[Element]:
    """Elements of the lines of one sub-circuit instance; `ports` maps its port names to outer nodes."""

    def node(name: str) -> str:
        return ports.get(name) or (name if name == "0" or not path else f"{path}.{name}")

    for words in lines:
        kind, name = words[0][0], words[0]
        if kind == "x":
            before = [word for word in words[1:] if "=" not in word]
            *outer, target = before
            if target not in definitions:
                raise SimulationError(
                    f"{name} is the sub-circuit {target} of a library; energies are only balanced where "
                    "transistors are models of the simulator itself"
                )
            inner, body = definitions[target]
            below = dict(zip(inner, map(node, outer), strict=True))
            yield from _expanded(body, f"{path}.{name}" if path else name, below, definitions)
            continue
        if kind not in KINDS:
            raise SimulationError(f"{name}: no energy is counted for elements of this kind")
        count = 4 if kind == "m" else 2
        yield Element(kind, f"{kind}.{path}.{name}" if path else name, tuple(map(node, words[1 : 1 + count])))
