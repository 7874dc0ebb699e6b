"""What is read off waveforms: pulse widths, charges, energies, device figures."""

from __future__ import annotations

import numpy as np

from ..circuits.errors import SimulationError
from ..circuits.rawfile import Waveforms


def pulse_width(waves: Waveforms, name: str, threshold: float) -> float:
    """Time (s) that a signal spends above `threshold` in its one pulse; 0 without a pulse.

    Crossings are interpolated between the simulator's own time points.

    Raises:
        SimulationError: more than one pulse, or a pulse that has not ended: the width has no meaning.
    """
    time, value = waves.axis, waves[name]
    above = value > threshold
    edges = np.flatnonzero(np.diff(above.astype(np.int8)))
    if edges.size == 0 and not above[0]:
        return 0.0
    if edges.size != 2 or above[0]:
        raise SimulationError(f"{name} crosses {threshold} V {edges.size} times; one pulse was expected")
    left, right = value[edges], value[edges + 1]
    start, stop = time[edges] + (threshold - left) / (right - left) * (time[edges + 1] - time[edges])
    return float(stop - start)


def energy(
    waves: Waveforms, source: str, volts: float, t0: float | None = None, t1: float | None = None
) -> float:
    """Energy (J) that a DC source of `volts` delivers; SPICE counts a source's current into its + node."""
    return -volts * waves.integrate(f"i(v{source})", t0, t1)


def switching_energy(waves: Waveforms, source: str, swing: float, t0: float, t1: float) -> float:
    """Energy (J) of driving a line through one full cycle: charge of the edge in [t0, t1] times the swing.

    A driver takes this from its supply on one edge and dumps it on the other; an ideal source would get it
    back, so its net energy says nothing.
    """
    return abs(waves.integrate(f"i(v{source})", t0, t1) * swing)


def device_figures(gate: np.ndarray, linear: np.ndarray, saturated: np.ndarray) -> dict[str, float]:
    """Figures of merit of a transistor from two gate sweeps.

    Args:
        gate: gate voltage magnitudes, shape (n,), V, rising from 0 to the supply.
        linear: drain current per width at the low drain voltage, shape (n,), A/m.
        saturated: the same at the supply.

    Returns:
        i_on, i_off (A/m, at the supply); swing (V per decade, steepest mean over one decade of current below
        threshold); v_th_lin, v_th_sat (V, constant current 0.1 A/m = 100 nA/um).
    """
    log_lin, log_sat = np.log10(linear), np.log10(saturated)
    decade = (log_sat > log_sat[0] + 0.3) & (log_sat < log_sat[0] + 1.3)
    slope = np.polyfit(gate[decade], log_sat[decade], 1)[0]
    v_lin, v_sat = (float(np.interp(-1.0, log, gate)) for log in (log_lin, log_sat))
    return {
        "i_on": float(saturated[-1]),
        "i_off": float(saturated[0]),
        "swing": float(1 / slope),
        "v_th_lin": v_lin,
        "v_th_sat": v_sat,
    }
