"""Power groups of a Liberty file: internal energy of switching outputs and of inputs that switch none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.standard_cells import StandardCell
from .syntax import ENERGY, FEMTO, PASSIVE, PICO, Group, condition_of, quoted, table
from .timing import by_slew_and_load


def pin_capacitances(edges: pd.DataFrame, vdd: float) -> dict[tuple[str, str], float]:
    """Input capacitances of a cell: mean charge over states, slews and loads, over the supply.

    Args:
        edges: rows of the cell in the table `standard_cell`.
        vdd: supply, V.

    Returns:
        Capacitance (F) by input pin and edge, rise or fall.
    """
    return {key: float(charge) / vdd for key, charge in edges.groupby(["pin", "edge"])["q_in"].mean().items()}


def with_internal_energy(
    edges: pd.DataFrame, capacitances: dict[tuple[str, str], float], vdd: float
) -> pd.DataFrame:
    """Add the internal energy of each edge.

    Tools add C V2 / 2 for each edge of a net, with the capacitances of its pins. A rising output takes C V2
    from the supply, a falling one nothing, so the internal energy is that from the supply less C V2 for each
    output that rises. The driver of a rising input delivers its charge at the supply's voltage.

    Args:
        edges: rows of a cell in the table `standard_cell`.
        capacitances: of its pins, from `pin_capacitances`, F.
        vdd: supply, V.

    Returns:
        The rows with the column `internal`, J.
    """
    rising = (edges["output_edge"] == "rise").astype(int) + (edges["carry_edge"] == "rise")
    pins = {pin: (capacitances[pin, "rise"] + capacitances[pin, "fall"]) / 2 for pin in edges["pin"].unique()}
    beyond = np.where(edges["edge"] == "rise", edges["q_in"] - edges["pin"].map(pins) * vdd, 0.0)
    return edges.assign(internal=edges["energy"] - rising * edges["load"] * vdd**2 + beyond * vdd)


def write_output_power(group: Group, cell: StandardCell, edges: pd.DataFrame) -> None:
    """Add the internal power of an output that switches, for each input and state of the others.

    A flip-flop, latch or clock gate has one group per input: the state of the others decides which way the
    output goes, and tools would take its probability for a share of the edges.

    Args:
        group: group of the output pin.
        cell: the cell.
        edges: its rows, from `with_internal_energy`.
    """
    arcs = edges[edges["output_edge"] != "none"]
    for pin in cell.inputs:
        own = arcs[arcs["pin"] == pin]
        if cell.kind == "combinational":
            keys = own["state"].map(lambda state, pin=pin: _others(state, pin))
        else:
            keys = pd.Series("", index=own.index)
        for others, rows in own.groupby(keys, sort=True):
            power = _internal_power(group).set("related_pin", quoted(pin))
            if others:
                power.set("when", quoted(condition_of(others)))
            for kind, some in rows.groupby("output_edge", sort=True):
                axes, values = by_slew_and_load(some, "internal", "mean")
                table(power, f"{kind}_power", ENERGY, axes, values / FEMTO)


def write_input_power(group: Group, cell: StandardCell, pin: str, edges: pd.DataFrame) -> None:
    """Add the internal power of an input's edges that switch no output, for each state of the other pins.

    Args:
        group: group of the input pin.
        cell: the cell.
        pin: the input pin.
        edges: its rows, from `with_internal_energy`.
    """
    arcs = edges[(edges["output_edge"] == "none") & (edges["pin"] == pin)]
    keys = arcs["state"].map(lambda state: _others(state, pin))
    for others, rows in arcs.groupby(keys, sort=True):
        power = _internal_power(group)
        if others:
            power.set("when", quoted(condition_of(others)))
        for kind, some in rows.groupby("edge", sort=True):
            values = some.groupby("slew")["internal"].mean()
            axis = (values.index.to_numpy() / PICO,)
            table(power, f"{kind}_power", PASSIVE, axis, values.to_numpy() / FEMTO)


def _internal_power(group: Group) -> Group:
    # OpenSTA's release of 2019 leaves out groups that do not name their supply.
    return group.add("internal_power").set("related_pg_pin", "vdd")


def _others(state: str, pin: str) -> str:
    return " ".join(part for part in state.split() if not part.startswith(f"{pin}="))
