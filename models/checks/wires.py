"""Checks of an array's wires and rails, and of its energy and charge balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .limits import Check

WIRE_TABLES = ("row_map", "bit_line_map", "supply_drop", "charge_balance")
"""Procedures whose tables are checked, all optional."""


def wire_checks(
    tables: Mapping[str, pd.DataFrame], designs: Mapping[str, Any], t_pulse_max: float
) -> list[Check]:
    """Checks at the design's own wires and drivers.

    Args:
        tables: procedure -> table; those of `WIRE_TABLES` are used.
        designs: sizes, as in the manifest's condition.
        t_pulse_max: width of a full pulse, s.

    Returns:
        The checks; empty without such tables.
    """
    checks = []
    array = designs["array"]
    if "row_map" in tables:
        rows = tables["row_map"]
        own = rows[np.isclose(rows["r_wire"], array["r_wire"]) & np.isclose(rows["driver"], array["driver"])]
        if len(own):
            checks.append(_word_line(own, t_pulse_max))
    if "bit_line_map" in tables and array["r_wire"] > 0:
        checks.append(_bit_line(tables["bit_line_map"], array["r_wire"], t_pulse_max))
    if "supply_drop" in tables and array.get("r_supply"):
        checks.append(_rails(tables["supply_drop"], array["r_supply"], t_pulse_max))
    if "charge_balance" in tables:
        checks += _balances(tables["charge_balance"])
    return checks


def width_shift(rows: pd.DataFrame) -> np.ndarray:
    """Change of a pulse's effective width at each cell of a word line.

    The n switch conducts while rwl is high, the p switch while rwlb is low; the effective width is the mean
    of both times.

    Args:
        rows: table row_map.

    Returns:
        Change, s, shape (n,).
    """
    return ((rows["t_high"] + rows["t_low"]) / 2 - rows["t_pulse"]).to_numpy()


def drop_sensitivity(rows: pd.DataFrame) -> float:
    """Relative loss of a cell's charge per volt of bit-line drop.

    It is the slope of the loss of loaded columns, against a column without wire resistance, over the mean
    drop at the cells that are on.

    Args:
        rows: table bit_line_map.

    Returns:
        Sensitivity, 1/V.
    """
    free = float(rows.loc[rows["r_wire"] == 0, "t_out"].iloc[0])
    loaded = rows[(rows["r_wire"] > 0) & rows["loaded"]]
    means = loaded.groupby(["r_wire", "place"]).agg(drop=("drop", "mean"), t_out=("t_out", "first"))
    lost = 1 - means["t_out"] / free
    return float(means["drop"] @ lost / (means["drop"] @ means["drop"]))


def _word_line(rows: pd.DataFrame, t_pulse_max: float) -> Check:
    shift = width_shift(rows)
    return Check(
        name="word line: pulse width, spread over the cells of a row",
        value=float(np.ptp(shift) / t_pulse_max),
        limit=1e-3,
        unit="of T_max",
    )


def _bit_line(rows: pd.DataFrame, r_wire: float, t_pulse_max: float) -> Check:
    free = float(rows.loc[rows["r_wire"] == 0, "t_out"].iloc[0])
    own = rows[np.isclose(rows["r_wire"], r_wire)]
    return Check(
        name="bit line: what its IR drop takes from a loaded column, worst place",
        value=float(np.abs(own["t_out"] - free).max() / t_pulse_max),
        limit=5e-3,
        unit="of T_max",
    )


def _rails(rows: pd.DataFrame, r_supply: float, t_pulse_max: float) -> Check:
    free = rows[rows["bank"] == "ideal"].set_index(["signed", "charge"])["t_out"]
    own = rows[(rows["bank"] == "all") & np.isclose(rows["r_supply"], r_supply)]
    nominal = free.loc[pd.MultiIndex.from_frame(own[["signed", "charge"]])].to_numpy()
    return Check(
        name="rails: what their IR drop changes a pulse by while a whole bank converts, worst place",
        value=float(np.abs(own["t_out"].to_numpy() - nominal).max() / t_pulse_max),
        limit=5e-3,
        unit="of T_max",
    )


def _balances(rows: pd.DataFrame) -> list[Check]:
    scale = rows[["e_delivered", "e_dissipated"]].abs().max(axis=1)
    missing = (rows["e_delivered"] - rows["e_dissipated"] - rows["e_stored"]).abs() / scale
    checks = [
        Check(
            name="energy: delivered less dissipated less stored, worst",
            value=float(missing.max()),
            limit=1e-2,
            unit="of the energy",
        )
    ]
    column = rows[rows["q_cells"].notna()]
    if len(column):
        checks.append(
            Check(
                name="charge: cells of a column against capacitors of its bit line, worst",
                value=float((column["q_cells"] / column["q_line"] - 1).abs().max()),
                limit=2e-2,  # the rest is on the capacitances of transistors on the bit line
                unit="of the charge",
            )
        )
    return checks
