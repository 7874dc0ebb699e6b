"""From simulated columns to the column model: bit-line capacitance, loading curve, error in pulse width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..array import ColumnModel
from ..hardware import Hardware
from ..values import FitError
from .arrays import fit_column_model
from .curves import fit_spline, held_out_mask, measure_error

USABLE = {False: (-0.3, 1.3), True: (-1.3, 1.3)}
"""By `signed`: range of charge, in full scales, beyond which a column is left out: the converter clips it."""


@dataclass(frozen=True)
class FittedColumn:
    """A fitted column with what the report says of it."""

    model: ColumnModel
    c_line: float
    """Capacitance of the integration node: capacitor, cells and wire, F."""
    plain: FitError
    """Error of the plain sum of cells on the same unseen columns."""
    predicted: FitError
    """Error of the column model through the converter, on unseen columns that it does not clip."""


def unclipped(width: np.ndarray) -> np.ndarray:
    """Columns (bool) whose converted width / T_max proves something: a clipped one agrees with any model."""
    return (np.abs(width) > 0.0) & (np.abs(width) < 0.99)


def summed(rows: pd.DataFrame, hardware: Hardware, curve) -> np.ndarray:
    """sum_i w_i curve(v_i) per column, shape (n,): w in units of T_max."""
    v, w = (np.array(rows[name].tolist()) for name in ("v_store", "t_pulse"))
    return (curve(v).numpy() * w / hardware.t_pulse_max).sum(axis=1)


def cell_sum(rows: pd.DataFrame, hardware: Hardware) -> np.ndarray:
    """Charge that the cells would deliver to a clamped bit line, edges included, per column, C."""
    pulses = (np.array(rows["t_pulse"].tolist()) > 0).sum(axis=1)
    return summed(rows, hardware, hardware.cells["table"]) + hardware.edge * pulses


def bit_line_capacitance(rows: pd.DataFrame, hardware: Hardware, signed: bool) -> float:
    """Capacitance (F) that turns the bit line's swing into the charge which the converter sees.

    The converter's curve is known against charge from an ideal source; where it is not clipped its inverse
    gives the column's charge, which is proportional to the swing.
    """
    converter = hardware.readout if signed else hardware.phi
    width = rows["t_out"].to_numpy() / hardware.t_pulse_max
    inside = (np.abs(width) > 0.03) & (np.abs(width) < 0.97)
    grid = np.linspace(*converter.box["charge"], 20001)
    charge = np.interp(width[inside], converter(grid).numpy(), grid)
    swing = (rows["v_start"] - rows["v_end"]).to_numpy()[inside]
    return float(swing @ charge / (swing @ swing))


def fit_column(
    rows: pd.DataFrame, transfer: pd.DataFrame, hardware: Hardware, c_line: float, signed: bool
) -> FittedColumn:
    """Column model of one array; every fourth usable column is kept from the fit."""
    charge = c_line * (rows["v_start"] - rows["v_end"]).to_numpy()
    full_scale = hardware.q_sat_2 if signed else hardware.q_sat_1
    lowest, highest = USABLE[signed]
    usable = (charge > lowest * full_scale) & (charge < highest * full_scale)
    rows, charge = rows[usable], charge[usable]
    loading = loading_curve(transfer, hardware, c_line, signed)
    plain, load = cell_sum(rows, hardware), summed(rows, hardware, loading)
    unseen = held_out_mask(plain, None)
    model = fit_column_model(
        plain, load, charge, unseen, loading=loading, order=2, scale=full_scale, unit="of full scale"
    )
    converter = hardware.readout if signed else hardware.phi
    width = rows["t_out"].to_numpy() / hardware.t_pulse_max
    unseen &= unclipped(width)
    width = width[unseen]
    return FittedColumn(
        model=model,
        c_line=c_line,
        plain=measure_error(converter(plain[unseen]).numpy(), width, 1.0, "of T_max"),
        predicted=measure_error(
            converter(model(plain[unseen], load[unseen])).numpy(), width, 1.0, "of T_max"
        ),
    )


def loading_curve(transfer: pd.DataFrame, hardware: Hardware, c_line: float, signed: bool):
    """g(v) = (dQ/dV_bl) / C of a full-width read, Q taken from the line: secant over a tenth of the supply.

    The unsigned converter only sees bit lines below their rest voltage, the signed one both sides.
    """
    rows = transfer[np.isclose(transfer["t_pulse"], hardware.t_pulse_max, atol=0) & ~transfer["held_out"]]
    table = rows.pivot(index="v_store", columns="v_bl", values="q_bl")
    reach = hardware.v_max * 4 / 36
    below, above = (
        table.columns[np.argmin(np.abs(table.columns - (hardware.v_zero + side)))]
        for side in (-reach, reach if signed else 0.0)
    )
    slope = (table[above] - table[below]) / (above - below)
    return fit_spline(slope.index.to_numpy(), slope.to_numpy() / c_line, knots=9, unit="of peak")
