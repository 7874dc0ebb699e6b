"""The conditions that a circuit must survive: every corner at three temperatures and three supplies."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ..circuits.testbench import Condition
from .plan import Axis, Values, grid
from .procedure import Context

COLD, HOT = -40.0, 125.0
"""Celsius."""
SUPPLY_TOLERANCE = 0.1
"""Relative to the technology's supply."""

CONDITION_AXES = ["corner", "temperature", "vdd"]
"""Columns that name a condition."""
CONDITION_COLUMNS = {
    "corner": "-: process corner",
    "temperature": "Celsius",
    "vdd": "V: supply",
}


def conditions(ctx: Context, *axes: Axis) -> pd.DataFrame:
    """Every corner x cold, nominal, hot x low, nominal, high supply, crossed with `axes`."""
    technology = ctx.technology
    supplies = [technology.vdd * (1 + k * SUPPLY_TOLERANCE) for k in (-1, 0, 1)]
    return grid(
        Values("corner", tuple(technology.corners)),
        Values("temperature", [COLD, technology.temperature, HOT]),
        Values("vdd", [round(vdd, 9) for vdd in supplies]),
        *axes,
    )


def condition_at(ctx: Context, points: pd.DataFrame) -> Condition:
    """The testbench condition that all `points` share."""
    corner, temperature, vdd = points.iloc[0][CONDITION_AXES]
    return replace(ctx.condition, corner=corner, temperature=float(temperature), supply=float(vdd))
