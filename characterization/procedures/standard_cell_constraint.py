"""Set-up and hold times of the standard cells with memory."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.errors import SimulationError
from ...circuits.rawfile import Waveforms
from ...circuits.standard_cells import CELLS, StandardCell, find_cell
from ...circuits.testbench.cell_constraints import (
    Constraint,
    Trial,
    TrialTimes,
    standard_cell_constraint,
    trials_of,
)
from ...circuits.testbench.standard_cells import CellScale
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure
from ..transitions import crossings

SLEWS = (1.5, 6.0)
"""Slews of data and clock, in delays of an inverter with a fan-out of four."""

PUSH_OUT = 1.1
"""Delay of the output at the set-up or hold time, in that of an early data edge."""


@procedure
class StandardCellConstraint(Procedure):
    """Standard cells: set-up and hold"""

    name = "standard_cell_constraint"
    columns = {
        "cell": "-: name of the cell",
        "pin": "-: data pin",
        "kind": "-: setup or hold",
        "edge": "-: rise or fall of the data",
        "slew_data": "s: 20 to 80 % of the data edge",
        "slew_clock": "s: 20 to 80 % of the clock edge",
        "time": "s: of the data edge before (setup) or after (hold) the storing edge; longest over the "
        "states",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        slews = [k * CellScale.of(ctx.condition).delay for k in SLEWS]
        tables = [
            grid(
                Values("cell", [cell.name]),
                Values("pin", [pin]),
                Values("kind", ["setup", "hold"]),
                Values("slew_data", slews),
                Values("slew_clock", slews),
                Values("edge", ["rise", "fall"]),
            )
            for cell in CELLS.values()
            for pin in cell.data_pins
        ]
        return pd.concat(tables, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for rows in chunks(points, ["cell", "pin", "kind", "slew_data", "slew_clock"]):
            some = points.iloc[rows]
            slews = (float(some[name].iloc[0]) for name in ("slew_data", "slew_clock"))
            cell, trials = _trials(some)
            deck = standard_cell_constraint(
                ctx.condition, cell, [t for group in trials for t in group], *slews
            )
            batches.append(Batch(deck, rows))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        times = TrialTimes(CellScale.of(ctx.condition).delay)
        cell, trials = _trials(points)
        found, number = [], 0
        for group in trials:
            limits = []
            for trial in group:
                limits.append(_limit(cell, trial, times, ctx.condition.vdd, waves, number))
                number += 1
            found.append(max(limits))
        return pd.DataFrame({"time": found})


def _trials(points: pd.DataFrame) -> tuple[StandardCell, list[list[Trial]]]:
    """The cell of a batch and the trials of each of its points."""
    cell = find_cell(points["cell"].iloc[0])
    rows = points[["pin", "kind", "edge"]].itertuples(index=False, name=None)
    return cell, [trials_of(cell, Constraint(pin, kind, edge == "rise")) for pin, kind, edge in rows]


def _limit(
    cell: StandardCell, trial: Trial, times: TrialTimes, vdd: float, waves: Waveforms, number: int
) -> float:
    """Tightest time (s) at which a trial stores what it should, by at most `PUSH_OUT` of the delay."""
    kind = trial.constraint.kind
    offsets, edges = times.offsets(kind), times.data_edges(kind)
    delays = [
        _delay(cell, trial, times, vdd, waves, f"v(o{number}_{i})", edge) for i, edge in enumerate(edges)
    ]
    relaxed = delays[-1]
    if np.isnan(relaxed):
        raise SimulationError(
            f"{cell.name}: {trial.constraint.pin} is not stored with a {kind} time of {offsets[-1]:.3g} s; "
            "raise the supply or the temperature"
        )
    most = PUSH_OUT * relaxed
    met = np.array([delay <= most for delay in delays])  # NaN, a wrong value, is not
    if met.all():
        return offsets[0]
    last = int(np.flatnonzero(~met)[-1])
    if np.isnan(delays[last]):
        return offsets[last + 1]
    return float(np.interp(most, [delays[last + 1], delays[last]], [offsets[last + 1], offsets[last]]))


def _delay(
    cell: StandardCell, trial: Trial, times: TrialTimes, vdd: float, waves: Waveforms, name: str, edge: float
) -> float:
    """Delay (s) of the output's change, 0 where it is to keep its value; NaN where it does otherwise."""
    before, after = trial.q_before, trial.q_after
    if cell.kind == "latch":  # transparent: the output follows the data until the storing edge
        before = int(not trial.constraint.rising)
    changes = crossings(waves, name, vdd / 2, 4 * times.phase)
    ends_high = waves[name][-1] > vdd / 2
    if len(changes) != int(before != after) or ends_high != bool(after):
        return np.nan
    if before == after:
        return 0.0
    return float(changes[0]) - (edge if cell.kind == "latch" else times.store)
