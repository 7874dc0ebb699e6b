"""From noise spectra to what is sampled: rms voltages, and charges that a noisy current leaves."""

from __future__ import annotations

import numpy as np
from scipy.special import sici


def sampled_rms(frequency: np.ndarray, density: np.ndarray, low: float = 0.0) -> float:
    """Rms of a quantity that is sampled at one instant.

    Args:
        frequency: rising, logarithmic, shape (n,), Hz.
        density: amplitude density on those frequencies, shape (n,), unit per root hertz.
        low: noise slower than this, Hz, is left out: it is the same at two samples whose difference counts.

    Returns:
        The root of the integral of the squared density, in the density's unit; trapezoids over log frequency.
    """
    kept = frequency >= low
    power, axis = density[kept] ** 2 * frequency[kept], np.log(frequency[kept])
    return float(np.sqrt(np.trapezoid(power, axis)))


def integrated_rms(frequency: np.ndarray, density: np.ndarray, window: float) -> float:
    """Rms of a noise current integrated over a window of time, C for a density in A per root hertz.

    The window weighs the spectrum with (sin(pi f T) / (pi f))^2, whose integral over an interval is closed;
    within an interval between two frequencies the squared density counts as its geometric mean. White noise
    of density s leaves s sqrt(T / 2).
    """
    angle = np.pi * window * frequency
    primitive = (-(np.sin(angle) ** 2) / frequency + np.pi * window * sici(2 * angle)[0]) / np.pi**2
    power = density[:-1] * density[1:]
    return float(np.sqrt(np.sum(power * np.diff(primitive))))
