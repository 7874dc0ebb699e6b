"""Two integration phases on one capacitor whose plates are swapped in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from .surrogate import as_tensor


def two_phase_charge(
    column: Callable[[Any, Any], Tensor],
    retained: float,
    first: tuple[Any, Any],
    second: tuple[Any, Any],
) -> Tensor:
    """Net charge on the integration node after both phases, C, positive for a line pulled down.

    The first phase delivers D. After the swap it counts `-retained D`, and the line stands as much above its
    rest: in the second phase cells of summed loading U then take `U retained D` more before compression.

    Args:
        column: the column model.
        retained: share of the first phase's charge that the swap keeps; the line's own is lost twice.
        first: summed cell charge (C) and loading of the negative queries' pulses.
        second: those of the positive queries' pulses.
    """
    held = float(retained) * column(*map(as_tensor, first))
    charge, load = map(as_tensor, second)
    return column(charge + held * load, load) - held


def phase_sums(width: np.ndarray, stored: np.ndarray, curve: Callable[[Any], Tensor], edge: float = 0.0):
    """sum_i w_i curve(v_i) + edge, over the negative and over the positive pulses of each column.

    width: (n, rows) signed, fractions of T_max; stored: (n, rows), V. Returns two arrays of shape (n,).
    """
    values = curve(stored).numpy()
    parts = (np.maximum(-width, 0.0), np.maximum(width, 0.0))
    return tuple((part * values).sum(axis=1) + edge * (part > 0).sum(axis=1) for part in parts)
