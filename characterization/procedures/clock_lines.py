"""Energy of the clock lines of the converters, and the loss of their drivers."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench.clock_lines import (
    DRIVE_START,
    DRIVE_WIDTH,
    clock_edges,
    clock_lines,
    driven_load,
)
from ..measure import energy, switching_energy
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, procedure

AROUND = 0.4e-9
"""Time before and after an edge within which its charge flows, s."""


@procedure
class ClockLines(Procedure):
    """Clock lines of the converters"""

    name = "clock_lines"
    columns = {
        "signed": "-: the signed converter; otherwise the ReLU",
        "line": "-: rst, rstb, on, ramp, win, smp or smpb",
        "cycles": "-: rises of the line per operation",
        "e_line": "J: of one converter's gates and a pitch of wire on the line, per operation",
        "loss": "-: what a driver of fan-out four takes per energy of its load",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        return pd.concat(
            [
                grid(
                    Values("signed", [signed]),
                    Values("line", list(clock_edges(ctx.condition, signed=signed))),
                )
                for signed in (False, True)
            ],
            ignore_index=True,
        )

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            Batch(clock_lines(ctx.condition, signed=bool(signed)), list(rows))
            for signed, rows in points.groupby("signed", sort=False).indices.items()
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd = ctx.condition.vdd
        edges = clock_edges(ctx.condition, signed=bool(points["signed"].iloc[0]))
        driver = (DRIVE_START - AROUND, DRIVE_START + DRIVE_WIDTH + 2 * AROUND)
        loss = energy(waves, "driver", vdd, *driver) / (driven_load(ctx.condition) * vdd**2)
        rows = []
        for line in points["line"]:
            joules = [
                switching_energy(waves, line, vdd, edge - AROUND / 2, edge + AROUND, edge)
                for edge in edges[line]
            ]
            # An operation repeats, so a line rises as often as it falls.
            cycles = (len(joules) + 1) // 2
            rows.append({"cycles": cycles, "e_line": cycles * sum(joules) / len(joules), "loss": loss})
        return pd.DataFrame(rows)
