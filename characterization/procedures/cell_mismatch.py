"""Monte Carlo of the charge of gain cells over stored voltage and pulse width; all transistors deviate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import ReadTiming, cell_read
from ..monte_carlo import CELL, with_sampled_mismatch
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure

COPIES = 60
"""Number of copies in one transient. With more, a copy costs more; with fewer, the start of the simulator
does."""


def stored_levels(ctx: Context) -> int:
    """Number of levels of the finer one of the write DACs for keys and values."""
    return max(ctx.condition.designs.levels.key, ctx.condition.designs.levels.value)


@procedure
class CellMismatch(Procedure):
    """Gain cell: charge per read, Monte Carlo"""

    name = "cell_mismatch"
    columns = {
        "t_pulse": "s: width of the read pulse",
        "sample": "-: number of the cell; the same one in write_mismatch",
        "v_store": "V: stored voltage before the read",
        "q_bl": "C: charge that the cell takes from the bit line, clamped at half the supply",
    }
    fewest = 8  # the moments of a curve

    def points(self, ctx: Context) -> pd.DataFrame:
        vdd, longest = ctx.condition.vdd, ctx.condition.designs.clocking.t_pulse_max
        samples = Values("sample", range(ctx.count(1000)))
        # Full pulses at the levels of the write DAC and half-way between (aged cells lie there). The short
        # pulse at the levels only, to separate the slope over the width from the charge of the edges.
        count = stored_levels(ctx)
        full, levels = np.linspace(0.0, vdd, 2 * count - 1), np.linspace(0.0, vdd, count)
        tables = [
            grid(Values("t_pulse", [width]), samples, Values("v_store", volts.tolist()))
            for width, volts in ((longest, full), (longest * 4 / 15, levels))
        ]
        return pd.concat(tables, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [self._batch(ctx, points.iloc[rows], rows) for rows in chunks(points, "t_pulse", size=COPIES)]

    def _batch(self, ctx: Context, points: pd.DataFrame, rows) -> Batch:
        width, rest = float(points["t_pulse"].iloc[0]), [ctx.condition.v_mid] * len(points)
        read = cell_read(ctx.condition, points["v_store"], width, rest)
        cell = ctx.condition.designs.cell.subcircuit
        return Batch(with_sampled_mismatch(ctx, read, CELL, cell, points["sample"]), rows)

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        timing = ReadTiming(float(points["t_pulse"].iloc[0]))
        start = timing.start / 2
        charges = [-waves.integrate(f"i(vbl{i})", start, timing.end) for i in range(len(points))]
        return pd.DataFrame({"q_bl": charges})
