"""Regulator of the supply against its limits: error of the output and stability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from .limits import Check

REGULATOR_TABLE = "regulator"
"""Procedure that simulates the regulator."""
ERROR = 25e-3
"""Largest error of the regulated supply, V: the supplies at which the trimmed circuits are characterized."""
LAG = 135.0
"""Largest phase lag of the loop at unity gain, degrees: a margin of 45."""


def supply_error(regulator: pd.DataFrame, vdd: float, tolerance: float) -> float:
    """Worst error of the output, that of the reference included, at loads that mean activations cause.

    Args:
        regulator: table `regulator`.
        vdd: regulated supply, V.
        tolerance: deviation of the reference, fraction.

    Returns:
        Largest distance from `vdd` over corners, temperature, input, loads and one operation, V.
    """
    static = regulator[(regulator["analysis"] == "static") & (regulator["load"] != "most")]
    operation = regulator[regulator["analysis"] == "operation"]
    found = pd.concat([static["v_out"], operation["v_low"], operation["v_high"]])
    return float((found - vdd).abs().max()) + tolerance * vdd


def supply_checks(good: Mapping[str, pd.DataFrame], condition: Mapping[str, Any]) -> list[Check]:
    """Checks of the regulator; empty without its table.

    Args:
        good: procedure -> table without failed rows.
        condition: the manifest's `condition`.
    """
    if REGULATOR_TABLE not in good:
        return []
    rows, tolerance = good[REGULATOR_TABLE], condition["designs"]["regulator"]["tolerance"]
    lag = 180 - float(rows.loc[rows["analysis"] == "loop", "phase_margin"].min())
    error = supply_error(rows, condition["vdd"], tolerance)
    return [
        Check(
            name="regulated supply, worst error over corners and input", value=error, limit=ERROR, unit="V"
        ),
        Check(name="regulator, phase lag at unity gain, worst", value=lag, limit=LAG, unit="degrees"),
    ]
