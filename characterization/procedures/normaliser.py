"""The normalising column: all rows store the same voltage, so its signed read-out is the sum of phi."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import column
from ..draws import FULL_SCALE_CELLS
from ..measure import energy, pulse_width
from ..procedure import Batch, Context, Procedure, procedure
from .converter import reset_energy


def draw_phi(rng: np.random.Generator, rows: int, most: float) -> np.ndarray:
    """Draw pulses of phi. The number of rows with a pulse varies from a few to all.

    Args:
        rng: random generator.
        rows: number of rows.
        most: largest sum of the widths, in longest pulses.

    Returns:
        Widths, shape (rows,), fractions of the longest pulse.
    """
    width = rng.random(rows) * (rng.random(rows) < rng.uniform(0.05, 1.0))
    wanted = rng.uniform(0.02, 1.0) * most
    width = np.clip(width * wanted / max(width.sum(), 1e-9), 0.0, 1.0)
    return np.where(width < 0.01, 0.0, width)


@procedure
class Normaliser(Procedure):
    """Normalising column: equal cells under random pulses of phi"""

    name = "normaliser"
    columns = {
        "v_store": "V: stored voltage, the same in every cell",
        "t_pulse": "s: pulse width per cell",
        "t_sum": "s: sum of the pulse widths",
        "t_out": "s: width of the output pulse, negative for a negative sign",
        "e_cells": "J: from the cells' supply",
        "e_convert": "J: from the converter's supply",
        "e_reset": "J: from the reset reference",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        rng, designs, vdd = ctx.rng(self.name), ctx.condition.designs, ctx.condition.vdd
        top = designs.levels.value - 1
        contents = {level / top for level in range(top // 2 + 1, top + 1)}
        if designs.array.normaliser is not None:
            contents.add(designs.array.normaliser)
        rows = []
        for content in sorted(contents):
            # The charge grows faster than linearly with the voltage; some draws exceed the full scale.
            most = min(1.5 * FULL_SCALE_CELLS[True] / (2 * content - 1) ** 1.4, 0.7 * designs.array.rows)
            for _ in range(ctx.count(8)):
                width = draw_phi(rng, designs.array.rows, most) * designs.clocking.t_pulse_max
                rows.append({"v_store": content * vdd, "t_pulse": width.tolist(), "t_sum": width.sum()})
        return pd.DataFrame(rows)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            Batch(column(ctx.condition, np.full(len(t), v), np.array(t), signed=True), [i])
            for i, (v, t) in enumerate(points[["v_store", "t_pulse"]].itertuples(index=False))
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd = ctx.condition.vdd
        width = pulse_width(waves, "v(out)", vdd / 2)
        return pd.DataFrame(
            {
                "t_out": [-width if waves["v(sign)"][-1] < vdd / 2 else width],
                "e_cells": [energy(waves, "vdd", vdd)],
                "e_convert": [energy(waves, "ddc", vdd)],
                "e_reset": [reset_energy(ctx.condition, waves["v(bl)"][-1], signed=True)],
            }
        )
