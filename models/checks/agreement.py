"""Predicted against simulated pulse widths of columns, arrays and chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ConfigDict

from ..chain import predict_chain, product_widths
from ..hardware import Hardware
from ..values import Value

RMS_LIMITS = {1: 0.015, 2: 0.03}
"""Product (1 or 2) -> largest rms error of an array or chain, fraction of T_max."""
CHAINS = ("chain", "chain64")
"""Procedures that simulate chains of both arrays."""
ARRAYS = ("array", "array64")
"""Procedures that simulate whole arrays."""
ARRAY_TABLES = (*ARRAYS, *CHAINS)
"""Procedures whose tables are compared, all optional; no fit uses them."""


class Agreement(Value):
    """Simulated against predicted pulse widths of one circuit, fractions of T_max.

    Columns whose predicted and simulated widths are both 0, or both at full scale, are not counted: they
    agree with any model.
    """

    model_config = ConfigDict(allow_inf_nan=True)

    product: int
    """1: K array and ReLU; 2: V array and signed read-out, which in a chain includes the first product."""
    columns: int
    """Number of simulated columns."""
    counted: int
    """Number of columns whose widths are neither both zero nor both at full scale."""
    slope: float
    """Slope of the straight line simulated = slope x predicted + offset, dimensionless."""
    offset: float
    """Offset of that line, fraction of T_max."""
    rms: float
    """Root mean square difference, fraction of T_max."""
    worst: float
    """Largest absolute difference, fraction of T_max."""

    @property
    def limit(self) -> float:
        """Largest rms that the design allows, fraction of T_max."""
        return RMS_LIMITS[self.product]

    @property
    def met(self) -> bool:
        """Whether the rms is within the limit."""
        return bool(self.rms <= self.limit)


def compare_widths(predicted: np.ndarray, simulated: np.ndarray, product: int) -> Agreement:
    """Agreement of predicted and simulated pulse widths.

    Args:
        predicted: widths by the surrogates, shape (n,), fractions of T_max.
        simulated: widths in the circuit, shape (n,), fractions of T_max.
        product: 1 for K arrays, 2 for V arrays.

    Returns:
        The figures; slope, offset, rms and worst are NaN if fewer than three columns count.
    """
    predicted, simulated = np.asarray(predicted, float), np.asarray(simulated, float)
    zero = (np.abs(predicted) < 1e-3) & (np.abs(simulated) < 1e-3)
    full = (np.abs(predicted) > 0.99) & (np.abs(simulated) > 0.99)
    counts = ~(zero | full)
    x, y = predicted[counts], simulated[counts]
    figures = dict.fromkeys(("slope", "offset", "rms", "worst"), float("nan"))
    if counts.sum() > 2:
        slope, offset = np.polyfit(x, y, 1)
        figures = {
            "slope": float(slope),
            "offset": float(offset),
            "rms": float(np.sqrt(np.mean((y - x) ** 2))),
            "worst": float(np.abs(y - x).max()),
        }
    return Agreement(product=product, columns=len(predicted), counted=int(counts.sum()), **figures)


def compare_circuits(hardware: Hardware, tables: Mapping[str, pd.DataFrame]) -> dict[str, Agreement]:
    """Agreement of every array and chain in the tables.

    Args:
        hardware: the fitted surrogates.
        tables: procedure -> table without failed rows; any of `ARRAY_TABLES`.

    Returns:
        Label of the circuit and its size -> agreement; empty without such tables.
    """
    found = {}
    for name in ARRAYS:
        if name not in tables:
            continue
        for (size, signed), rows in tables[name].groupby(["rows", "signed"]):
            kind, number = ("V", 2) if signed else ("K", 1)
            predicted, simulated = predict_arrays(hardware, rows)
            found[f"{kind} array of {size}"] = compare_widths(predicted, simulated, number)
    for name in CHAINS:
        if name not in tables:
            continue
        first = tables[name][tables[name]["stage"] == 1]
        size = int(first["index"].max()) + 1
        for stage, label in ((1, "product 1"), (2, "product 2")):
            found[f"chain of {size}, {label}"] = compare_widths(
                *predict_chain(hardware, tables[name], stage), stage
            )
    return found


def predict_arrays(hardware: Hardware, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and simulated pulse widths of arrays of one size and kind.

    Args:
        hardware: the fitted surrogates.
        rows: rows of the table `array` or `array64` with one size and one value of `signed`.

    Returns:
        Predicted and simulated widths, fractions of T_max, each of shape (columns of all arrays,).
    """
    predicted, simulated = [], []
    for _, one in rows.groupby("point"):
        first: Any = one.iloc[0]
        width = np.asarray(first["t_pulse"]) / hardware.t_pulse_max
        stored = np.asarray(first["v_store"]).reshape(len(width), -1)
        predicted.append(product_widths(hardware, width, stored, 2 if first["signed"] else 1))
        simulated.append(one.sort_values("index")["t_out"].to_numpy() / hardware.t_pulse_max)
    return np.concatenate(predicted), np.concatenate(simulated)
