"""Columns of 64 cells with random stored values and pulses, on a passive bit line with their converter."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Schedule, column, mirrored_rows
from ..draws import draw_column, signs_queries
from ..measure import energy, pulse_width
from ..procedure import Batch, Context, Procedure, procedure
from .converter import reset_energy


@procedure
class ColumnProcedure(Procedure):
    """Column of 64 cells with its converter"""

    name = "column"
    columns = {
        "signed": "-: read by the signed converter; otherwise by the ReLU",
        "v_store": "V: stored voltage per cell; complements last where the array is mirrored",
        "t_pulse": "s: pulse width per cell, negative in the first of two phases",
        "v_start": "V: bit line before the pulses",
        "v_end": "V: bit line after the pulses",
        "t_out": "s: width of the output pulse, negative for a negative sign",
        "e_cells": "J: from the cells' supply",
        "e_convert": "J: from the converter's supply",
        "e_reset": "J: from the reset reference",
    }
    fewest = 7  # the fit has 6 coefficients and leaves out one column of the first 7

    def points(self, ctx: Context) -> pd.DataFrame:
        designs, vdd = ctx.condition.designs, ctx.condition.vdd
        rows = []
        for signed in (False, True):
            rng = ctx.rng(f"{self.name} {'signed' if signed else 'relu'}")
            for _ in range(ctx.count(72)):
                negative = not signed and signs_queries(designs)
                drawn = draw_column(rng, designs.array.rows, signed, designs.levels, negative=negative)
                stored, width = drawn[0] * vdd, drawn[1] * designs.clocking.t_pulse_max
                if negative and designs.array.mirrored:
                    stored, width = mirrored_rows(stored, width, vdd)
                rows.append({"signed": signed, "v_store": stored.tolist(), "t_pulse": width.tolist()})
        return pd.DataFrame(rows)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            Batch(column(ctx.condition, np.array(v), np.array(t), signed=bool(signed)), [i])
            for i, (signed, v, t) in enumerate(
                points[["signed", "v_store", "t_pulse"]].itertuples(index=False)
            )
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        condition, signed = ctx.condition, bool(points["signed"].iloc[0])
        schedule = Schedule.single(condition.designs, signed)
        guard = condition.designs.clocking.t_guard
        width = pulse_width(waves, "v(out)", condition.vdd / 2)
        negative = signed and waves["v(sign)"][-1] < condition.vdd / 2
        return pd.DataFrame(
            {
                "v_start": [waves.at("v(bl)", schedule.integrate - guard / 4)],
                "v_end": [waves.at("v(bl)", schedule.ramp - guard / 4)],
                "t_out": [-width if negative else width],
                "e_cells": [energy(waves, "vdd", condition.vdd)],
                "e_convert": [energy(waves, "ddc", condition.vdd)],
                "e_reset": [reset_energy(condition, waves["v(bl)"][-1], signed=signed)],
            }
        )
