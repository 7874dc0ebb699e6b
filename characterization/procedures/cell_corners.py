"""Charge of a gain cell over stored voltage at every corner, temperature and supply."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import ReadTiming, cell_read
from ..corners import CONDITION_AXES, CONDITION_COLUMNS, condition_at, conditions
from ..measure import energy
from ..plan import Linear
from ..procedure import Batch, Context, Procedure, chunks, procedure


@procedure
class CellCorners(Procedure):
    """Gain cell: charge per full read over corners, temperature and supply"""

    name = "cell_corners"
    columns = {
        **CONDITION_COLUMNS,
        "stored": "-: stored voltage as a fraction of the supply",
        "q_bl": "C: charge that the cell takes from the bit line, clamped at half the supply",
        "v_after": "V: stored voltage 5 ns after the read",
        "e_read": "J: from the cell's supply",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        return conditions(ctx, Linear("stored", 0.0, 1.0, 13))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [self._batch(ctx, points.iloc[rows], rows) for rows in chunks(points, CONDITION_AXES)]

    def _batch(self, ctx: Context, points: pd.DataFrame, rows) -> Batch:
        condition = condition_at(ctx, points)
        width = condition.designs.clocking.t_pulse_max
        stored = points["stored"] * condition.vdd
        return Batch(cell_read(condition, stored, width, [condition.v_mid] * len(points)), rows)

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd = float(points["vdd"].iloc[0])
        timing = ReadTiming(ctx.condition.designs.clocking.t_pulse_max)
        start, copies = timing.start / 2, range(len(points))
        return pd.DataFrame(
            {
                "q_bl": [-waves.integrate(f"i(vbl{i})", start, timing.end) for i in copies],
                "v_after": [waves[f"v(sn{i})"][-1] for i in copies],
                "e_read": [energy(waves, f"dd{i}", vdd, start, timing.end) for i in copies],
            }
        )
