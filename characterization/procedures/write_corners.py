"""Write error of both write devices at every corner, temperature and supply."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import cell_write
from ..corners import CONDITION_AXES, CONDITION_COLUMNS, condition_at, conditions
from ..plan import Linear, Values
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .cell_write import with_write_device, write_devices


@procedure
class WriteCorners(Procedure):
    """Gain cell: write error over corners, temperature and supply"""

    name = "write_corners"
    columns = {
        **CONDITION_COLUMNS,
        "write_device": "-: cmos (transmission gate) or oxide",
        "before": "-: stored voltage before the write as a fraction of the supply",
        "target": "-: level to write as a fraction of the supply",
        "v_written": "V: stored voltage 5 ns after the write",
        "error": "V: that voltage less the level asked for, as trimmed",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        return conditions(
            ctx,
            Values("write_device", write_devices(ctx)),
            Values("before", [0.0, 1.0]),
            Linear("target", 0.0, 1.0, 8),
        )

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            self._batch(ctx, points.iloc[rows], rows)
            for rows in chunks(points, [*CONDITION_AXES, "write_device"])
        ]

    def _batch(self, ctx: Context, points: pd.DataFrame, rows) -> Batch:
        condition = with_write_device(condition_at(ctx, points), points["write_device"].iloc[0])
        target, before = (points[name] * condition.vdd for name in ("target", "before"))
        return Batch(cell_write(condition, target, before), rows)

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd = float(points["vdd"].iloc[0])
        references = ctx.condition.designs.references
        written = [float(waves[f"v(sn{i})"][-1]) for i in range(len(points))]
        errors = [v - references.level(t * vdd, vdd) for v, t in zip(written, points["target"], strict=True)]
        return pd.DataFrame({"v_written": written, "error": errors})
