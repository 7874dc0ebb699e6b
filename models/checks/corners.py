"""Figures of the circuits over process corners, temperature and supply, and the worst of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ConfigDict

from ..values import Value
from .limits import ConverterFigures, converter_figures

CORNER_TABLES = ("cell_corners", "write_corners", "converter_corners", "reset_corners")
"""Procedures whose tables this module reads, all optional."""
AXES = ["corner", "temperature", "vdd"]
"""Columns that define a condition: process corner, temperature (Celsius), supply (V)."""


class CornerFigure(Value):
    """One figure of the circuits at the nominal condition and at the worst one."""

    model_config = ConfigDict(allow_inf_nan=True)

    name: str
    """Label for the report."""
    unit: str
    """Unit of the values."""
    nominal: float
    """Value at the nominal condition, in `unit`."""
    worst: float
    """Value at the worst condition, in `unit`."""
    corner: str
    """Process corner of the worst condition."""
    temperature: float
    """Temperature of the worst condition, Celsius."""
    vdd: float
    """Supply at the worst condition, V."""
    limit: float | None = None
    """Design limit of the magnitude, in `unit`; None for a figure that the operation adapts to."""

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
    "gain": ("both converters, gain against their ramps, worst", "ratio", 1e-2),
    "saturation": ("both converters, saturated pulse against T_max", "of T_max", 1e-2),
    "reset_error": ("both converters, offset that a reset leaves of the conversion before", "of T_max", 1e-2),
    "reset_time": ("both converters, reset that leaves less than 1 %", "s", None),
    "misfires": ("both converters, wrong signs, missing or broken pulses", "points", 0.0),
    "energy": ("energy of a conversion, worst", "J", 0.6e-12),
}
"""Column of `figures_by_condition` -> label, unit, design limit of the magnitude."""


def figures_by_condition(
    tables: Mapping[str, pd.DataFrame], ramps: Mapping[bool, tuple[float, float]], t_pulse_max: float
) -> pd.DataFrame:
    """Figures of the circuits at every condition.

    Args:
        tables: procedure -> table, any of `CORNER_TABLES`; failed points give NaN.
        ramps: currents of the p and the n ramp by `signed`, A.
        t_pulse_max: width of a full pulse, s.

    Returns:
        One row per condition: corner, temperature (Celsius), vdd (V) and the columns of `FIGURES` that the
        tables give.
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
        rows = {key: _converters(group, ramps, t_pulse_max) for key, group in grouped}
        parts.append(pd.DataFrame.from_dict(rows, orient="index").rename_axis(AXES))
    if "reset_corners" in tables:
        worst = tables["reset_corners"].groupby(AXES)[["error", "t_settle"]].agg(lambda x: x.abs().max())
        parts.append(worst.rename(columns={"error": "reset_error", "t_settle": "reset_time"}))
    return pd.concat(parts, axis=1).reset_index()


def corner_report(tables: Mapping[str, pd.DataFrame], designs: Mapping[str, Any]) -> tuple[CornerFigure, ...]:
    """Nominal and worst value of every figure that the tables give.

    Args:
        tables: procedure -> table; those of `CORNER_TABLES` are used.
        designs: sizes, as in the manifest's condition.

    Returns:
        The figures in the order of `FIGURES`; empty without such tables.
    """
    known = {procedure: tables[procedure] for procedure in CORNER_TABLES if procedure in tables}
    if not known:
        return ()
    ramps = {False: ramp_currents(designs["converter"]), True: ramp_currents(designs["readout"])}
    return worst_figures(figures_by_condition(known, ramps, designs["clocking"]["t_pulse_max"]))


def worst_figures(by_condition: pd.DataFrame) -> tuple[CornerFigure, ...]:
    """Value of every figure at the nominal condition, and at the condition where its magnitude is largest.

    `cell_gain` is worst where it is furthest from 1.

    Args:
        by_condition: result of `figures_by_condition`.

    Returns:
        The figures in the order of `FIGURES`; those without any value are left out.
    """
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
    """Mask of the rows at the typical corner, the middle temperature and the middle supply.

    Args:
        rows: a table with the columns of `AXES`.

    Returns:
        Booleans, shape (n,). Without a corner `tt` the first corner is the typical one.
    """
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


def ramp_currents(design: Mapping[str, Any]) -> tuple[float, float]:
    """Currents of a converter's p and n ramp, A, from its sizes in a manifest's condition."""
    return design["i_ramp"], design.get("i_ramp_n") or design["i_ramp"]


def _converters(
    group: pd.DataFrame, ramps: Mapping[bool, tuple[float, float]], t_max: float
) -> dict[str, float]:
    relu, signed = (group[group["signed"] == kind] for kind in (False, True))
    lines = {
        (False, 1): _line(relu, t_max, 1),
        (True, 1): _line(signed, t_max, 1),
        (True, -1): _line(signed, t_max, -1),
    }
    offsets = {key: line.offset / t_max for key, line in lines.items()}
    gains = [line.gain * ramps[signed][0 if sign > 0 else 1] - 1 for (signed, sign), line in lines.items()]
    largest = {kind: max(currents) for kind, currents in ramps.items()}
    beyond = group["charge"].abs() > 1.2 * t_max * group["signed"].map(largest)
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
    """Line through the pulses of one sign; NaN if fewer than three are between 2 and 98 % of T_max."""
    width = sign * rows["t_out"] / t_max
    if int(width.between(0.02, 0.98).sum()) < 3:
        return ConverterFigures(gain=np.nan, offset=np.nan, inl=np.nan)
    return converter_figures(rows, t_max, sign)


def _misfires(group: pd.DataFrame) -> int:
    """Number of points that no working converter gives, whatever its offset."""
    signed, charge, width = (group[name] for name in ("signed", "charge", "t_out"))
    wrong_sign = signed & (np.sign(width) != np.sign(charge))
    silent = ~signed & ((charge > 0) != (width > 0))
    broken = ~group["crossings"].isin([0, 2]) | (group["status"] != "ok")
    return int((wrong_sign | silent | broken).sum())
