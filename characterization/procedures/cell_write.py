"""Stored voltage after a write and energy of the write, for both write devices."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ...circuits.designs import Designs
from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Condition, WriteTiming, cell_write
from ..measure import switching_energy
from ..plan import Linear, Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure


def with_write_device(condition: Condition, device: str) -> Condition:
    """The condition with another write device in the cell, and with its word-line levels.

    A device other than the designed one has the sizes of the technology. Storage and read stage are
    unchanged.

    Args:
        condition: technology, sizes, operating point.
        device: `cmos` or `oxide`.
    """
    cell = condition.designs.cell
    if device == cell.write_device:
        return condition
    other = Designs.of(condition.technology, cell={"write_device": device}).cell
    exchanged = ("write_device", "v_write_on", "v_write_off", "v_write_shift")
    cell = cell.model_copy(update={name: getattr(other, name) for name in exchanged})
    return replace(condition, designs=condition.designs.model_copy(update={"cell": cell}))


def write_devices(ctx: Context) -> list[str]:
    """Write devices that the technology has."""
    return ["cmos", "oxide"] if "oxide" in ctx.technology.devices else ["cmos"]


@procedure
class CellWrite(Procedure):
    """Gain cell: write error and energy"""

    name = "cell_write"
    columns = {
        "write_device": "-: cmos (transmission gate) or oxide",
        "v_before": "V: stored voltage before the write",
        "v_target": "V: level to write",
        "v_written": "V: stored voltage 5 ns after the write",
        "e_bit_line": "J: from the write bit-line driver, without the line's own capacitance",
        "e_word_line": "J: cycling the cell's write word lines once",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        vdd = ctx.condition.vdd
        return grid(
            Values("write_device", write_devices(ctx)),
            Values("v_before", [0.0, vdd / 2, vdd]),
            Linear("v_target", 0.0, vdd, 29),
        )

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for rows in chunks(points, "write_device"):
            some = points.iloc[rows]
            condition = with_write_device(ctx.condition, some["write_device"].iloc[0])
            batches.append(Batch(cell_write(condition, some["v_target"], some["v_before"]), rows))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        condition = with_write_device(ctx.condition, points["write_device"].iloc[0])
        cell = condition.designs.cell
        timing = WriteTiming(cell.t_write)
        middle = timing.start + cell.t_write / 2
        swing = condition.v_write_on - cell.v_write_off
        lines = sum(
            switching_energy(waves, line, swing, timing.start / 2, middle, timing.start)
            for line in ("wwl", "wwlb")
        )
        rows = []
        for i, target in enumerate(points["v_target"]):
            level = condition.write_level(target)
            charge = -waves.integrate(
                f"i(vwbl{i})", timing.start - timing.setup / 2, timing.start + cell.t_write
            )
            rows.append(
                {
                    "v_written": waves[f"v(sn{i})"][-1],
                    "e_bit_line": max(level * charge, 0.0),
                    "e_word_line": lines / len(points),
                }
            )
        return pd.DataFrame(rows)
