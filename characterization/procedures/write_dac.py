"""Reference ladder of the write DAC: settling of a whole word and energy, over its resistance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench.schedule import WriteTiming
from ...circuits.testbench.write_dac import write_ladder
from ..measure import energy
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure

RESISTANCES = (0.5e3, 1e3, 2e3, 4e3, 8e3)
"""Resistances of the ladder, ohm."""
NONE = -1
"""Level of a ladder to which no column is connected."""


@procedure
class WriteDac(Procedure):
    """Reference ladder of the write DAC"""

    name = "write_dac"
    columns = {
        "resistance": "ohm: of the ladder",
        "level": "-: level that all columns of a word take; -1: no column is connected",
        "e_ladder": "J: from the ladder's supply, one write",
        "v_error": "V: cells at the end of the write pulse minus the level of the ladder without a load",
        "v_line": "V: the same of the write bit lines",
    }
    undefined = frozenset({"v_error", "v_line"})

    def points(self, ctx: Context) -> pd.DataFrame:
        levels = range(ctx.condition.designs.levels.key)
        return grid(Values("resistance", RESISTANCES), Values("level", [NONE, *levels]))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        count = ctx.condition.designs.levels.key
        return [
            Batch(
                write_ladder(
                    ctx.condition,
                    float(points["resistance"].iloc[rows[0]]),
                    [None if level == NONE else int(level) for level in points["level"].iloc[rows]],
                    levels=count,
                ),
                rows,
            )
            for rows in chunks(points, "resistance")
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        timing, vdd = WriteTiming(ctx.condition.designs.cell.t_write), ctx.condition.vdd
        end = timing.start + timing.t_write - 0.1e-9
        free = points["level"].tolist().index(NONE) if NONE in points["level"].tolist() else None
        rows = []
        for i, level in enumerate(points["level"].astype(int)):
            found = {"e_ladder": energy(waves, f"dd{i}", vdd), "v_error": np.nan, "v_line": np.nan}
            if level != NONE:
                # Without the free ladder in the batch, its own taps before the columns close.
                when, tap = (
                    (end, f"v(tap{free}_{level})") if free is not None else (0.0, f"v(tap{i}_{level})")
                )
                wanted = float(waves.at(tap, when))
                found["v_error"] = float(waves.at(f"v(xrow{i}.sn)", end)) - wanted
                found["v_line"] = float(waves.at(f"v(line{i})", end)) - wanted
            rows.append(found)
        return pd.DataFrame(rows)
