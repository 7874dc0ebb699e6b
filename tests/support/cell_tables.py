"""Tables of the standard cells for tests: simulated for a few cells, or in closed form for all."""

import numpy as np
import pandas as pd
from scipy.interpolate import RegularGridInterpolator

from gaincell.characterization.liberty.power import pin_capacitances, with_internal_energy
from gaincell.characterization.liberty.timing import COLUMNS
from gaincell.characterization.procedure import Context, find
from gaincell.circuits.runner import simulate
from gaincell.circuits.standard_cells import CELLS, edge_from, find_cell, first_state, label, outputs_of, walk


def simulated(ctx: Context, name: str, cells: tuple[str, ...], **chosen: float) -> pd.DataFrame:
    """Table of a procedure for some cells, and for some values of its other columns."""
    procedure = find(name)
    points = procedure.points(ctx)
    points = points[points["cell"].isin(cells)]
    for column, value in chosen.items():
        points = points[points[column] == value]
    points = points.reset_index(drop=True)
    parts = []
    for batch in procedure.batches(ctx, points):
        own = points.iloc[list(batch.index)].reset_index(drop=True)
        waves = simulate(batch.simulation).require()
        parts.append(pd.concat([own, procedure.measure(ctx, own, waves)], axis=1))
    return pd.concat(parts, ignore_index=True)


DELAY = {"fixed": 20e-12, "slew": 0.1, "load": 5e3}
"""Delay of `linear_tables`: fixed (s), share of the slew, and per load (s/F)."""
INTERNAL = 1e-15
"""Internal energy of every edge in `linear_tables`, J."""
PIN = 0.3e-15
"""Capacitance of every input in `linear_tables`, F."""
LEAKAGE = 2e-9
"""Leakage of every state in `linear_tables`, W."""


def linear_tables(ctx: Context) -> dict[str, pd.DataFrame]:
    """Tables of all cells with delays that are linear in slew and load, and equal energies."""
    points = find("standard_cell").points(ctx)
    rows = []
    for cell, pin, state in points[["cell", "pin", "state"]].itertuples(index=False, name=None):
        rows.append(_OUTPUTS[cell, pin, state])
    edges = pd.concat([points, pd.DataFrame(rows)], axis=1)
    delay = DELAY["fixed"] + DELAY["slew"] * edges["slew"] + DELAY["load"] * edges["load"]
    for edge, name, slew in COLUMNS:
        switches = edges[edge] != "none"
        edges[name] = delay.where(switches)
        edges[slew] = (2 * DELAY["load"] * edges["load"]).where(switches)
    vdd = ctx.condition.vdd
    rising = (edges["output_edge"] == "rise").astype(int) + (edges["carry_edge"] == "rise")
    edges["energy"] = INTERNAL + rising * edges["load"] * vdd**2
    edges["q_in"] = PIN * vdd
    leakage = find("standard_cell_leakage").points(ctx).assign(leakage=LEAKAGE)
    constraints = find("standard_cell_constraint").points(ctx)
    constraints["time"] = np.where(constraints["kind"] == "setup", 30e-12, -5e-12)
    return {
        "standard_cell": edges.assign(status="ok", message=""),
        "standard_cell_leakage": leakage.assign(status="ok", message=""),
        "standard_cell_constraint": constraints.assign(status="ok", message=""),
    }


def _output_edges():
    found = {}
    for cell in CELLS.values():
        for edge in walk(cell):
            before, after = outputs_of(cell, edge.before), outputs_of(cell, edge.after)
            kinds = [{-1: "fall", 0: "none", 1: "rise"}[after[pin] - before[pin]] for pin in cell.outputs]
            names = dict(zip(("output_edge", "carry_edge"), [*kinds, "none"], strict=False))
            found[cell.name, edge.pin, label(cell, edge.before)] = names
    return found


_OUTPUTS = _output_edges()


class Gate:
    """One cell of a netlist: its state, and delays and energies from its table."""

    def __init__(self, name: str, edges: pd.DataFrame, vdd: float, **start: int) -> None:
        self.cell = find_cell(name)
        own = edges[edges["cell"] == name]
        capacitances = pin_capacitances(own, vdd)
        self.vdd = vdd
        self.capacitance = {
            pin: (capacitances[pin, "rise"] + capacitances[pin, "fall"]) / 2 for pin in self.cell.inputs
        }
        self.edges = with_internal_energy(own, capacitances, vdd)
        self.state = first_state(self.cell)
        for pin, value in start.items():
            self.set(pin, value)

    def set(self, pin: str, value: int) -> bool:
        """Change an input without counting; whether it changes."""
        edge = edge_from(self.cell, self.state, pin)
        if edge.rising != bool(value):
            return False
        self.state = edge.after
        return True

    @property
    def output(self) -> int:
        """Value of the first output."""
        return next(iter(outputs_of(self.cell, self.state).values()))

    def look_up(self, column: str, pin: str, rising: bool, slew: float, load: float) -> float:
        """A column at the present state for an edge of an input, linear between the points."""
        rows = self.edges[
            (self.edges["pin"] == pin)
            & (self.edges["edge"] == ("rise" if rising else "fall"))
            & (self.edges["state"] == label(self.cell, self.state))
        ]
        values = rows.pivot_table(index="slew", columns="load", values=column)
        grid = (values.index.to_numpy(), values.columns.to_numpy())
        table = RegularGridInterpolator(grid, values.to_numpy(), bounds_error=False, fill_value=None)
        return float(table((slew, load)))

    def switch(self, pin: str, slew: float, load: float) -> float:
        """Energy (J) of toggling an input, with the charge of the load; the state follows."""
        edge = edge_from(self.cell, self.state, pin)
        spent = self.look_up("internal", pin, edge.rising, slew, load)
        before = self.output
        self.state = edge.after
        return spent + (self.output > before) * load * self.vdd**2
