"""Operating conditions of the corner procedures: every corner at three temperatures and three supplies."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ..circuits.testbench import Condition
from .plan import Axis, Values, grid
from .procedure import Context

COLD, HOT = -40.0, 125.0
"""Lowest and highest temperature, Celsius."""
SUPPLY_TOLERANCE = 0.1
"""Deviation of the lowest and highest supply from that of the technology, fraction."""

CONDITION_AXES = ["corner", "temperature", "vdd"]
"""Columns that identify a condition."""
CONDITION_COLUMNS = {
    "corner": "-: process corner",
    "temperature": "Celsius",
    "vdd": "V: supply",
}
"""Descriptions of these columns."""


def conditions(ctx: Context, *axes: Axis) -> pd.DataFrame:
    """Grid of every corner, three temperatures, three supplies, and further axes.

    Args:
        ctx: context with the technology.
        axes: further axes; the last one varies fastest.
    """
    technology = ctx.technology
    supplies = [technology.vdd * (1 + k * SUPPLY_TOLERANCE) for k in (-1, 0, 1)]
    return grid(
        Values("corner", tuple(technology.corners)),
        Values("temperature", [COLD, technology.temperature, HOT]),
        Values("vdd", [round(vdd, 9) for vdd in supplies]),
        *axes,
    )


def condition_at(ctx: Context, points: pd.DataFrame) -> Condition:
    """Testbench condition of a batch.

    Args:
        ctx: context with technology and sizes.
        points: points that all have the same condition.
    """
    corner, temperature, vdd = points.iloc[0][CONDITION_AXES]
    return replace(ctx.condition, corner=corner, temperature=float(temperature), supply=float(vdd))
