"""Area of the standard cells, estimated from their transistors: rows of gates at a contacted pitch."""

from __future__ import annotations

import math
import re

from ...circuits.technology import Technology
from ...circuits.testbench.bench import NETLISTS

HEIGHT = 8.0
"""Height of a cell in gate pitches: 1.4 um over 0.19 um in the Nangate 45 nm open cell library are 7.4."""

FINGER = {"n": 0.25, "p": 0.35}
"""Largest width of one finger, in heights of the cell; a wider transistor has several."""

_ASSIGNED = re.compile(r"(\w+)=(\{[^}]*\}|\S+)")


def cell_area(technology: Technology, name: str) -> float:
    """Area of a standard cell, an estimate.

    Each column of a cell has one n and one p finger at the gate pitch l_min + l_diffusion; one column more is
    the distance to the next cell.

    Args:
        technology: technology with the pitch.
        name: name of the cell.

    Returns:
        Area, m2.
    """
    pitch = technology.l_min + (technology.l_diffusion or technology.l_min)
    height = HEIGHT * pitch
    fingers = {"n": 0, "p": 0}
    for kind, width in transistor_widths(name):
        fingers[kind] += math.ceil(width * technology.w_min / (FINGER[kind] * height) - 1e-9)
    return (max(fingers.values()) + 1) * pitch * height


def transistor_widths(name: str) -> list[tuple[str, float]]:
    """Transistors of a sub-circuit of `logic.sp` or `cells.sp`.

    Args:
        name: name of the sub-circuit.

    Returns:
        Polarity, n or p, and width in w_min of each transistor.
    """
    return _widths(_definitions(), name, {})


def _definitions() -> dict[str, tuple[dict[str, str], list[str]]]:
    """Default parameters and lines of every sub-circuit, by name."""
    found: dict[str, tuple[dict[str, str], list[str]]] = {}
    for file in ("logic", "cells"):
        body: list[str] = []
        for line in (NETLISTS / f"{file}.sp").read_text().splitlines():
            if line.startswith(".subckt"):
                body = []
                found[line.split()[1]] = (dict(_ASSIGNED.findall(line)), body)
            elif line.startswith("x"):
                body.append(line)
    return found


def _widths(definitions, name: str, given: dict[str, float]) -> list[tuple[str, float]]:
    defaults, lines = definitions[name]
    values = {"w_min": 1.0, "l_min": 1.0}
    values |= {key: _number(text, values) for key, text in defaults.items()} | given
    widths = []
    for line in lines:
        target = [word for word in _ASSIGNED.sub("", line).split() if "=" not in word][-1]
        inner = {key: _number(text, values) for key, text in _ASSIGNED.findall(line)}
        if target.startswith("dev_"):
            widths.append((target[4], inner["w"]))
        else:
            widths += _widths(definitions, target, inner)
    return widths


def _number(text: str, values: dict[str, float]) -> float:
    return float(eval(text.strip("{}"), {"__builtins__": {}}, values))
