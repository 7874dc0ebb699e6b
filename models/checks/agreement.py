"""How well pulse widths that the surrogates predict agree with those of simulated columns, arrays, chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..chain import predict_chain, product
from ..hardware import Hardware
from ..values import Value

LIMITS = {1: 0.015, 2: 0.03}
"""By product: largest rms error of an array or chain, fraction of T_max."""
CHAINS = ("chain", "chain64")
ARRAYS = ("array", "array64")
TABLES = (*ARRAYS, *CHAINS)
"""Procedures whose tables are compared where they are there; none is used in a fit."""


class Agreement(Value):
    """Simulated against predicted pulse widths of one kind of circuit, fractions of T_max.

    A width that both have at 0, or both at full scale, agrees with any model and does not count.
    """

    product: int
    """1: K array and ReLU; 2: V array and signed read-out, which in a chain includes the first product."""
    columns: int
    """Simulated columns."""
    counted: int
    """Columns whose width is neither clipped nor zero in both."""
    slope: float
    """Of the straight line simulated = slope x predicted + offset."""
    offset: float
    """Of that line."""
    rms: float
    """Root mean square difference."""
    worst: float
    """Largest difference."""

    @property
    def limit(self) -> float:
        """Largest rms that the design allows."""
        return LIMITS[self.product]

    @property
    def met(self) -> bool:
        """Whether the rms is within the limit."""
        return bool(self.rms <= self.limit)


def agreement(predicted: np.ndarray, simulated: np.ndarray, product: int) -> Agreement:
    """Agreement of widths, shape (n,), fractions of T_max; NaN where fewer than three columns count."""
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


def agreements(hardware: Hardware, tables: Mapping[str, pd.DataFrame]) -> dict[str, Agreement]:
    """Agreement by circuit and size, of those arrays and chains there are tables of."""
    found = {}
    for name in ARRAYS:
        if name not in tables:
            continue
        for (size, signed), rows in tables[name].groupby(["rows", "signed"]):
            kind, number = ("V", 2) if signed else ("K", 1)
            predicted, simulated = predict_arrays(hardware, rows)
            found[f"{kind} array of {size}"] = agreement(predicted, simulated, number)
    for name in CHAINS:
        if name not in tables:
            continue
        first = tables[name][tables[name]["stage"] == 1]
        size = int(first["index"].max()) + 1
        for stage, label in ((1, "product 1"), (2, "product 2")):
            found[f"chain of {size}, {label}"] = agreement(
                *predict_chain(hardware, tables[name], stage), stage
            )
    return found


def predict_arrays(hardware: Hardware, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and simulated widths / T_max of the arrays of one size and kind in a table (`array`)."""
    predicted, simulated = [], []
    for _, one in rows.groupby("point"):
        first: Any = one.iloc[0]
        width = np.asarray(first["t_pulse"]) / hardware.t_pulse_max
        stored = np.asarray(first["v_store"]).reshape(len(width), -1)
        predicted.append(product(hardware, width, stored, 2 if first["signed"] else 1))
        simulated.append(one.sort_values("index")["t_out"].to_numpy() / hardware.t_pulse_max)
    return np.concatenate(predicted), np.concatenate(simulated)
