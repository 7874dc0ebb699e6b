"""Energy and edge delay of a row driver with the word lines of a row."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import row_drive
from ..measure import energy, pulse_width
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, procedure


@procedure
class RowDriver(Procedure):
    """Row driver and read word lines"""

    name = "row_driver"
    columns = {
        "columns": "-: cells on the word line",
        "t_pulse": "s: width at the driver's input",
        "t_near": "s: width of rwl at the driver's end",
        "t_far": "s: width of rwl at the last cell",
        "delay": "s: from the input to rwl at the last cell, rising edge",
        "e_drive": "J: from the driver's supply, one pulse",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        longest = ctx.condition.designs.clocking.t_pulse_max
        most = ctx.condition.designs.array.columns
        return grid(
            Values("columns", [float(max(most // 4, 1)), float(most)]),
            Values("t_pulse", [longest * k / 15 for k in (1, 8, 15)]),
        )

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            Batch(row_drive(ctx.condition, float(row.t_pulse), int(row.columns)), [i])
            for i, row in enumerate(points.itertuples(index=False))
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd = ctx.condition.vdd
        edges = [_rise(waves, name, vdd / 2) for name in ("v(row)", "v(far)")]
        return pd.DataFrame(
            {
                "t_near": [pulse_width(waves, "v(near)", vdd / 2)],
                "t_far": [pulse_width(waves, "v(far)", vdd / 2)],
                "delay": [edges[1] - edges[0]],
                "e_drive": [energy(waves, "ddd", vdd)],
            }
        )


def _rise(waves: Waveforms, name: str, threshold: float) -> float:
    """Time (s) at which a signal first rises through `threshold`, interpolated linearly."""
    after = max(int(np.argmax(waves[name] > threshold)), 1)
    time, value = waves.axis[after - 1 : after + 1], waves[name][after - 1 : after + 1]
    return float(np.interp(threshold, value, time))
