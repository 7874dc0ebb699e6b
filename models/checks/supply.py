"""Regulator of the supply against its limits: error of the output and stability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from .limits import Check

REGULATOR_TABLE, MISMATCH_TABLE, CONVERSION_TABLE = (
    "regulator",
    "regulator_mismatch",
    "regulated_conversion",
)
"""Procedures that simulate the regulator, its Monte Carlo, and conversions on its output."""
SUPPLY_TABLES = (REGULATOR_TABLE, MISMATCH_TABLE, CONVERSION_TABLE)
ERROR = 27e-3
"""Largest error of the regulated supply, V: 3 %. At 25 mV less the worst trimmed die that was simulated loses
0.07 nats per byte, where 0.1 are allowed (docs/variation.md)."""
LAG = 135.0
"""Largest phase lag of the loop at unity gain, degrees: a margin of 45."""
PULSE = 0.02
"""Largest change of a pulse against an ideal supply, of T_max."""
SIGMAS = 3
"""Standard deviations of the mismatch that the error of the supply includes."""


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
    rows, vdd = good[REGULATOR_TABLE], condition["vdd"]
    error = supply_error(rows, vdd, condition["designs"]["regulator"]["tolerance"])
    name = "regulated supply, worst error over corners and input"
    if MISMATCH_TABLE in good:
        error += SIGMAS * float(good[MISMATCH_TABLE]["v_out"].std())
        name += f", with {SIGMAS} sigma of mismatch"
    lag = 180 - float(rows.loc[rows["analysis"] == "loop", "phase_margin"].min())
    checks = [
        Check(name=name, value=error, limit=ERROR, unit="V"),
        Check(name="regulator, phase lag at unity gain, worst", value=lag, limit=LAG, unit="degrees"),
    ]
    if CONVERSION_TABLE in good:
        change = pulse_change(good[CONVERSION_TABLE]) / condition["designs"]["clocking"]["t_pulse_max"]
        name = "conversions on the regulated supply, worst change of a pulse"
        checks.append(Check(name=name, value=change, limit=PULSE, unit="of T_max"))
    return checks


def pulse_change(conversions: pd.DataFrame) -> float:
    """Largest change of a pulse with the loads of an operation, against an ideal supply, s.

    Args:
        conversions: table `regulated_conversion`.
    """
    width = conversions.pivot(index=["signed", "charge"], columns="supply", values="t_out")
    return float((width["regulated"] - width["ideal"]).abs().max())
