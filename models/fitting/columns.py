"""Fit of the column model to simulated columns: bit-line capacitance, loading curve, error in pulse width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from ..array import ColumnModel
from ..curves import Spline
from ..hardware import Hardware
from ..values import FitError
from .arrays import fit_column_model
from .curves import fit_spline, held_out_mask, measure_error

CHARGE_RANGE = {False: (-0.3, 1.3), True: (-1.3, 1.3)}
"""Range of charge by `signed`, in full scales. Columns beyond it are left out, as the converter clips
them."""


@dataclass(frozen=True)
class FittedColumn:
    """A column model with its errors for the report."""

    model: ColumnModel
    """The fitted model."""
    c_line: float
    """Capacitance of the integration node with capacitor, cells and wire, F."""
    plain: FitError
    """Error of the plain sum of cells on the same unseen columns, of T_max."""
    predicted: FitError
    """Error of the column model through the converter, of T_max, on unseen columns that are not clipped."""


def unclipped(width: np.ndarray) -> np.ndarray:
    """Mask of the columns that the converter does not clip; a clipped column agrees with any model.

    Args:
        width: converted pulse width, fraction of T_max, shape (n,).

    Returns:
        Booleans, shape (n,).
    """
    return (np.abs(width) > 0.0) & (np.abs(width) < 0.99)


def weighted_sum(rows: pd.DataFrame, hardware: Hardware, curve: Callable[[np.ndarray], Tensor]) -> np.ndarray:
    """sum_i w_i curve(v_i) of each column, with the pulse widths w in fractions of T_max.

    Args:
        rows: table `column`.
        hardware: its `t_pulse_max` is used.
        curve: stored voltage (V) -> charge (C) or loading of a full-width pulse.

    Returns:
        The sums, in the unit of `curve`, shape (n,).
    """
    v, w = (np.array(rows[name].tolist()) for name in ("v_store", "t_pulse"))
    return (curve(v).numpy() * w / hardware.t_pulse_max).sum(axis=1)


def clamped_charge(rows: pd.DataFrame, hardware: Hardware) -> np.ndarray:
    """Charge that the cells of each column would deliver to a clamped bit line, edges included.

    Args:
        rows: table `column`.
        hardware: its cell "table" and edge charge are used.

    Returns:
        Charge, C, shape (n,).
    """
    pulses = (np.array(rows["t_pulse"].tolist()) > 0).sum(axis=1)
    return weighted_sum(rows, hardware, hardware.cells["table"]) + hardware.edge * pulses


def bit_line_capacitance(rows: pd.DataFrame, hardware: Hardware, signed: bool) -> float:
    """Capacitance that relates the swing of the bit line to the charge at the converter.

    The converter's curve is known against charge from an ideal source. Where it is not clipped, its inverse
    gives the column's charge, which is proportional to the swing.

    Args:
        rows: table `column`, rows of one kind.
        hardware: its converters are used.
        signed: whether the columns are those of the V array.

    Returns:
        Capacitance, F.
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
    """Column model of one array; every fourth column within `CHARGE_RANGE` is held out.

    Args:
        rows: table `column`, rows of one kind.
        transfer: table `cell_transfer`.
        hardware: with its cells and converters fitted.
        c_line: capacitance of the integration node, F.
        signed: whether the columns are those of the V array.
    """
    charge = c_line * (rows["v_start"] - rows["v_end"]).to_numpy()
    full_scale = hardware.q_sat_2 if signed else hardware.q_sat_1
    lowest, highest = CHARGE_RANGE[signed]
    inside = (charge > lowest * full_scale) & (charge < highest * full_scale)
    rows, charge = rows[inside], charge[inside]
    loading = loading_curve(transfer, hardware, c_line, signed)
    plain, load = clamped_charge(rows, hardware), weighted_sum(rows, hardware, loading)
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


def loading_curve(transfer: pd.DataFrame, hardware: Hardware, c_line: float, signed: bool) -> Spline:
    """Loading g(v) = (dQ/dV_bl) / C of a full-width read that takes Q from the bit line.

    The derivative is the secant over a tenth of the supply: below the rest voltage for the unsigned
    converter, on both sides of it for the signed one.

    Args:
        transfer: table `cell_transfer`.
        hardware: its voltages and pulse width are used.
        c_line: capacitance of the integration node, F.
        signed: whether the columns are those of the V array.

    Returns:
        Loading, dimensionless, against stored voltage (V).
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
