"""Stored voltage against age, for each level, write device, bit-line rest voltage and temperature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import cell_retention
from ..plan import Linear, Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .cell_write import with_write_device, write_devices

LONGEST = {"cmos": 0.1, "oxide": 1000.0}
"""Age at which a transient ends, s."""
AGES_PER_DECADE = 4


@procedure
class CellRetention(Procedure):
    """Gain cell: retention"""

    name = "cell_retention"
    columns = {
        "write_device": "-: cmos (transmission gate) or oxide",
        "temperature": "Celsius",
        "v_rest": "V: voltage at which the write bit line rests",
        "v_store": "V: voltage stored at age 0",
        "age": "s: time since the write",
        "v_aged": "V: stored voltage at that age",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        vdd = ctx.condition.vdd
        return grid(
            Values("write_device", write_devices(ctx)),
            Values("temperature", sorted({ctx.temperature, 85.0})),
            Values("v_rest", [0.0, vdd / 2, vdd]),
            Linear("v_store", -vdd / 36, vdd * 37 / 36, 20),  # writes overshoot the rails by millivolts
        )

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for rows in chunks(points, ["write_device", "temperature", "v_rest"]):
            some = points.iloc[rows]
            device, temperature, v_rest = some.iloc[0][["write_device", "temperature", "v_rest"]]
            condition = replace(with_write_device(ctx.condition, device), temperature=float(temperature))
            batches.append(
                Batch(cell_retention(condition, some["v_store"], float(v_rest), LONGEST[device]), rows)
            )
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        end = LONGEST[points["write_device"].iloc[0]]
        decades = 5
        ages = np.r_[0.0, np.geomspace(end / 10**decades, end, decades * AGES_PER_DECADE + 1)]
        tables = [
            pd.DataFrame({"point": i, "age": ages, "v_aged": waves.at(f"v(sn{i})", ages)})
            for i in range(len(points))
        ]
        return pd.concat(tables, ignore_index=True)
