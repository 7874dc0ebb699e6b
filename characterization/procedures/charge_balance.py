"""Balance of delivered, dissipated and stored energy, and of the charges on a bit line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...circuits.errors import SimulationError
from ...circuits.rawfile import Waveforms
from ...circuits.runner import Simulation
from ...circuits.testbench import Schedule, cell_read, column, conversion
from ..draws import round_to_levels
from ..energy_balance import energy_balance, node_charge, with_energy_vectors
from ..flatten_netlist import Element, flatten_netlist
from ..procedure import Batch, Context, Procedure, procedure
from .converter import full_scale

CIRCUITS = ("cell read", "ReLU conversion", "signed conversion", "column")
"""Circuits whose balances are measured."""

ROWS = 8
"""Number of cells of the column."""

BALANCE_START = 0.2e-9
"""Start of the balance, s. The simulator then has the charges of every transistor."""


@procedure
class ChargeBalance(Procedure):
    """Energy and charge balance"""

    name = "charge_balance"
    columns = {
        "circuit": "-: cell read, ReLU or signed conversion, or column of 8 cells with its converter",
        "v_store": "V: stored voltages of the cells",
        "t_pulse": "s: pulse widths of the cells",
        "charge": "C: what an ideal source takes from the converter; 0 with cells",
        "e_delivered": "J: by all sources, over the whole operation",
        "e_dissipated": "J: in the channels of all transistors and in all resistors",
        "e_stored": "J: gained by all capacitors and by the transistors' charges",
        "q_cells": "C: through the cells' switches from the bit line while it integrates; NaN without",
        "q_line": "C: given off by the capacitors on the bit line meanwhile; NaN without",
    }
    undefined = frozenset({"q_cells", "q_line"})

    def points(self, ctx: Context) -> pd.DataFrame:
        rng, condition = ctx.rng(self.name), ctx.condition
        longest = condition.designs.clocking.t_pulse_max
        rows = []
        for circuit in CIRCUITS:
            for _ in range(ctx.count(3)):
                cells = {"cell read": 1, "column": ROWS}.get(circuit, 0)
                stored = round_to_levels(rng.uniform(0.4, 1.0, cells), condition.designs.levels.key)
                width = round_to_levels(rng.uniform(0.3, 1.0, cells), condition.designs.levels.query)
                signed = circuit == "signed conversion"
                low = -0.9 if signed else 0.1
                charge = 0.0 if cells else rng.uniform(low, 0.9) * full_scale(ctx, signed)
                volts, seconds = (stored * condition.vdd).tolist(), (width * longest).tolist()
                rows.append({"circuit": circuit, "v_store": volts, "t_pulse": seconds, "charge": charge})
        return pd.DataFrame(rows)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for i, point in points.iterrows():
            simulation, circuit = _circuit(ctx, point)
            batches.append(Batch(with_energy_vectors(simulation, circuit) if circuit else simulation, [i]))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        point = points.iloc[0]
        simulation, circuit = _circuit(ctx, point)
        if not circuit:
            flatten_netlist(simulation.netlist)  # raises with the reason
        found = energy_balance(waves, circuit, BALANCE_START, simulation.end)
        charges = {"q_cells": np.nan, "q_line": np.nan}
        if point["circuit"] == "column":
            schedule, guard = (
                Schedule.single(ctx.condition.designs, False),
                ctx.condition.designs.clocking.t_guard,
            )
            charges = _charges(waves, circuit, schedule.integrate - guard / 2, schedule.ramp - guard / 2)
        energies = {
            "e_delivered": found.delivered,
            "e_dissipated": found.dissipated,
            "e_stored": found.stored,
        }
        return pd.DataFrame([energies | charges])


def _circuit(ctx: Context, point: Any) -> tuple[Simulation, tuple[Element, ...]]:
    """Simulation of a point and its elements; none if the library hides its transistors in sub-circuits."""
    condition, kind = ctx.condition, point["circuit"]
    if kind == "cell read":
        simulation = cell_read(condition, point["v_store"], point["t_pulse"][0], [condition.v_mid])
    elif kind == "column":
        stored, width = np.array(point["v_store"]), np.array(point["t_pulse"])
        simulation = column(condition, stored, width, signed=False)
    else:
        simulation = conversion(condition, [point["charge"]], signed=kind == "signed conversion")
    try:
        return simulation, flatten_netlist(simulation.netlist)
    except SimulationError:
        return simulation, ()


def _charges(waves: Waveforms, circuit: tuple[Element, ...], start: float, stop: float) -> dict[str, float]:
    """Charges (C) through the switches of all cells and from all capacitors on the bit line."""
    line = {node for element in circuit for node in element.nodes if node.startswith("abl0")}
    taken = 0.0
    for element in circuit:
        if element.kind == "m" and element.nodes[0] in line and ".xread." in element.name:
            through = waves.integrate(f"i(@{element.name}[id])", start, stop)
            # ngspice reports the current of a p-channel transistor with its sign reversed.
            taken += -through if ".xsp." in element.name else through
    given = sum(node_charge(waves, circuit, node, start, stop) for node in line)
    return {"q_cells": taken, "q_line": given}
