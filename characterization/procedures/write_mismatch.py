"""Monte Carlo of the stored voltage after a write over the levels; all transistors of the cells deviate."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import cell_write
from ..monte_carlo import CELL, with_sampled_mismatch
from ..plan import Linear, Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .cell_mismatch import stored_levels
from .cell_write import with_write_device, write_devices

COPIES = 64
"""Number of cells in one transient."""


@procedure
class WriteMismatch(Procedure):
    """Gain cell: stored voltage after a write, Monte Carlo"""

    name = "write_mismatch"
    columns = {
        "write_device": "-: cmos (transmission gate) or oxide",
        "sample": "-: number of the cell; the same one in cell_mismatch",
        "v_target": "V: level to write, over a stored voltage of half the supply",
        "v_written": "V: stored voltage 5 ns after the write",
    }
    fewest = 8  # the moments of a curve

    def points(self, ctx: Context) -> pd.DataFrame:
        return grid(
            Values("write_device", write_devices(ctx)),
            Values("sample", range(ctx.count(1000))),
            Linear("v_target", 0.0, ctx.condition.vdd, stored_levels(ctx)),
        )

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        chunked = chunks(points, "write_device", size=COPIES)
        return [self._batch(ctx, points.iloc[rows], rows) for rows in chunked]

    def _batch(self, ctx: Context, points: pd.DataFrame, rows) -> Batch:
        condition = with_write_device(ctx.condition, points["write_device"].iloc[0])
        write = cell_write(condition, points["v_target"], [condition.v_mid] * len(points))
        return Batch(
            with_sampled_mismatch(ctx, write, CELL, condition.designs.cell.subcircuit, points["sample"]), rows
        )

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        return pd.DataFrame({"v_written": [waves[f"v(sn{i})"][-1] for i in range(len(points))]})
