"""Columns of 64 cells with random contents and pulses on the real, passive bit line, and their converter."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Schedule, column
from ..measure import energy, pulse_width
from ..procedure import Batch, Context, Procedure, procedure
from .converter import reset_energy

LEVELS = 8
WIDTH_LEVELS = 16
FULL_SCALE_CELLS = {False: 8, True: 4}
"""By `signed`: about how many cells, full and with a full pulse, make the converter's full scale."""


def draw_column(rng: np.random.Generator, rows: int, signed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Random contents and pulses of one column, as fractions of the supply and of the longest pulse.

    Stored values are levels of the write DAC in three draws out of four, and anything between the rails in
    the fourth (aged cells are not on levels). The query's pulses are on the DAC's widths; those of phi, which
    the signed converter's column sees, take any width. Mean and spread of the contents, the share of rows
    with a pulse, and how far long pulses meet high voltages vary from draw to draw, since a trained network
    aligns them. Draws far beyond the converter's range are drawn again: it would clip them.
    """
    while True:
        mean, spread, lean = rng.normal(0.5, 0.12), rng.uniform(0.08, 0.9), rng.uniform(-0.9, 0.9)
        value, other = rng.standard_normal((2, rows))
        stored = np.clip(mean + spread * value, 0.0, 1.0)
        if rng.random() < 0.75:
            stored = np.round(stored * (LEVELS - 1)) / (LEVELS - 1)
        width = rng.uniform(0.0, 0.9) + 0.35 * (lean * value + np.sqrt(1 - lean**2) * other)
        width = np.clip(width, 0.0, 1.0) * (rng.random(rows) < rng.uniform(0.05, 1.5))
        if not signed:
            width = np.round(width * (WIDTH_LEVELS - 1)) / (WIDTH_LEVELS - 1)
        charge = np.sum(width * (2 * stored - 1)) / FULL_SCALE_CELLS[signed]
        if (-1.4 if signed else 0.0) < charge < 1.4:
            return stored, np.where(width < 0.01, 0.0, width)


@procedure
class Column(Procedure):
    """Column of 64 cells with its converter"""

    name = "column"
    columns = {
        "signed": "-: read by the signed converter; otherwise by the ReLU",
        "v_store": "V: stored voltage per cell",
        "t_pulse": "s: pulse width per cell",
        "v_start": "V: bit line before the pulses",
        "v_end": "V: bit line after the pulses",
        "t_out": "s: width of the output pulse, negative for a negative sign",
        "e_cells": "J: from the cells' supply",
        "e_convert": "J: from the converter's supply",
        "e_reset": "J: from the reset reference",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        array, clocking = ctx.condition.designs.array, ctx.condition.designs.clocking
        rows = []
        for signed in (False, True):
            rng = ctx.rng(f"{self.name} {'signed' if signed else 'relu'}")
            for _ in range(ctx.count(72)):
                stored, width = draw_column(rng, array.rows, signed)
                stored, width = stored * ctx.condition.vdd, width * clocking.t_pulse_max
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
