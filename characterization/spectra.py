"""Noise of samples from noise spectra: rms voltages, and rms charges of integrated noise currents."""

from __future__ import annotations

import numpy as np
from scipy.special import sici


def sampled_rms(frequency: np.ndarray, density: np.ndarray, low: float = 0.0) -> float:
    """Rms of a quantity that is sampled once.

    Args:
        frequency: rising, logarithmically spaced frequencies, shape (n,), Hz.
        density: amplitude density at these frequencies, shape (n,), unit per root hertz.
        low: lower limit, Hz. Slower noise is equal in two samples and cancels in their difference.

    Returns:
        Root of the integral of the squared density (trapezoidal rule over log frequency), in the unit of the
        density without the root hertz.
    """
    band = frequency >= low
    power, axis = density[band] ** 2 * frequency[band], np.log(frequency[band])
    return float(np.sqrt(np.trapezoid(power, axis)))


def integrated_rms(frequency: np.ndarray, density: np.ndarray, window: float) -> float:
    """Rms of a noise current that is integrated over a time window.

    The window weights the squared density with (sin(pi f T) / (pi f))^2, whose integral over an interval has
    a closed form. Between two frequencies the squared density is approximated by the geometric mean of its
    values there. White noise of density s gives s sqrt(T / 2).

    Args:
        frequency: rising, logarithmically spaced frequencies, shape (n,), Hz.
        density: amplitude density at these frequencies, shape (n,), A per root hertz.
        window: duration T of the window, s.

    Returns:
        Rms charge, C.
    """
    angle = np.pi * window * frequency
    primitive = (-(np.sin(angle) ** 2) / frequency + np.pi * window * sici(2 * angle)[0]) / np.pi**2
    power = density[:-1] * density[1:]
    return float(np.sqrt(np.sum(power * np.diff(primitive))))
