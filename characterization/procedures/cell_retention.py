"""Stored voltage over age, for each level, write device, bit-line rest voltage and temperature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import cell_retention
from ..plan import Linear, Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .cell_write import with_write_device, write_devices

LONGEST = {"cmos": 1e3, "oxide": 1e6}
"""Age at the end of a transient, s, by write device. By then a level has moved by half a step, or its
retention time exceeds that of any use."""

AGES_PER_DECADE = 6
"""Number of recorded ages per decade."""

DECADES = 9
"""Number of decades of age that are recorded."""

TEMPERATURES = (0.0, 27.0, 55.0, 85.0, 125.0)
"""Temperatures in addition to that of the plan, Celsius."""


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
        vdd, levels = ctx.condition.vdd, ctx.condition.designs.levels
        tables = []
        for temperature in sorted({ctx.temperature, *TEMPERATURES}):
            # The fit needs finely spaced voltages at the plan's temperature, and some beyond the rails, which
            # writes overshoot by millivolts. At the other temperatures the levels suffice.
            stored = Linear("v_store", 0.0, vdd, max(levels.key, levels.value))
            if temperature == ctx.temperature:
                stored = Linear("v_store", -vdd / 36, vdd * 37 / 36, 20)
            tables.append(
                grid(
                    Values("write_device", write_devices(ctx)),
                    Values("temperature", [temperature]),
                    Values("v_rest", [0.0, vdd / 2, vdd]),
                    stored,
                )
            )
        return pd.concat(tables, ignore_index=True)

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
        end = float(waves.axis[-1])
        ages = np.r_[0.0, np.geomspace(end / 10**DECADES, end, DECADES * AGES_PER_DECADE + 1)]
        tables = [
            pd.DataFrame({"point": i, "age": ages, "v_aged": waves.at(f"v(sn{i})", ages)})
            for i in range(len(points))
        ]
        return pd.concat(tables, ignore_index=True)
