"""Testbenches of one wire of an array, with a node for every cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..runner import Simulation
from .arrays import column, driven_row
from .bench import Condition, close_circuit

PULSE_START = 1e-9
"""Start of the word line's pulse, s."""


def with_node_per_cell(condition: Condition, **sizes: float) -> Condition:
    """The condition with a node of the wires for every cell.

    Args:
        condition: technology, sizes, operating point.
        sizes: further sizes of the array to change, by field of `SubArray`.
    """
    array = condition.designs.array.model_copy(update={"section": 1, **sizes})
    return replace(condition, designs=condition.designs.model_copy(update={"array": array}))


def word_line(condition: Condition, t_pulse: float) -> Simulation:
    """One row driver pulses the word lines of a whole row; the bit lines are held at mid-supply.

    Saves v(row) at the driver's input, v(arwl0_<c>) and v(arwlb0_<c>) at every cell, and i(vddd) of the
    driver.

    Args:
        condition: technology, sizes, operating point; needs wires with resistance and one cell per section
            (`with_node_per_cell`).
        t_pulse: pulse width at the driver's input, s.
    """
    columns = condition.designs.array.columns
    circuit, lines, initial = driven_row("word line, cell by cell", condition, PULSE_START, t_pulse, columns)
    save = ["v(row)", "i(vddd)"]
    save += [f"v({node})" for kind in lines for node in kind[0]]
    return close_circuit(circuit, end=PULSE_START + t_pulse + 3e-9, save=save, initial=initial)


def bit_line(condition: Condition, v_store: np.ndarray, t_pulse: np.ndarray) -> Simulation:
    """A column of the K array (`column`) that also saves its bit line at every cell, v(abl0_<r>).

    A wire without resistance is one node, v(abl0_0).

    Args:
        condition: technology, sizes, operating point.
        v_store: stored voltages, shape (rows,), V.
        t_pulse: pulse widths, shape (rows,), s.
    """
    array = condition.designs.array
    taps = [f"v(abl0_{row})" for row in range(len(v_store) if array.r_wire > 0 else 1)]
    return column(condition, v_store, t_pulse, signed=False, also=taps)
