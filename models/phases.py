"""Two integration phases on one capacitor whose plates are swapped in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from .surrogate import as_tensor


def two_phase_charge(
    column: Callable[[Any, Any], Tensor],
    swap_efficiency: float,
    first: tuple[Any, Any],
    second: tuple[Any, Any],
) -> Tensor:
    """Net charge on the integration node after both phases, positive for a bit line that is pulled down.

    The first phase delivers the charge D. After the swap it counts `-swap_efficiency D`, and the bit line
    stands as far above its rest voltage. In the second phase, cells of summed loading U therefore deliver
    `U swap_efficiency D` more before compression.

    Args:
        column: the column model: summed cell charge (C) and loading -> delivered charge (C).
        swap_efficiency: share of the first phase's charge that is left after the swap. The charge on the bit
            line's own capacitance is lost twice.
        first: summed cell charge (C) and loading of the pulses of negative queries.
        second: summed cell charge (C) and loading of the pulses of positive queries, of the same shape.

    Returns:
        Charge, C, in the shape of the arguments.
    """
    swapped = float(swap_efficiency) * column(*map(as_tensor, first))
    charge, load = map(as_tensor, second)
    return column(charge + swapped * load, load) - swapped


def phase_sums(
    width: np.ndarray, stored: np.ndarray, curve: Callable[[Any], Tensor], edge: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """sum_i w_i curve(v_i) + edge of each column, over its negative and over its positive pulses.

    Args:
        width: signed pulse widths, fractions of T_max, shape (n, rows).
        stored: stored voltages, V, shape (n, rows).
        curve: stored voltage (V) -> charge (C) or loading of a full-width pulse.
        edge: added for every pulse of non-zero width, in the unit of `curve`.

    Returns:
        The sums over negative and over positive pulses, each of shape (n,), in the unit of `curve`.
    """
    values = curve(stored).numpy()
    parts = (np.maximum(-width, 0.0), np.maximum(width, 0.0))
    return tuple((part * values).sum(axis=1) + edge * (part > 0).sum(axis=1) for part in parts)
