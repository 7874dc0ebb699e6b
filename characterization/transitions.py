"""Transitions of logic signals: when they cross a level."""

from __future__ import annotations

import numpy as np

from ..circuits.rawfile import Waveforms


def crossings(
    waves: Waveforms, name: str, level: float, start: float | None = None, stop: float | None = None
) -> np.ndarray:
    """Times at which a signal crosses a level, interpolated linearly between the simulator's time points.

    Args:
        waves: waveforms of a transient.
        name: vector of the signal.
        level: level, V.
        start: start of the window, s; that of the transient by default.
        stop: end of the window, s; that of the transient by default.

    Returns:
        Times in order, s, shape (n,).
    """
    time, value = waves.axis, waves[name]
    first = 0 if start is None else max(int(np.searchsorted(time, start)) - 1, 0)
    last = len(time) if stop is None else int(np.searchsorted(time, stop)) + 1
    time, value = time[first:last], value[first:last]
    before = np.flatnonzero(np.diff((value > level).astype(np.int8)))
    share = (level - value[before]) / (value[before + 1] - value[before])
    found = time[before] + share * (time[before + 1] - time[before])
    inside = np.ones(found.shape, bool)
    if start is not None:
        inside &= found >= start
    if stop is not None:
        inside &= found <= stop
    return found[inside]
