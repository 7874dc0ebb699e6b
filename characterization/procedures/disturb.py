"""Change of stored voltages by writes and reads of neighbours, per operation and over a thousand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import DisturbTiming, disturb
from ..plan import Linear, Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .cell_write import with_write_device, write_devices

FEW, MANY = 24, 1000
"""Numbers of operations: to measure the drift per operation, and to check it over many."""

SETTLING_OPERATIONS = 5
"""Number of operations after which the waveforms around the storage node repeat in every operation."""

HOT = 85.0
"""Temperature in addition to that of the plan, Celsius."""

ACTIVITIES = {"idle": (False, False), "write": (True, False), "read": (False, True), "both": (True, True)}
"""Whether the neighbours are written and whether a word is read, by name of the activity."""


@procedure
class Disturb(Procedure):
    """Disturbance of stored voltages by writes and reads on shared lines"""

    name = "disturb"
    columns = {
        "write_device": "-: cmos (transmission gate) or oxide",
        "temperature": "Celsius",
        "activity": "-: idle, write (of another word), read (of one word), both",
        "v_data": "V: level of the write bit lines while the other word is written",
        "operations": "-: simulated one after the other",
        "word": "-: read (its word line is pulsed by reads) or idle (it only shares bit lines)",
        "v_store": "V: voltage stored at the start",
        "t_operation": "s: length of an operation",
        "shift_first": "V: stored voltage after the first operation, less the one at the start",
        "shift": "V: the same after the last operation",
        "drift": "V: mean change per operation, from the fifth to the last",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        vdd, count = ctx.condition.vdd, ctx.condition.designs.levels.key
        levels = Linear("v_store", 0.0, vdd, count).values
        devices, mid = Values("write_device", write_devices(ctx)), vdd / 2
        few = [("idle", mid), ("write", 0.0), ("write", vdd), ("read", mid)]
        many = [("write", 0.0), ("both", vdd)]
        outer = dict.fromkeys((levels[0], levels[count // 4], levels[-1 - count // 4], levels[-1]))
        runs = [
            (FEW, ctx.temperature, few, levels),
            (MANY, ctx.temperature, many, tuple(outer)),
        ]
        if ctx.temperature != HOT:
            runs.append((FEW, HOT, few, levels))
        tables = [
            grid(
                devices,
                Values("temperature", [temperature]),
                Values("activity", [activity]),
                Values("v_data", [v_data]),
                Values("operations", [operations]),
                Values("word", ["read", "idle"]),
                Values("v_store", stored),
            )
            for operations, temperature, activities, stored in runs
            for activity, v_data in activities
        ]
        return pd.concat(tables, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        shared = ["write_device", "temperature", "activity", "v_data", "operations"]
        return [self._batch(ctx, points.iloc[rows], rows) for rows in chunks(points, shared)]

    def _batch(self, ctx: Context, points: pd.DataFrame, rows) -> Batch:
        device, temperature, activity, v_data, operations = points.iloc[0][
            ["write_device", "temperature", "activity", "v_data", "operations"]
        ]
        condition = replace(with_write_device(ctx.condition, device), temperature=float(temperature))
        stored = {word: points.loc[points["word"] == word, "v_store"] for word in ("read", "idle")}
        write, read = ACTIVITIES[activity]
        bench = disturb(
            condition, stored, operations=int(operations), v_data=float(v_data), write=write, read=read
        )
        return Batch(bench, rows)

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        condition = with_write_device(ctx.condition, points["write_device"].iloc[0])
        period = DisturbTiming.of(condition.designs).period
        operations = int(points["operations"].iloc[0])
        ends = np.arange(1, operations + 1) * period
        position = points.groupby("word").cumcount()
        rows = []
        for word, i, stored in zip(points["word"], position, points["v_store"], strict=True):
            after = waves.at(f"v({word}_{i})", ends)
            rows.append(
                {
                    "t_operation": period,
                    "shift_first": after[0] - stored,
                    "shift": after[-1] - stored,
                    "drift": drift_per_operation(after),
                }
            )
        return pd.DataFrame(rows)


def drift_per_operation(after: np.ndarray) -> float:
    """Mean change per operation after the first `SETTLING_OPERATIONS`.

    Args:
        after: voltages after each operation, shape (operations,), V.

    Returns:
        Change per operation, V.
    """
    return float((after[-1] - after[SETTLING_OPERATIONS - 1]) / (len(after) - SETTLING_OPERATIONS))
