"""One operation of the full 64 x 64 sub-array, 27,142 transistors; minutes, hence in a separate plan."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.testbench import array
from ..procedure import Batch, Context, procedure
from .array import ARRAY_COLUMNS, ArrayProcedure

COARSE_OPTIONS = {"reltol": "1e-3", "trtol": "3", "abstol": "1e-12"}
"""Simulator options, coarser than those of small circuits: pulses differ by about 0.1 % of T_max
(docs/arrays.md). Without `bypass`, whose operating point is wrong where an amplifier holds a node: the
iteration ends while transistors that it skips still carry the currents of a voltage before."""

COST_COLUMNS = {
    "cpu": "s: processor time of the simulation",
    "memory": "B: largest resident size of the simulator",
}
"""Descriptions of the columns with the cost of the simulation."""

TIMEOUT = 7200.0
"""Wall-clock time limit of one operation, for a slow or busy machine, s."""


@procedure
class Array64Procedure(ArrayProcedure):
    """Sub-array of 64 x 64 cells, one operation"""

    name = "array64"
    columns = ARRAY_COLUMNS | COST_COLUMNS
    sizes = (64,)
    kinds = (False,)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for i, row in enumerate(points.itertuples(index=False)):
            stored = np.array(row.v_store).reshape(len(row.t_pulse), -1)
            simulation = array(
                ctx.condition,
                np.array(row.t_pulse),
                stored,
                signed=bool(row.signed),
                options=COARSE_OPTIONS,
                timeout=TIMEOUT,
            )
            batches.append(Batch(simulation, [i]))
        return batches
