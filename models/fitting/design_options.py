"""Design options that the published array does not have: signed queries and the normalising column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from ..array import ColumnModel
from ..checks.numerical import NORMALISER_WIDTH, SIGNED_COLUMN_WIDTH, SurrogateError
from ..hardware import Hardware
from ..phases import phase_sums, two_phase_charge
from .columns import FittedColumn, loading_curve, unclipped
from .curves import held_out_mask, measure_error

RELAXATION = np.array([[0.0, -0.5, 1 / 6], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
"""Coefficients of a column model for (1 - exp(-u)) / u - 1 to second order, dimensionless."""


def fields_from_designs(designs: Mapping[str, Any], vdd: float) -> dict[str, Any]:
    """Fields of `Hardware` that follow from the design's levels, window and options.

    Args:
        designs: sizes, as in the manifest's condition.
        vdd: supply, V.

    Returns:
        Field name -> value.
    """
    array, two_phase = designs["array"], designs["converter"].get("phases", 1) == 2
    fraction = array.get("normaliser")
    return {
        "levels": dict(designs.get("levels", {})),
        "window": array.get("window"),
        "signed_query": "mirrored" if array.get("mirrored") else "two-phase" if two_phase else None,
        # A swap without loss, until the fit replaces the value.
        "swap_efficiency": 1.0 if two_phase else None,
        "normaliser": None if fraction is None else fraction * vdd,
    }


def fit_two_phase_column(
    rows: pd.DataFrame, transfer: pd.DataFrame, hardware: Hardware, c_line: float
) -> tuple[FittedColumn, float]:
    """Column model and swap efficiency from simulated two-phase columns; every fourth column is held out.

    In each phase the bit line relaxes as (1 - exp(-U)) / U. Two numbers are fitted: the swap efficiency, and
    the scale of the loading, because its secant over a tenth of the supply is too small for the larger swing
    of this bit line.

    Args:
        rows: table `column`, K columns with signed pulses.
        transfer: table `cell_transfer`.
        hardware: with its cells and converters fitted.
        c_line: capacitance of the integration node, F.

    Returns:
        The fitted column, and the swap efficiency (see `phases.two_phase_charge`), dimensionless.
    """
    width = rows["t_out"].to_numpy() / hardware.t_pulse_max
    rows, t_out = rows[unclipped(width)], width[unclipped(width)]
    # The swing and the converter's curve both contain the swap's charge injection: use the curve's inverse.
    grid = np.linspace(*hardware.phi.box["charge"], 20001)
    charge = np.interp(t_out, hardware.phi(grid).numpy(), grid)
    secant = loading_curve(transfer, hardware, c_line, True)
    stored, width = (np.array(rows[name].tolist()) for name in ("v_store", "t_pulse"))
    width = width / hardware.t_pulse_max
    sums = phase_sums(width, stored, hardware.cells["table"], hardware.edge or 0.0)
    unseen, full_scale = held_out_mask(charge, None), hardware.q_sat_1

    def model(scale: float) -> ColumnModel:
        return ColumnModel(
            loading=secant.model_copy(update={"coefficients": secant.coefficients * scale}),
            coefficients=RELAXATION,
            q_scale=full_scale,
            box={"a": (-1.5, 1.5), "u": (0.0, 0.5)},
        )

    def net(values: np.ndarray) -> np.ndarray:
        column = model(values[1])
        loads = phase_sums(width, stored, column.loading)
        return two_phase_charge(column, values[0], *zip(sums, loads, strict=True)).numpy()

    found = least_squares(lambda x: (net(x) - charge)[~unseen] / full_scale, [0.9, 1.0]).x
    predicted = net(found)
    error = measure_error(predicted[unseen], charge[unseen], full_scale, "of full scale")
    plain, through = (
        measure_error(hardware.phi(q[unseen]).numpy(), t_out[unseen], 1.0, "of T_max")
        for q in (sums[1] - sums[0], predicted)
    )
    fitted = model(found[1]).model_copy(update={"errors": error})
    return FittedColumn(model=fitted, c_line=c_line, plain=plain, predicted=through), float(found[0])


def option_errors(hardware: Hardware, tables: Mapping[str, pd.DataFrame]) -> dict[str, SurrogateError]:
    """Errors of the predictions for signed queries and for the normalising column.

    Signed columns are compared with the plain signed sum of an ideal array. They are also compared with the
    column model if the hardware describes the scheme, or if the scheme needs no parameter of its own
    (mirrored).

    Args:
        hardware: the fitted surrogates.
        tables: procedure -> table without failed rows; `signed_column` and `normaliser` are used, both
            optional.

    Returns:
        Label for the report -> error, of T_max; empty without such tables.
    """
    errors: dict[str, SurrogateError] = {}
    if "signed_column" in tables:
        for scheme, rows in tables["signed_column"].groupby("scheme"):
            width = rows["t_out"].to_numpy() / hardware.t_pulse_max
            shown = unclipped(width)
            for label, predicted in _signed_predictions(hardware, rows, str(scheme)).items():
                error = measure_error(predicted[shown], width[shown], 1.0, "of T_max")
                errors[f"signed query, {scheme}, {label}"] = SurrogateError.of(error, SIGNED_COLUMN_WIDTH)
    if "normaliser" in tables:
        rows = tables["normaliser"]
        width = rows["t_out"].to_numpy() / hardware.t_pulse_max
        stored = np.stack([np.full(len(t), v) for v, t in zip(rows["v_store"], rows["t_pulse"], strict=True)])
        pulses = np.array(rows["t_pulse"].tolist()) / hardware.t_pulse_max
        sums, loads = _sums(hardware, pulses, stored, 2)
        predicted, shown = hardware.readout(hardware.column_2(sums, loads)).numpy(), unclipped(width)
        error = measure_error(predicted[shown], width[shown], 1.0, "of T_max")
        errors["normalising column"] = SurrogateError.of(error, NORMALISER_WIDTH)
    return errors


def _sums(
    hardware: Hardware, width: np.ndarray, stored: np.ndarray, array: int
) -> tuple[np.ndarray, np.ndarray]:
    """Summed cell charge with edges (C), and summed loading, of columns (n, rows); each of shape (n,)."""
    column = hardware.column_1 if array == 1 else hardware.column_2
    charge = (width * hardware.transfer(stored).numpy()).sum(axis=1)
    charge = charge + (hardware.edge or 0.0) * (width > 0).sum(axis=1)
    return charge, (width * column.loading(stored).numpy()).sum(axis=1)


def _signed_predictions(hardware: Hardware, rows: pd.DataFrame, scheme: str) -> dict[str, np.ndarray]:
    """Label -> pulse widths / T_max of signed columns, by the plain signed sum and by the column model."""
    stored, width = (np.array(rows[name].tolist()) for name in ("v_store", "t_pulse"))
    width = width / hardware.t_pulse_max
    plain = (width * hardware.transfer(stored).numpy()).sum(axis=1)
    found = {"plain signed sum": (plain / hardware.q_sat_1).clip(0.0, 1.0)}
    if scheme == "mirrored" and hardware.signed_query != "two-phase":
        both = np.concatenate([np.maximum(width, 0.0), np.maximum(-width, 0.0)], axis=1)
        cells = np.concatenate([stored, hardware.v_min + hardware.v_max - stored], axis=1)
        sums, loads = _sums(hardware, both, cells, 1)
        found["column model"] = hardware.phi(hardware.column_1(sums, loads)).numpy()
    if scheme == "two-phase" and hardware.signed_query == "two-phase":
        sums = phase_sums(width, stored, hardware.transfer, hardware.edge or 0.0)
        loads = phase_sums(width, stored, hardware.column_1.loading)
        net = two_phase_charge(hardware.column_1, hardware.swap_efficiency, *zip(sums, loads, strict=True))
        found["column model"] = hardware.phi(net).numpy()
    return found
