"""Monte Carlo of the regulator's output."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench.regulator import regulators
from ..monte_carlo import with_sampled_mismatch
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure

REGULATOR = "regulator"
"""Name of the draws, and of the sub-circuit."""


@procedure
class RegulatorMismatch(Procedure):
    """Regulator of the supply: output at the mean peak of the load, Monte Carlo"""

    name = "regulator_mismatch"
    columns = {
        "sample": "-: number of the regulator",
        "v_out": "V: output",
    }
    fewest = 2  # a standard deviation

    def points(self, ctx: Context) -> pd.DataFrame:
        return grid(Values("sample", range(ctx.count(200))))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        design, batches = ctx.condition.designs.regulator, []
        for rows in chunks(points, size=50):
            load = design.sub_tiles * design.i_peak
            deck = regulators(ctx.condition, design.v_in, load, len(rows))
            samples = points["sample"].iloc[rows]
            batches.append(Batch(with_sampled_mismatch(ctx, deck, REGULATOR, REGULATOR, samples), rows))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        return pd.DataFrame({"v_out": [float(waves[f"v(out{i})"][0]) for i in range(len(points))]})
