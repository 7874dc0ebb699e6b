"""Circuits over corners, temperature and supply: their figures at every condition, and the worst of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..values import Value
from .limits import ConverterFigures, converter_figures

TABLES = ("cell_corners", "write_corners", "converter_corners", "reset_corners")
"""Procedures whose tables this module reads."""
AXES = ["corner", "temperature", "vdd"]


class CornerFigure(Value):
    """One figure of the circuits at the nominal condition and at the worst one."""

    name: str
    unit: str
    nominal: float
    worst: float
    corner: str
    """Where it is worst: process corner."""
    temperature: float
    """Where it is worst: Celsius."""
    vdd: float
    """Where it is worst: supply, V."""
    limit: float | None = None
    """Design limit of the magnitude; None for a figure that an operation adapts to."""

    @property
    def met(self) -> bool:
        """Whether the worst value is within the limit."""
        return self.limit is None or bool(abs(self.worst) <= self.limit)


FIGURES: dict[str, tuple[str, str, float | None]] = {
    "cell_gain": ("cell, charge between the rails against nominal", "ratio", None),
    "cell_shape": ("cell, shape against nominal, rms", "of peak", None),
    "cell_center": ("cell, stored voltage of zero charge less half the supply", "V", None),
    "read_shift": ("stored voltage after a read, worst shift", "V", 5e-3),
    "write_cmos": ("write error, cmos", "V", 7e-3),
    "write_oxide": ("write error, oxide", "V", 7e-3),
    "relu_offset": ("ReLU converter, offset", "of T_max", None),
    "relu_inl": ("ReLU converter, INL, pulses of 2-98 % of T_max", "of T_max", 5e-3),
    "signed_offset": ("signed converter, offset, larger of both signs", "of T_max", None),
    "signed_skew": ("signed converter, difference of the signs' offsets", "of T_max", 2e-2),
    "signed_inl": ("signed converter, INL, pulses of 2-98 % of T_max", "of T_max", 1e-2),
    "gain": ("both converters, gain against i_ramp, worst", "ratio", 1e-2),
    "saturation": ("both converters, saturated pulse against T_max", "of T_max", 1e-2),
    "reset_error": ("both converters, offset that a reset leaves of the conversion before", "of T_max", 1e-2),
    "reset_time": ("both converters, reset that leaves less than 1 %", "s", None),
    "misfires": ("both converters, wrong signs, missing or broken pulses", "points", 0.0),
    "energy": ("energy of a conversion, worst", "J", 0.6e-12),
}
"""Column of `figures_by_condition` -> what it is, its unit, its design limit."""


def figures_by_condition(
    tables: Mapping[str, pd.DataFrame], i_ramp: Mapping[bool, float], t_pulse_max: float
) -> pd.DataFrame:
    """One row per condition: corner, temperature (Celsius), vdd (V) and the columns of `FIGURES`.

    Args:
        tables: those of `TABLES` that there are, by name; failed points leave NaN.
        i_ramp: ramp current (A) by `signed`.
        t_pulse_max: T_max, s.
    """
    parts = []
    if "cell_corners" in tables:
        parts.append(_cells(tables["cell_corners"]))
    if "write_corners" in tables:
        writes = tables["write_corners"]
        worst = writes["error"].abs().groupby([writes[axis] for axis in [*AXES, "write_device"]]).max()
        parts.append(worst.unstack("write_device").add_prefix("write_"))
    if "converter_corners" in tables:
        grouped = tables["converter_corners"].groupby(AXES)
        rows = {key: _converters(group, i_ramp, t_pulse_max) for key, group in grouped}
        parts.append(pd.DataFrame.from_dict(rows, orient="index").rename_axis(AXES))
    if "reset_corners" in tables:
        worst = tables["reset_corners"].groupby(AXES)[["error", "t_settle"]].agg(lambda x: x.abs().max())
        parts.append(worst.rename(columns={"error": "reset_error", "t_settle": "reset_time"}))
    return pd.concat(parts, axis=1).reset_index()


def corner_report(tables: Mapping[str, pd.DataFrame], designs: Mapping[str, Any]) -> tuple[CornerFigure, ...]:
    """`worst_figures` of those of `TABLES` that are in `tables`; empty where there are none.

    designs: sizes, as in the manifest's condition.
    """
    known = {procedure: tables[procedure] for procedure in TABLES if procedure in tables}
    if not known:
        return ()
    i_ramp = {False: designs["converter"]["i_ramp"], True: designs["readout"]["i_ramp"]}
    return worst_figures(figures_by_condition(known, i_ramp, designs["clocking"]["t_pulse_max"]))


def worst_figures(by_condition: pd.DataFrame) -> tuple[CornerFigure, ...]:
    """Every figure at the nominal condition and where it is furthest from it."""
    nominal = by_condition[nominal_condition(by_condition)].iloc[0]
    figures = []
    for column, (name, unit, limit) in FIGURES.items():
        if column not in by_condition or not by_condition[column].notna().any():
            continue
        distance = by_condition[column] - (1.0 if column == "cell_gain" else 0.0)
        row = by_condition.loc[distance.abs().idxmax()]
        where = {"corner": row["corner"], "temperature": row["temperature"], "vdd": row["vdd"]}
        values = {"nominal": float(nominal[column]), "worst": float(row[column])}
        figures.append(CornerFigure(name=name, unit=unit, limit=limit, **values, **where))
    return tuple(figures)


def nominal_condition(rows: pd.DataFrame) -> pd.Series:
    """Which rows are at the typical corner, the middle temperature and the middle supply."""
    corners = rows["corner"].unique()
    typical = "tt" if "tt" in corners else corners[0]
    middle = (rows[axis] == np.median(rows[axis].unique()) for axis in ("temperature", "vdd"))
    return np.logical_and.reduce([rows["corner"] == typical, *middle])


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    nominal = table[nominal_condition(table)].sort_values("stored")["q_bl"].to_numpy()
    rows = {}
    for key, group in table.groupby(AXES):
        group = group.sort_values("stored")
        stored, charge = group["stored"].to_numpy(), group["q_bl"].to_numpy()
        vdd = float(group["vdd"].iloc[0])
        scale = float(nominal @ charge / (charge @ charge))
        rows[key] = {
            "cell_gain": (charge[-1] - charge[0]) / (nominal[-1] - nominal[0]),
            "cell_shape": float(np.sqrt(np.mean((charge * scale - nominal) ** 2)) / np.abs(nominal).max()),
            "cell_center": (np.interp(0.0, charge, stored) - 0.5) * vdd,
            "read_shift": float((group["v_after"] - group["stored"] * vdd).abs().max()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(AXES)


def _converters(group: pd.DataFrame, i_ramp: Mapping[bool, float], t_max: float) -> dict[str, float]:
    relu, signed = (group[group["signed"] == kind] for kind in (False, True))
    lines = {
        (False, 1): _line(relu, t_max, 1),
        (True, 1): _line(signed, t_max, 1),
        (True, -1): _line(signed, t_max, -1),
    }
    offsets = {key: line.offset / t_max for key, line in lines.items()}
    gains = [lines[key].gain * i_ramp[key[0]] - 1 for key in lines]
    beyond = group["charge"].abs() > 1.2 * t_max * group["signed"].map(i_ramp)
    full = group[beyond & (group["signed"] | (group["charge"] > 0))]
    return {
        "relu_offset": offsets[False, 1],
        "relu_inl": lines[False, 1].inl,
        "signed_offset": max(offsets[True, 1], offsets[True, -1], key=abs),
        "signed_skew": abs(offsets[True, 1] - offsets[True, -1]),
        "signed_inl": max(lines[True, 1].inl, lines[True, -1].inl),
        "gain": max(gains, key=abs),
        "saturation": float((full["t_out"].abs() / t_max - 1).abs().max()),
        "misfires": float(_misfires(group)),
        "energy": float((group["e_convert"] + group["e_reset"]).max()),
    }


def _line(rows: pd.DataFrame, t_max: float, sign: int) -> ConverterFigures:
    """The line through the pulses of one sign; NaN where fewer than three are neither short nor saturated."""
    width = sign * rows["t_out"] / t_max
    if int(width.between(0.02, 0.98).sum()) < 3:
        return ConverterFigures(gain=np.nan, offset=np.nan, inl=np.nan)
    return converter_figures(rows, t_max, sign)


def _misfires(group: pd.DataFrame) -> int:
    """Points that a working converter of any offset could not give."""
    signed, charge, width = (group[name] for name in ("signed", "charge", "t_out"))
    wrong_sign = signed & (np.sign(width) != np.sign(charge))
    silent = ~signed & ((charge > 0) != (width > 0))
    broken = ~group["crossings"].isin([0, 2]) | (group["status"] != "ok")
    return int((wrong_sign | silent | broken).sum())
