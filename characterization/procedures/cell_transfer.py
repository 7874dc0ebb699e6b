"""Charge and read energy of a gain cell over stored voltage, pulse width and bit-line voltage."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import ReadTiming, cell_read
from ..measure import energy, switching_energy
from ..plan import Linear, Random, Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure

COPIES = 60
"""Number of cells in one transient. With fewer, the start of the simulator dominates; with more, the data
exceed the processor's cache."""


@procedure
class CellTransfer(Procedure):
    """Gain cell: charge per read"""

    name = "cell_transfer"
    columns = {
        "v_store": "V: stored voltage before the read",
        "t_pulse": "s: width of the read pulse",
        "v_bl": "V: voltage of the clamped bit line",
        "held_out": "-: a random point, kept from every fit",
        "q_bl": "C: charge that the cell takes from the bit line",
        "v_after": "V: stored voltage 5 ns after the read",
        "e_read": "J: from the cell's supply",
        "e_word_line": "J: charging the cell's read word lines once",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        vdd, longest = ctx.condition.vdd, ctx.condition.designs.clocking.t_pulse_max
        rng = ctx.rng(self.name)
        count = ctx.count(60)
        swept = grid(
            Values("t_pulse", [longest * k / 15 for k in (1, 4, 8, 15)]),
            Values("v_bl", [vdd * k / 36 for k in (10, 12, 14, 16, 18, 20, 22, 24, 26)]),
            Linear("v_store", -vdd / 36, vdd * 37 / 36, 39),  # writes overshoot the rails by millivolts
        )
        unseen = [
            grid(
                Values("t_pulse", [width]),
                Values("v_bl", [v_bl]),
                Random("v_store", 0.0, vdd, count, rng),
            )
            for width in (longest, *rng.uniform(0.1 * longest, longest, 3))
            for v_bl in (vdd / 2, rng.uniform(0.3 * vdd, 0.7 * vdd))
        ]
        swept["held_out"] = False
        random = pd.concat(unseen, ignore_index=True).assign(held_out=True)
        return pd.concat([swept, random], ignore_index=True)[["v_store", "t_pulse", "v_bl", "held_out"]]

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [self._batch(ctx, points.iloc[rows], rows) for rows in chunks(points, "t_pulse", size=COPIES)]

    def _batch(self, ctx: Context, points: pd.DataFrame, rows) -> Batch:
        width = float(points["t_pulse"].iloc[0])
        return Batch(cell_read(ctx.condition, points["v_store"], width, points["v_bl"]), rows)

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd = ctx.condition.vdd
        timing = ReadTiming(float(points["t_pulse"].iloc[0]))
        start = timing.start / 2
        lines = sum(
            switching_energy(waves, line, vdd, start, timing.start + timing.t_pulse / 2, timing.start)
            for line in ("rwl", "rwlb")
        )
        copies = range(len(points))
        return pd.DataFrame(
            {
                "q_bl": [-waves.integrate(f"i(vbl{i})", start, timing.end) for i in copies],
                "v_after": [waves[f"v(sn{i})"][-1] for i in copies],
                "e_read": [energy(waves, f"dd{i}", vdd, start, timing.end) for i in copies],
                "e_word_line": lines / len(points),
            }
        )
