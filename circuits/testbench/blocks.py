"""Parts of arrays: write port, wires, row drivers, cells, and the setting of stored voltages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..designs import SubArray
from .bench import Condition, step, supply

RELEASE = 0.2e-9
"""Time at which `hold` releases the storage nodes, s. Every schedule starts with a longer reset."""


def write_lines(circuit, condition: Condition) -> None:
    """Add the sources of an idle write port: write bit line at mid-supply, write devices closed."""
    cell = condition.designs.cell
    supply(circuit, "wbl", condition.v_mid)
    supply(circuit, "wwl", cell.v_write_off)
    supply(circuit, "wwlb", condition.vdd - cell.v_write_off)


def wire(circuit, name: str, cells: int, array: SubArray) -> tuple[str, list[str]]:
    """Add a wire along a row or column of cells as an RC ladder.

    Sections of at most `array.section` cells are lumped: the capacitance is on a node in the middle, with
    half of the resistance on either side. A wire without resistance is one node.

    Args:
        circuit: circuit to add it to.
        name: prefix of the names of its nodes and elements.
        cells: number of cells.
        array: resistance, capacitance and section length.

    Returns:
        The driven end, and the node of each cell.
    """
    section = array.section if array.r_wire > 0 else cells
    lengths = section_lengths(cells, section)
    ladder = [f"{name}_{i}" for i in range(len(lengths))]
    end = name if array.r_wire > 0 else ladder[0]
    before, reach = end, 0.0
    for i, (node, length) in enumerate(zip(ladder, lengths, strict=True)):
        if array.c_wire > 0:
            circuit.C(f"{name}_{i}", node, circuit.gnd, array.c_wire * length)
        if array.r_wire > 0:
            circuit.R(f"{name}_{i}", before, node, array.r_wire * (reach + length / 2))
        before, reach = node, length / 2
    return end, [ladder[cell // section] for cell in range(cells)]


def rails(circuit, source: str, converters: int, array: SubArray) -> list[tuple[str, str]]:
    """Add the supply and the ground rail of a bank of converters, both fed at both ends.

    Sections of at most `array.section` converters are lumped: they sit on a node in the middle, with half of
    the section's resistance on either side. The rails have no capacitance, so none of it acts as decoupling.

    Args:
        circuit: circuit to add them to.
        source: node that feeds the supply rail; prefix of the names.
        converters: number of converters, one in each column pitch.
        array: resistance and section length.

    Returns:
        Supply and ground node of each converter; `source` and ground if the rails have no resistance.
    """
    return list(
        zip(
            _rail(circuit, f"{source}_s", source, converters, array),
            _rail(circuit, f"{source}_g", circuit.gnd, converters, array),
            strict=True,
        )
    )


def _rail(circuit, name: str, source: str, converters: int, array: SubArray) -> list[str]:
    """Node of each converter on one rail."""
    if array.r_supply == 0:
        return [source] * converters
    lengths = section_lengths(converters, array.section)
    nodes = [f"{name}{i}" for i in range(len(lengths))]
    before, reach = source, 0.0
    for node, length in zip(nodes, lengths, strict=True):
        circuit.R(node, before, node, array.r_supply * (reach + length / 2))
        before, reach = node, length / 2
    circuit.R(f"{name}{len(nodes)}", before, source, array.r_supply * reach)
    return [node for node, length in zip(nodes, lengths, strict=True) for _ in range(length)]


def section_lengths(cells: int, section: int) -> list[int]:
    """Number of cells in each lumped section of a wire.

    Args:
        cells: number of cells along the wire.
        section: largest number of cells in a section.
    """
    return [min(section, cells - start) for start in range(0, cells, section)]


def drive_rows(
    circuit, condition: Condition, tag: str, inputs: list[str], columns: int, vdd: str
) -> tuple[list[list[str]], list[list[str]]]:
    """Add row drivers and the wires of the word lines.

    Args:
        circuit: circuit to add them to.
        condition: technology, sizes, operating point.
        tag: prefix of the names.
        inputs: input node of each row driver.
        columns: number of cells on a word line.
        vdd: supply node of the drivers.

    Returns:
        Nodes of rwl and of rwlb at each cell, by row and column.
    """
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
    """Add the cells and bit-line wires of an array. The converters are at the first row.

    Args:
        circuit: circuit to add them to.
        condition: technology, sizes, operating point.
        tag: prefix of the names.
        v_store: stored voltages, shape (rows, columns), V.
        word_lines: nodes of rwl at each cell, by row and column.
        complements: nodes of rwlb at each cell, by row and column.
        vdd: supply node of the cells.

    Returns:
        The node of each bit line at its converter, and the stored voltages (V) by storage node.
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
    """Set storage nodes with switches that hold them in the operating point and open at `RELEASE`.

    The state is the same as with initial conditions (.ic), at a cost proportional to the number of cells. In
    every iteration of the operating point ngspice searches all nodes of the circuit for each initial
    condition, which takes most of the time of an array of thousands of cells.

    Args:
        circuit: circuit to add the switches to.
        stored: voltages (V) by storage node.
    """
    circuit.model("hold", "sw", ron=1, roff=1e15, vt=0.5)
    step(circuit, "held", [(0.0, 1.0), (RELEASE, 0.0)])
    levels = {volts: f"level{i}" for i, volts in enumerate(sorted(set(stored.values())))}
    for volts, level in levels.items():
        supply(circuit, level, volts)
    for node, volts in stored.items():
        nodes = (node, levels[volts], "held", circuit.gnd)
        circuit.S(f"h{node}", *nodes, model="hold", initial_state="on")
