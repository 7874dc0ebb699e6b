"""Measurements on waveforms: pulse widths, energies, figures of merit of transistors."""

from __future__ import annotations

import numpy as np

from ..circuits.errors import SimulationError
from ..circuits.rawfile import Waveforms
from ..circuits.testbench.schedule import EDGE


def pulse_width(waves: Waveforms, name: str, threshold: float) -> float:
    """Width of the only pulse of a signal.

    Crossings of the threshold are interpolated linearly between the simulator's time points.

    Args:
        waves: waveforms of a transient.
        name: vector of the signal.
        threshold: level at which the width is measured, V.

    Returns:
        Time above the threshold, s; 0 without a pulse.

    Raises:
        SimulationError: more than one pulse, or a pulse that begins before the transient or ends after it.
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
    """Energy that a DC source delivers. SPICE counts a source's current as positive into its + node.

    Args:
        waves: waveforms of a transient.
        source: name of the source without its letter v.
        volts: voltage of the source, V.
        t0: start of the window, s; start of the transient by default.
        t1: end of the window, s; end of the transient by default.

    Returns:
        Energy, J.
    """
    return -volts * waves.integrate(f"i(v{source})", t0, t1)


def switching_energy(waves: Waveforms, source: str, swing: float, t0: float, t1: float, edge: float) -> float:
    """Energy that a real driver needs to drive a line through one full cycle.

    A driver takes the charge of one edge from its supply and discharges it to ground on the other edge. The
    ideal source of the testbench recovers the charge, so its net energy is not the energy of a driver.

    The current jumps where the edge begins and ends. Those times are breakpoints of the simulator, which
    takes the step after one by the backward Euler method: its charge is the step times the current at its
    end. The trapezoidal rule would lose up to 5 % of an edge there.

    Args:
        waves: waveforms of a transient.
        source: name of the source without its letter v.
        swing: voltage swing of the line, V.
        t0: start of a window with one edge, s.
        t1: end of the window, s.
        edge: time at which the edge is half-way, s.

    Returns:
        Charge of the edge times the swing, J.
    """
    name, time = f"i(v{source})", waves.axis
    current = waves[name]
    charge = waves.integrate(name, t0, t1)
    for corner in (edge - EDGE / 2, edge + EDGE / 2):
        k = int(np.argmin(np.abs(time - corner)))
        if abs(time[k] - corner) < 1e-3 * EDGE and k + 1 < time.size:
            charge += (current[k + 1] - current[k]) / 2 * (time[k + 1] - time[k])
    return abs(charge * swing)


def device_figures(gate: np.ndarray, linear: np.ndarray, saturated: np.ndarray) -> dict[str, float]:
    """Figures of merit of a transistor from two gate sweeps.

    Args:
        gate: magnitudes of the gate voltage, shape (n,), V, rising from 0 to the supply.
        linear: drain currents per width at the low drain voltage, shape (n,), A/m.
        saturated: drain currents per width with the drain at the supply, shape (n,), A/m.

    Returns:
        i_on, i_off: drain currents per width at the supply, A/m; swing: sub-threshold swing from a fit over
        the decade of current from 0.3 decades above i_off, V/decade; v_th_lin, v_th_sat: thresholds at the
        constant current 0.1 A/m = 100 nA/um, V.

    Raises:
        SimulationError: there is no such decade.
    """
    log_lin, log_sat = np.log10(linear), np.log10(saturated)
    decade = (log_sat > log_sat[0] + 0.3) & (log_sat < log_sat[0] + 1.3)
    if np.count_nonzero(decade) < 2:
        raise SimulationError(
            f"the drain current rises from {saturated[0]:.3g} to {saturated[-1]:.3g} A/m without a decade of "
            "sub-threshold current; check the model"
        )
    slope = np.polyfit(gate[decade], log_sat[decade], 1)[0]
    v_lin, v_sat = (float(np.interp(-1.0, log, gate)) for log in (log_lin, log_sat))
    return {
        "i_on": float(saturated[-1]),
        "i_off": float(saturated[0]),
        "swing": float(1 / slope),
        "v_th_lin": v_lin,
        "v_th_sat": v_sat,
    }
