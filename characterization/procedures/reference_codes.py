"""Charge of a cell at every code of the write references: what the trim of a die is found from."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import read_start, written_read
from ..procedure import Batch, Context, Procedure, chunks, procedure

SPAN = 8
"""The supply over the range of every reference's code: the middle one moves by as much either way."""


@procedure
class ReferenceCodes(Procedure):
    """Gain cell: charge after a write with every code of the three write references"""

    name = "reference_codes"
    columns = {
        "reference": "-: bottom, middle or top",
        "code": "-: code of that reference",
        "level": "V: voltage of the write bit line",
        "v_written": "V: stored voltage after the read",
        "q_bl": "C: charge that the cell takes from the bit line in a full pulse",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        steps, vdd = ctx.condition.designs.references.steps, ctx.condition.vdd
        shift, most = ctx.condition.designs.cell.v_write_shift, steps // SPAN
        volts = {
            "bottom": [(code, code) for code in range(2 * most)],
            "middle": [(code, steps / 2 + code) for code in range(-most, most + 1)],
            "top": [(code, steps - code) for code in range(2 * most)],
        }
        rows = [
            (reference, code, vdd * at / steps + shift)
            for reference, codes in volts.items()
            for code, at in codes
        ]
        return pd.DataFrame(rows, columns=["reference", "code", "level"])

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        condition = ctx.condition
        return [
            Batch(written_read(condition, points["level"].iloc[rows]), rows)
            for rows in chunks(points, "reference")
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        start = read_start(ctx.condition) - ctx.condition.designs.clocking.t_guard / 2
        return pd.DataFrame(
            {
                "v_written": [waves[f"v(sn{i})"][-1] for i in range(len(points))],
                "q_bl": [-waves.integrate(f"i(vbl{i})", start) for i in range(len(points))],
            }
        )
