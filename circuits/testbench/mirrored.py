"""Arrays that take a signed query by complementary cells: their rows and pulses."""

from __future__ import annotations

import numpy as np


def mirrored_rows(v_store: np.ndarray, t_pulse: np.ndarray, vdd: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and pulses of a K array in which every cell has a complement.

    Args:
        v_store: stored voltages, shape (rows, ...), V.
        t_pulse: signed pulse widths, shape (rows,), s.
        vdd: supply voltage, V; a complement stores vdd - v_store.

    Returns:
        Stored voltages, shape (2 rows, ...), V, and non-negative pulse widths, shape (2 rows,), s: first the
        rows of positive queries, then those of negative ones.
    """
    stored, width = np.asarray(v_store, dtype=float), np.asarray(t_pulse, dtype=float)
    return (
        np.concatenate([stored, vdd - stored]),
        np.concatenate([np.maximum(width, 0.0), np.maximum(-width, 0.0)]),
    )
