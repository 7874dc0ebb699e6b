"""Writes through level switches, wires and word-line drivers: settling, error and energy of each level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Condition, WriteTiming, word_line_rails, write_path
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .cell_write import with_write_device, write_devices

PULSES = (0.2, 0.3, 0.5, 1.0)
"""Widths of the write pulse as fractions of the cell's t_write."""

CLOSE = {"half": 0.5, "eighth": 1 / 8, "64th": 1 / 64}
"""Distances from its level at which a node counts as settled, in steps between levels, by column suffix."""


@procedure
class WritePath(Procedure):
    """Write path: settling, error and energy with real drivers"""

    name = "write_path"
    columns = {
        "write_device": "-: cmos (transmission gate) or oxide",
        "t_write": "s: width of the write pulse",
        "v_before": "V: stored voltage before the write",
        "level": "-: number of the DAC level",
        "v_target": "V: that level",
        "v_written": "V: stored voltage 5 ns after the write",
        "t_line": "s: from the switches' command until the bit line's far end is within 1/64 step",
        "t_half": "s: from the word line's command until the cell is within half a step; none if it never is",
        "t_eighth": "s: the same within 1/8 step",
        "t_64th": "s: the same within 1/64 step",
        "e_reference": "J: from the DAC's references, which charge the bit line and the cell",
        "e_switch": "J: from the supply of the level switches' gates",
        "e_word_line": "J: this cell's share of what the word-line drivers take",
        "e_write": "J: all of a cell's write",
    }
    undefined = frozenset({"t_line", "t_eighth", "t_64th"})

    def points(self, ctx: Context) -> pd.DataFrame:
        cell, vdd = ctx.condition.designs.cell, ctx.condition.vdd
        levels = ctx.condition.designs.levels.key
        points = grid(
            Values("write_device", write_devices(ctx)),
            Values("t_write", [cell.t_write * factor for factor in PULSES]),
            Values("v_before", [0.0, vdd]),
            Values("level", range(levels)),
        )
        return points.assign(v_target=points["level"] * vdd / (levels - 1))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        levels = ctx.condition.designs.levels.key
        return [
            Batch(
                write_path(self._condition(ctx, some), some["v_before"], some["level"], levels=levels), rows
            )
            for rows in chunks(points, ["write_device", "t_write", "v_before"])
            for some in [points.iloc[rows]]
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        condition = self._condition(ctx, points)
        levels = condition.designs.levels.key
        timing = WriteTiming(condition.designs.cell.t_write)
        command, end = timing.start - timing.setup, timing.start + timing.t_write
        near = condition.vdd / (levels - 1)
        drivers = driver_energy(condition, waves) / condition.designs.array.columns
        gates = -condition.vdd * waves.integrate("i(vlogic)") / len(points)
        rows = []
        for i, target in enumerate(points["v_target"].map(condition.write_level)):
            sourced = sum(sourced_charge(waves, f"i(vref{i}_{k})") for k in range(levels + 1))
            reference = condition.vdd * sourced
            times = {
                f"t_{name}": signal_settling_time(waves, f"v(sn{i})", target, part * near, timing.start, end)
                for name, part in CLOSE.items()
            }
            rows.append(
                {
                    "v_written": waves[f"v(sn{i})"][-1],
                    "t_line": signal_settling_time(waves, f"v(line{i})", target, near / 64, command, end),
                    **times,
                    "e_reference": reference,
                    "e_switch": gates,
                    "e_word_line": drivers,
                    "e_write": reference + gates + drivers,
                }
            )
        return pd.DataFrame(rows)

    @staticmethod
    def _condition(ctx: Context, points: pd.DataFrame) -> Condition:
        """Condition with the write device and the pulse of the points."""
        condition = with_write_device(ctx.condition, points["write_device"].iloc[0])
        cell = condition.designs.cell.model_copy(update={"t_write": float(points["t_write"].iloc[0])})
        return replace(condition, designs=condition.designs.model_copy(update={"cell": cell}))


def signal_settling_time(
    waves: Waveforms, name: str, target: float, near: float, start: float, end: float
) -> float:
    """Settling time of a signal in a time window, interpolated linearly.

    Args:
        waves: waveforms of a transient.
        name: vector of the signal.
        target: final level, V.
        near: distance from the target within which the signal counts as settled, V.
        start: start of the window, s.
        end: end of the window, s.

    Returns:
        Time from `start` after which the signal stays within `near` until `end`, s; NaN if it does not.
    """
    inside = (waves.axis > start) & (waves.axis < end)
    time = np.concatenate(([start], waves.axis[inside], [end]))
    distance = np.abs(waves.at(name, time) - target)
    beyond = np.flatnonzero(distance > near)
    if beyond.size == 0:
        return 0.0
    last = beyond[-1]
    if last == len(time) - 1:
        return np.nan
    step = (distance[last] - near) / (distance[last] - distance[last + 1])
    return float(time[last] + step * (time[last + 1] - time[last]) - start)


def sourced_charge(waves: Waveforms, name: str) -> float:
    """Charge that a source delivers, without the charge that it takes back.

    A buffer between supply and ground draws the charge of its load from the supply and discharges the load to
    ground; it cannot return charge to the supply.

    Args:
        waves: waveforms of a transient.
        name: vector of the source's current.

    Returns:
        Charge, C.
    """
    return float(np.trapezoid(np.maximum(-waves[name], 0.0), waves.axis))


def driver_energy(condition: Condition, waves: Waveforms) -> float:
    """Energy of the write word-line drivers of a row, from their rails and their logic supply.

    A charge pump that generates a rail beyond the supply cannot recover charge, so a rail counts only if it
    delivers energy.

    Args:
        condition: technology, sizes, operating point.
        waves: waveforms of `testbench.write_path`.

    Returns:
        Energy, J.
    """
    rails = word_line_rails(condition)
    spent = [-volts * waves.integrate(f"i(v{name})") for name, volts in rails.items()]
    return sum(max(joules, 0.0) for joules in spent) - condition.vdd * waves.integrate("i(vshift)")
