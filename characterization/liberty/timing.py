"""Timing groups of a Liberty file: delays and slews of the outputs, set-up and hold of the data pins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.standard_cells import StandardCell
from .syntax import CONSTRAINT, DELAY, FEMTO, PICO, Group, quoted, table

COLUMNS = (("output_edge", "delay", "slew_out"), ("carry_edge", "delay_carry", "slew_carry"))
"""Columns of edge, delay and slew of the first and of the second output."""


def write_timing(group: Group, cell: StandardCell, output: str, edges: pd.DataFrame) -> None:
    """Add the timing groups of an output, one per input and sense, with the longest delay over the states.

    Args:
        group: group of the output pin.
        cell: the cell.
        output: output pin.
        edges: rows of the cell in the table `standard_cell`.
    """
    edge, delay, slew = COLUMNS[list(cell.outputs).index(output)]
    for pin in cell.inputs:
        arcs = edges[(edges["pin"] == pin) & (edges[edge] != "none")]
        if arcs.empty:
            continue
        stores = pin == cell.clock and cell.kind in ("flip_flop", "latch")
        senses = np.where(arcs["edge"] == arcs[edge], "positive_unate", "negative_unate")
        if stores:
            senses[:] = "non_unate"
        for sense in sorted(set(senses), reverse=True):
            timing = group.add("timing").set("related_pin", quoted(pin)).set("timing_sense", sense)
            if stores:
                timing.set("timing_type", "rising_edge")
            for kind in ("rise", "fall"):
                rows = arcs[(senses == sense) & (arcs[edge] == kind)]
                if rows.empty:
                    continue
                for name, column in ((f"cell_{kind}", delay), (f"{kind}_transition", slew)):
                    axes, values = by_slew_and_load(rows, column, "max")
                    table(timing, name, DELAY, axes, values / PICO)


def by_slew_and_load(
    rows: pd.DataFrame, column: str, reduce: str
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Values of a column over slew and load.

    Args:
        rows: rows of the table `standard_cell`.
        column: column.
        reduce: how rows of equal slew and load are joined, such as `max`.

    Returns:
        Slews (ps) and loads (fF), and the values, shape (slews, loads), SI unit of the column.
    """
    values = rows.pivot_table(index="slew", columns="load", values=column, aggfunc=reduce)
    return (values.index.to_numpy() / PICO, values.columns.to_numpy() / FEMTO), values.to_numpy()


def write_constraints(group: Group, cell: StandardCell, pin: str, constraints: pd.DataFrame) -> None:
    """Add the set-up and hold groups of a data pin.

    Args:
        group: group of the pin.
        cell: the cell.
        pin: the pin; nothing is added for other pins than data pins.
        constraints: rows of the cell in the table `standard_cell_constraint`.
    """
    edge = {"rise": "rising", "fall": "falling"}.get(cell.stores_at)
    for kind in ("setup", "hold"):
        rows = constraints[(constraints["pin"] == pin) & (constraints["kind"] == kind)]
        if rows.empty:
            continue
        timing = group.add("timing").set("related_pin", quoted(cell.clock))
        timing.set("timing_type", f"{kind}_{edge}")
        for data_edge, some in rows.groupby("edge", sort=True):
            values = some.pivot_table(index="slew_clock", columns="slew_data", values="time")
            axes = (values.index.to_numpy() / PICO, values.columns.to_numpy() / PICO)
            table(timing, f"{data_edge}_constraint", CONSTRAINT, axes, values.to_numpy() / PICO)
