"""Circuits of the benchmarks: each can be put into one deck any number of times, one answer per copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gaincell.characterization.procedure import Context, find
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import ReadTiming, cell_read

T_PULSE = 15e-9
"""Pulse of a cell's read, s."""


@dataclass(frozen=True)
class Circuit:
    """A swept circuit."""

    title: str
    values: Callable[[int], np.ndarray]
    """Number of points -> the points; the first axis counts them."""
    deck: Callable[[np.ndarray], str]
    """Netlist with one copy per point, the same options and saved vectors whatever their number."""
    answer: Callable[[Waveforms, int], float]
    """What is asked of copy i."""
    unit: str
    tolerance: float
    """Largest difference between two ways, in `unit`: the truncation error of their differing time steps."""


def rc_circuit(context: Context) -> Circuit:
    """A resistor into a capacitor."""

    def deck(volts: np.ndarray) -> str:
        copies = [
            f"vx{i} in{i} 0 {float(v)!r}\nr{i} in{i} out{i} 10k\nc{i} out{i} 0 100f ic=0"
            for i, v in enumerate(volts)
        ]
        saved = ".save " + " ".join(f"v(out{i})" for i in range(len(volts)))
        return "\n".join(["* rc", *copies, saved, ".tran 50p 5n uic", ".end"]) + "\n"

    def sweep(points: int) -> np.ndarray:
        return np.linspace(0.1, 0.9, points)

    return Circuit("RC", sweep, deck, lambda waves, i: float(waves[f"v(out{i})"][-1]), "V", 1e-3)


def cell_circuit(context: Context) -> Circuit:
    """The testbench behind `cell_transfer`: a gain cell reads its stored voltage onto a clamped bit line."""
    condition = context.condition

    def deck(stored: np.ndarray) -> str:
        return cell_read(condition, stored, T_PULSE, np.full(len(stored), condition.v_mid)).netlist

    def sweep(points: int) -> np.ndarray:
        return np.linspace(0.0, condition.vdd, points)

    return Circuit("cell, swept", sweep, deck, _charge, "C", 2e-17)


def _charge(waves: Waveforms, i: int) -> float:
    timing = ReadTiming(T_PULSE)
    return -waves.integrate(f"i(vbl{i})", timing.start / 2, timing.end)


def mismatch_circuit(context: Context) -> Circuit:
    """Samples of `cell_mismatch`: the same read by cells whose transistors all have their own draws."""
    procedure = find("cell_mismatch")
    every = procedure.points(context)
    full = every[every["t_pulse"] == every["t_pulse"].max()].reset_index(drop=True)

    def deck(rows: np.ndarray) -> str:
        (batch,) = procedure.batches(context, full.iloc[rows].reset_index(drop=True))
        return batch.simulation.netlist

    return Circuit("cell, Monte Carlo", np.arange, deck, _charge, "C", 2e-17)


CIRCUITS = {"rc": rc_circuit, "cell": cell_circuit, "mismatch": mismatch_circuit}


def build(name: str, technology: str) -> Circuit:
    """A circuit by name, in a technology at its nominal condition."""
    return CIRCUITS[name](Context(Technology.load(technology)))
