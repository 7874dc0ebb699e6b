"""Leakage of the standard cells in every state."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.standard_cells import CELLS, find_cell, label, walk
from ...circuits.testbench.standard_cells import standard_cell_rest
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .standard_cell import require_logic

HOLD = 1e-3
"""Time for which a state is held, s. Inner nodes of stacks are at rest after the time in which pA move fC."""

REST = 0.99 * HOLD
"""Time from an edge to the measurement, s."""


@procedure
class StandardCellLeakage(Procedure):
    """Standard cells: leakage"""

    name = "standard_cell_leakage"
    columns = {
        "cell": "-: name of the cell",
        "state": "-: inputs, and the output of a cell with memory",
        "leakage": "W: from the supply and from the sources of the inputs",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        states = [
            (cell.name, state)
            for cell in CELLS.values()
            for state in dict.fromkeys(label(cell, edge.after) for edge in walk(cell))
        ]
        return pd.DataFrame(states, columns=["cell", "state"])

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            Batch(standard_cell_rest(ctx.condition, find_cell(points["cell"].iloc[rows[0]]), HOLD), rows)
            for rows in chunks(points, "cell")
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        cell, vdd = find_cell(points["cell"].iloc[0]), ctx.condition.vdd
        require_logic(cell, waves, HOLD, REST, vdd, 1)
        power = {}
        for k, edge in enumerate(walk(cell)):
            time = (k + 1) * HOLD + REST
            sources = ["dd0", *(p for p, high in zip(cell.inputs, edge.after.inputs, strict=True) if high)]
            power[label(cell, edge.after)] = -vdd * sum(float(waves.at(f"i(v{n})", time)) for n in sources)
        return pd.DataFrame({"leakage": [power[state] for state in points["state"]]})
