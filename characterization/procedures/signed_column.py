"""Two schemes for signed queries on the same columns: complementary cells, or swapped plates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...circuits.designs import TWO_PHASES
from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Condition, Schedule, column, mirrored_rows
from ..draws import draw_column
from ..measure import energy, pulse_width
from ..procedure import Batch, Context, Procedure, procedure
from .converter import reset_energy, swap_energy

SCHEMES: dict[str, dict[str, dict[str, Any]]] = {
    "mirrored": {"array": {"mirrored": True}, "converter": {"phases": 1}},
    "two-phase": {"array": {"mirrored": False}, "converter": TWO_PHASES},
}
"""Sizes that implement a scheme, by scheme, circuit and field."""


def with_scheme(condition: Condition, scheme: str) -> Condition:
    """The condition with the designs of a scheme for signed queries.

    Args:
        condition: technology, sizes, operating point.
        scheme: one of `SCHEMES`.
    """
    designs = condition.designs
    changed = {name: getattr(designs, name).model_copy(update=u) for name, u in SCHEMES[scheme].items()}
    return replace(condition, designs=designs.model_copy(update=changed))


@procedure
class SignedColumn(Procedure):
    """Column of 64 cells under a signed query, by either scheme"""

    name = "signed_column"
    columns = {
        "scheme": "-: mirrored (complementary cells) or two-phase (capacitor with swapped plates)",
        "v_store": "V: stored voltage per cell, without complements",
        "t_pulse": "s: signed pulse width per cell",
        "t_out": "s: width of the output pulse",
        "e_cells": "J: from the cells' supply",
        "e_convert": "J: from the converter's supply",
        "e_reset": "J: from the reset reference",
        "e_swap": "J: of clocking the plates' switches; 0 with complementary cells",
        "t_operation": "s: length of the whole operation, both arrays",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        rng, designs = ctx.rng(self.name), ctx.condition.designs
        drawn = [
            draw_column(rng, designs.array.rows, False, designs.levels, negative=True)
            for _ in range(ctx.count(20))
        ]
        longest = designs.clocking.t_pulse_max
        return pd.DataFrame(
            [
                {
                    "scheme": scheme,
                    "v_store": (v * ctx.condition.vdd).tolist(),
                    "t_pulse": (w * longest).tolist(),
                }
                for scheme in SCHEMES
                for v, w in drawn
            ]
        )

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for i, row in enumerate(points.itertuples(index=False)):
            condition = with_scheme(ctx.condition, row.scheme)
            stored, width = np.array(row.v_store), np.array(row.t_pulse)
            if condition.designs.array.mirrored:
                stored, width = mirrored_rows(stored, width, condition.vdd)
            batches.append(Batch(column(condition, stored, width, signed=False), [i]))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        condition = with_scheme(ctx.condition, points["scheme"].iloc[0])
        return pd.DataFrame(
            {
                "t_out": [pulse_width(waves, "v(out)", condition.vdd / 2)],
                "e_cells": [energy(waves, "vdd", condition.vdd)],
                "e_convert": [energy(waves, "ddc", condition.vdd)],
                "e_reset": [reset_energy(condition, waves["v(bl)"][-1], signed=False)],
                "e_swap": [swap_energy(condition, waves, signed=False)],
                "t_operation": [Schedule.of(condition.designs).end],
            }
        )
