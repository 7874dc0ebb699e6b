"""Settling time of a converter's reset and auto-zero at every corner, temperature and supply."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench.settling import COMPARATOR_INPUT, RESET_START, reset_settling
from ..corners import CONDITION_AXES, CONDITION_COLUMNS, condition_at, conditions
from ..plan import Values
from ..procedure import Batch, Context, Procedure, chunks, procedure

RESET_LENGTHS = 40
"""Duration of the simulated reset in multiples of the designed one; the state at its end counts as
settled."""

MISSING_SWING = 0.5
"""Missing voltage after the previous conversion, fraction of the swing of a full-scale charge."""

SETTLING_TOLERANCE = 0.01
"""Error of the trip point of a settled reset, fraction of the swing of a full-scale charge."""


@procedure
class ResetCorners(Procedure):
    """Converters: settling of reset and auto-zero over corners, temperature and supply"""

    name = "reset_corners"
    columns = {
        **CONDITION_COLUMNS,
        "signed": "-: the signed converter; otherwise the ReLU",
        "v_error": "V: comparator's input at the end of the designed reset, less its settled value",
        "error": "-: that error as a fraction of the full scale's swing: an offset of the pulse in T_max",
        "t_settle": "s: reset after which the error stays below 1 % of the full scale",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        return conditions(ctx, Values("signed", [False, True]))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for rows in chunks(points, [*CONDITION_AXES, "signed"]):
            some = points.iloc[rows]
            condition, signed = condition_at(ctx, some), bool(some["signed"].iloc[0])
            left = condition.v_mid - MISSING_SWING * swing(ctx, signed)
            end = RESET_START + RESET_LENGTHS * condition.designs.clocking.t_reset
            batches.append(Batch(reset_settling(condition, left, end, signed=signed), rows))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        full = swing(ctx, bool(points["signed"].iloc[0]))
        error = (waves[COMPARATOR_INPUT] - waves[COMPARATOR_INPUT][-1]) / full
        final = float(np.interp(RESET_START + ctx.condition.designs.clocking.t_reset, waves.axis, error))
        settled = settling_time(waves.axis, error, SETTLING_TOLERANCE) - RESET_START
        return pd.DataFrame({"v_error": [final * full], "error": [final], "t_settle": [settled]})


def swing(ctx: Context, signed: bool) -> float:
    """Swing of the integration node for a full-scale charge, V."""
    designs = ctx.condition.designs
    design = designs.readout if signed else designs.converter
    return design.i_ramp * designs.clocking.t_pulse_max / design.c_int


def settling_time(time: np.ndarray, error: np.ndarray, tolerance: float) -> float:
    """Time after which an error stays within a tolerance, interpolated linearly between the points.

    Args:
        time: rising times, shape (n,), s.
        error: error at these times, shape (n,).
        tolerance: largest allowed magnitude of the error.

    Returns:
        Time, s: the first one if the error is always within the tolerance, the last one if it never settles.
    """
    beyond = np.flatnonzero(np.abs(error) > tolerance)
    if beyond.size == 0:
        return float(time[0])
    last = int(beyond[-1])
    if last == len(time) - 1:
        return float(time[-1])
    left, right = abs(error[last]), abs(error[last + 1])
    return float(time[last] + (left - tolerance) / (left - right) * (time[last + 1] - time[last]))
