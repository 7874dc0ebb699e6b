"""Energy balance of a simulated circuit: energy delivered by its sources, dissipated, and stored.

The three sums use different vectors (source currents; currents of channels and resistors; charges and
capacitor voltages). They agree only if every element is counted and the simulator conserves charge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..circuits.rawfile import Waveforms
from ..circuits.runner import Simulation
from .flatten_netlist import Element

TRANSISTOR_VECTORS = ("id", "vds", "vgs", "vbs", "qg", "qd", "qb")
"""Saved quantities of a transistor: channel current, voltages to its source, charges except that of the
source."""


@dataclass(frozen=True)
class EnergyBalance:
    """Energies of a circuit in a time window."""

    delivered: float
    """Energy delivered by all sources, J; energy that flows back into a source is negative."""
    dissipated: float
    """Energy dissipated in the channels of transistors and in resistors, J."""
    stored: float
    """Increase of the energy in capacitors and in the charges of transistors, J."""

    @property
    def error(self) -> float:
        """Missing energy, fraction of the larger of the delivered and the dissipated energy."""
        scale = max(abs(self.delivered), abs(self.dissipated))
        return abs(self.delivered - self.dissipated - self.stored) / scale


def with_energy_vectors(simulation: Simulation, circuit: tuple[Element, ...]) -> Simulation:
    """Extend a simulation to save all vectors that `energy_balance` needs.

    Args:
        simulation: simulation of the circuit.
        circuit: elements of its deck, from `flatten_netlist`.

    Returns:
        The simulation with further .save lines.
    """
    names = list(dict.fromkeys(name for element in circuit for name in _saved(element)))
    lines = [".save " + " ".join(names[i : i + 6]) for i in range(0, len(names), 6)]
    body, end, _ = simulation.netlist.rstrip().rpartition("\n.end")
    return replace(simulation, netlist="\n".join([body, *lines, f"{end.strip()}\n"]))


def energy_balance(
    waves: Waveforms, circuit: tuple[Element, ...], start: float, stop: float
) -> EnergyBalance:
    """Energies of a circuit between two times.

    Args:
        waves: waveforms of a simulation from `with_energy_vectors`.
        circuit: elements of its deck.
        start: start of the window, s.
        stop: end of the window, s.
    """
    delivered = dissipated = stored = 0.0
    for element in circuit:
        if element.kind in "vieg":
            delivered -= _work(waves, _current(element), _across(waves, element), start, stop)
        elif element.kind == "r":
            dissipated += _work(waves, _current(element), _across(waves, element), start, stop)
        elif element.kind == "c":
            ends = np.interp([start, stop], waves.axis, _across(waves, element))
            farads = float(waves[f"@{element.name}[capacitance]"][-1])
            stored += farads * (ends[1] ** 2 - ends[0] ** 2) / 2
        else:
            dissipated += _work(
                waves, f"i(@{element.name}[id])", waves[f"v(@{element.name}[vds])"], start, stop
            )
            stored += transistor_energy(waves, element, start, stop)
    return EnergyBalance(delivered, dissipated, stored)


def transistor_energy(waves: Waveforms, element: Element, start: float, stop: float) -> float:
    """Energy stored in the charges of a transistor: the sum over its terminals of the integral of v dq.

    Args:
        waves: waveforms of a simulation from `with_energy_vectors`.
        element: the transistor.
        start: start of the window, s.
        stop: end of the window, s.

    Returns:
        Energy, J.
    """
    inside = (waves.axis >= start) & (waves.axis <= stop)
    total = 0.0
    for voltage, charge in (("vgs", "qg"), ("vds", "qd"), ("vbs", "qb")):
        volts = waves[f"v(@{element.name}[{voltage}])"][inside]
        coulombs = waves[f"@{element.name}[{charge}]"][inside]
        total += float(np.sum((volts[1:] + volts[:-1]) / 2 * np.diff(coulombs)))
    return total


def node_charge(
    waves: Waveforms, circuit: tuple[Element, ...], node: str, start: float, stop: float
) -> float:
    """Charge that all capacitors at a node deliver between two times.

    Args:
        waves: waveforms of a simulation from `with_energy_vectors`.
        circuit: elements of its deck.
        node: name of the node.
        start: start of the window, s.
        stop: end of the window, s.

    Returns:
        Charge, C.
    """
    given = 0.0
    for element in circuit:
        if element.kind == "c" and node in element.nodes:
            ends = np.interp([start, stop], waves.axis, _across(waves, element))
            farads = float(waves[f"@{element.name}[capacitance]"][-1])
            given -= farads * (ends[1] - ends[0]) * (1 if node == element.nodes[0] else -1)
    return given


def _saved(element: Element) -> Iterator[str]:
    """Names of the vectors to save for an element."""
    if element.kind == "m":
        yield from (f"@{element.name}[{quantity}]" for quantity in TRANSISTOR_VECTORS)
        return
    yield from (f"v({node})" for node in element.nodes if node != "0")
    yield {
        "v": f"i({element.name})",
        "e": f"i({element.name})",
        "g": f"@{element.name}[i]",
        "i": f"@{element.name}[current]",
        "r": f"@{element.name}[i]",
        "c": f"@{element.name}[capacitance]",
    }[element.kind]


def _current(element: Element) -> str:
    """Name of the saved current that flows through the element from its first to its second node."""
    if element.kind in "ve":
        return f"i({element.name})"
    return f"i(@{element.name}[{'current' if element.kind == 'i' else 'i'}])"


def _across(waves: Waveforms, element: Element) -> np.ndarray:
    """Voltage from the first to the second node, V."""
    first, second = (0.0 if node == "0" else waves[f"v({node})"] for node in element.nodes)
    return np.zeros_like(waves.axis) + first - second


def _work(waves: Waveforms, current: str, volts: np.ndarray, start: float, stop: float) -> float:
    """Integral of current x voltage, J."""
    power = Waveforms(waves.plot, waves.axis_name, waves.axis, {"p": waves[current] * volts})
    return power.integrate("p", start, stop)
