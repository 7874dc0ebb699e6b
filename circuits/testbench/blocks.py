"""Parts that arrays are put together from: write port, wires, row drivers, cells, how contents are set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..designs import SubArray
from .bench import Condition, step, supply

RELEASE = 0.2e-9
"""Cells held at their contents by `hold` are let go at this time, s; every schedule starts with a reset that
lasts longer."""


def write_lines(circuit, condition: Condition) -> None:
    """The write port at rest: write bit line at mid-supply, write word lines closed."""
    cell = condition.designs.cell
    supply(circuit, "wbl", condition.v_mid)
    supply(circuit, "wwl", cell.v_write_off)
    supply(circuit, "wwlb", condition.vdd - cell.v_write_off)


def wire(circuit, name: str, cells: int, array: SubArray) -> tuple[str, list[str]]:
    """A wire along `cells` cells as an RC ladder; returns its driven end and the node that each cell sits on.

    Sections of at most `array.section` cells are lumped: their capacitance on a node in their middle, their
    resistance half on either side of it. A wire without resistance is one node.
    """
    section = array.section if array.r_wire > 0 else cells
    starts = range(0, cells, section)
    ladder = [f"{name}_{i}" for i in range(len(starts))]
    lengths = [min(section, cells - start) for start in starts]
    end = name if array.r_wire > 0 else ladder[0]
    before, reach = end, 0.0
    for i, (node, length) in enumerate(zip(ladder, lengths, strict=True)):
        if array.c_wire > 0:
            circuit.C(f"{name}_{i}", node, circuit.gnd, array.c_wire * length)
        if array.r_wire > 0:
            circuit.R(f"{name}_{i}", before, node, array.r_wire * (reach + length / 2))
        before, reach = node, length / 2
    return end, [ladder[cell // section] for cell in range(cells)]


def drive_rows(
    circuit, condition: Condition, tag: str, inputs: list[str], columns: int, vdd: str
) -> tuple[list[list[str]], list[list[str]]]:
    """Row drivers and word-line wires; returns the nodes of rwl and rwlb per row and column."""
    array = condition.designs.array
    lines: tuple[list[list[str]], list[list[str]]] = ([], [])
    for row, node in enumerate(inputs):
        names, ends = (f"{tag}rwl{row}", f"{tag}rwlb{row}"), []
        for name, kind in zip(names, lines, strict=True):
            end, cells = wire(circuit, name, columns, array)
            ends.append(end)
            kind.append(cells)
        circuit.X(f"{tag}drv{row}", "row_driver", node, *ends, vdd, circuit.gnd, x=array.driver)
    return lines


def cell_matrix(
    circuit,
    condition: Condition,
    tag: str,
    v_store: np.ndarray,
    word_lines: list[list[str]],
    complements: list[list[str]],
    vdd: str = "vdd",
) -> tuple[list[str], dict[str, float]]:
    """Cells and bit-line wires of an array; returns the converter-side bit-line nodes and the initial state.

    v_store: shape (rows, columns), V. The converter sits before the first row.
    """
    cell, array = condition.designs.cell, condition.designs.array
    rows, columns = v_store.shape
    initial = {}
    ends = []
    for c in range(columns):
        end, bit_line = wire(circuit, f"{tag}bl{c}", rows, array)
        ends.append(end)
        for r in range(rows):
            stored = f"{tag}sn{r}_{c}"
            lines = (word_lines[r][c], complements[r][c], bit_line[r])
            nodes = ("wbl", "wwl", "wwlb", *lines, stored, vdd, circuit.gnd)
            circuit.X(f"{tag}{r}_{c}", cell.subcircuit, *nodes, **cell.parameters)
            initial[stored] = float(v_store[r, c])
    return ends, initial


def hold(circuit, stored: Mapping[str, float]) -> None:
    """Set storage nodes (name -> V) by switches that hold them in the operating point and open at `RELEASE`.

    The same state as initial conditions give, at a cost in proportion to the number of cells: ngspice looks
    through all nodes of the circuit for each initial condition in every iteration of the operating point,
    which takes most of the time of an array of thousands of cells.
    """
    circuit.model("hold", "sw", ron=1, roff=1e15, vt=0.5)
    step(circuit, "held", [(0.0, 1.0), (RELEASE, 0.0)])
    levels = {volts: f"level{i}" for i, volts in enumerate(sorted(set(stored.values())))}
    for volts, level in levels.items():
        supply(circuit, level, volts)
    for node, volts in stored.items():
        nodes = (node, levels[volts], "held", circuit.gnd)
        circuit.S(f"h{node}", *nodes, model="hold", initial_state="on")
