"""Transfer curve and energy of the charge-to-pulse converters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Condition, Schedule, conversion
from ...circuits.testbench.converters import SWAP_CLOCKS, SWAP_GAP
from ..measure import energy, pulse_width, switching_energy
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure

COPIES = 16
"""Number of converters in one transient. The cost grows slightly faster than the number."""


def full_scale(ctx: Context, signed: bool) -> float:
    """Full-scale charge of a converter: charge of the ramp within the longest pulse, C."""
    designs = ctx.condition.designs
    return (designs.readout if signed else designs.converter).i_ramp * designs.clocking.t_pulse_max


def reset_energy(condition: Condition, v_left: float, *, signed: bool) -> float:
    """Energy that the reset reference delivers to the integration node after a conversion.

    The ramp stops at the end of the window, so the charge of a saturated conversion is not fully replaced.
    Charge above the reference flows back into it and counts as zero.

    Args:
        condition: technology, sizes, operating point.
        v_left: voltage of the integration node after the conversion, V.
        signed: the signed converter; otherwise the ReLU converter.

    Returns:
        Energy, J.
    """
    design = condition.designs.readout if signed else condition.designs.converter
    missing = max(condition.v_mid - v_left, 0.0)
    return design.c_int * missing * condition.v_mid


def swap_energy(condition: Condition, waves: Waveforms, *, signed: bool) -> float:
    """Energy of the clocks of the switches that swap the plates, of all converters in a deck, per operation.

    Every clock rises and falls once in an operation, so each takes the charge of its edge at the swap from a
    supply. Most of the charge is that of the gates; it includes the charge coupled into the plates.

    Args:
        condition: technology, sizes, operating point.
        waves: waveforms with the currents of `SWAP_CLOCKS`.
        signed: the signed converter; otherwise the ReLU converter.

    Returns:
        Energy, J; 0 with one phase.
    """
    design = condition.designs.readout if signed else condition.designs.converter
    if design.phases == 1:
        return 0.0
    schedule = Schedule.single(condition.designs, signed)
    spans = {
        "fwd": (schedule.swap - 2 * SWAP_GAP, schedule.swap, schedule.swap - SWAP_GAP),
        "rev": (schedule.swap, schedule.positive - SWAP_GAP, schedule.swap + SWAP_GAP),
    }
    return sum(
        switching_energy(waves, name, condition.vdd, *spans[name.removesuffix("b")]) for name in SWAP_CLOCKS
    )


@procedure
class Conversion(Procedure):
    """Charge-to-pulse converters: transfer curve and energy"""

    name = "converter"
    columns = {
        "signed": "-: the signed converter; otherwise the ReLU",
        "charge": "C: charge taken from the integration node",
        "held_out": "-: a random point, kept from every fit",
        "t_out": "s: width of the output pulse, negative for a negative sign",
        "e_convert": "J: from the converter's supply",
        "e_reset": "J: from the reset reference, to fill up what the ramp has left missing",
        "e_swap": "J: of clocking the plates' switches; 0 with one phase",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        rng = ctx.rng(self.name)
        tables = []
        for signed, low in ((False, -0.4), (True, -1.25)):
            steps = np.r_[np.linspace(low, 1.4 + low / 8, 45), np.linspace(-0.03, 0.03, 7)]
            for relative, held_out in ((np.sort(steps), False), (rng.uniform(low, 1.2, ctx.count(16)), True)):
                charge = relative * full_scale(ctx, signed)
                tables.append(grid(Values("signed", [signed]), Values("charge", charge.tolist())))
                tables[-1]["held_out"] = held_out
        return pd.concat(tables, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for rows in chunks(points, "signed", size=COPIES):
            some = points.iloc[rows]
            signed = bool(some["signed"].iloc[0])
            batches.append(Batch(conversion(ctx.condition, some["charge"], signed=signed), rows))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd, threshold = ctx.condition.vdd, ctx.condition.vdd / 2
        rows, kind = [], bool(points["signed"].iloc[0])
        swap = swap_energy(ctx.condition, waves, signed=kind) / len(points)
        for i, signed in enumerate(points["signed"]):
            negative = signed and waves[f"v(sign{i})"][-1] < threshold
            width = pulse_width(waves, f"v(out{i})", threshold)
            rows.append(
                {
                    "t_out": -width if negative else width,
                    "e_convert": energy(waves, f"dd{i}", vdd),
                    "e_reset": reset_energy(ctx.condition, waves[f"v(int{i})"][-1], signed=kind),
                    "e_swap": swap,
                }
            )
        return pd.DataFrame(rows)
