"""Arrays with a signed query by complementary cells: which rows they have and which of them are pulsed."""

from __future__ import annotations

import numpy as np


def mirrored_rows(v_store: np.ndarray, t_pulse: np.ndarray, vdd: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a K array whose every cell has a complement, and their pulses.

    Args:
        v_store: stored voltages, shape (rows, ...), V.
        t_pulse: signed pulse widths, shape (rows,), s.
        vdd: supply, V; a complement stores vdd - v_store.

    Returns:
        Stored voltages, shape (2 rows, ...), and pulse widths, shape (2 rows,), none negative: first the rows
        of positive queries, then those of negative ones.
    """
    stored, width = np.asarray(v_store, dtype=float), np.asarray(t_pulse, dtype=float)
    return (
        np.concatenate([stored, vdd - stored]),
        np.concatenate([np.maximum(width, 0.0), np.maximum(-width, 0.0)]),
    )
