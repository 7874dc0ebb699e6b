"""Transfer curve and energy of both converters at every corner, temperature and supply."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import conversion
from ..corners import CONDITION_AXES, CONDITION_COLUMNS, condition_at, conditions
from ..measure import energy
from ..plan import Values
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .converter import full_scale, reset_energy

COPIES = 5
"""Number of converters in one transient. Every trip of a comparator adds time points for all of them."""

UNSIGNED = (-0.1, 0.05, 0.25, 0.45, 0.65, 0.85, 1.25)
SIGNED = (-1.25, -0.85, -0.6, -0.3, -0.05, 0.05, 0.3, 0.6, 0.85, 1.25)
"""Charges as fractions of the full scale: beyond saturation, within the first steps of a counter, and a line
between."""


@procedure
class ConverterCorners(Procedure):
    """Charge-to-pulse converters over corners, temperature and supply"""

    name = "converter_corners"
    columns = {
        **CONDITION_COLUMNS,
        "signed": "-: the signed converter; otherwise the ReLU",
        "charge": "C: charge taken from the integration node",
        "t_out": "s: time that the output is high, negative for a negative sign",
        "crossings": "-: edges of the output: 2 for one clean pulse, 0 for none",
        "e_convert": "J: from the converter's supply",
        "e_reset": "J: from the reset reference, to fill up what the ramp has left missing",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        tables = []
        for signed, relative in ((False, UNSIGNED), (True, SIGNED)):
            charge = np.array(relative) * full_scale(ctx, signed)
            tables.append(conditions(ctx, Values("signed", [signed]), Values("charge", charge.tolist())))
        return pd.concat(tables, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for rows in chunks(points, [*CONDITION_AXES, "signed"], size=COPIES):
            some = points.iloc[rows]
            signed = bool(some["signed"].iloc[0])
            batches.append(Batch(conversion(condition_at(ctx, some), some["charge"], signed=signed), rows))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        condition = condition_at(ctx, points)
        rows = []
        for i, signed in enumerate(points["signed"]):
            width, crossings = time_high(waves, f"v(out{i})", condition.vdd / 2)
            negative = signed and waves[f"v(sign{i})"][-1] < condition.vdd / 2
            rows.append(
                {
                    "t_out": -width if negative else width,
                    "crossings": crossings,
                    "e_convert": energy(waves, f"dd{i}", condition.vdd),
                    "e_reset": reset_energy(condition, waves[f"v(int{i})"][-1], signed=bool(signed)),
                }
            )
        return pd.DataFrame(rows)


def time_high(waves: Waveforms, name: str, threshold: float) -> tuple[float, int]:
    """Time above a threshold and number of crossings of a signal.

    A converter that fails may give no pulse or several. The sum of their widths is recorded with the count,
    so that one failing charge does not hide the others.

    Args:
        waves: waveforms of a transient.
        name: vector of the signal.
        threshold: level, V.

    Returns:
        Time above the threshold, s; number of crossings.
    """
    time, value = waves.axis, waves[name]
    above = (value > threshold).astype(np.int8)
    crossings = np.flatnonzero(np.diff(above))
    left, right = value[crossings], value[crossings + 1]
    moments = time[crossings] + (threshold - left) / (right - left) * (time[crossings + 1] - time[crossings])
    signs = np.where(right > left, -1.0, 1.0)
    total = float(signs @ moments) + above[-1] * time[-1] - above[0] * time[0]
    return total, len(crossings)
