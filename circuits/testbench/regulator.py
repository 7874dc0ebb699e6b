"""Testbenches of the supply's regulator: load and input sweeps, loop gain, and loads that change."""

from __future__ import annotations

from collections.abc import Sequence

from ..runner import Simulation
from .bench import TRANSIENT_OPTIONS, Condition, close_circuit, open_circuit, supply

_TRANSIENT = frozenset({"method", "chgtol", "trtol"})
F_LOW, F_HIGH = 1e3, 1e11
"""Limits of the loop gain's frequencies, Hz."""
PER_DECADE = 40
"""Number of frequencies per decade."""
GATE = "v(xreg.gate)"
"""Vector of the pass device's gate."""


def load_sweep(condition: Condition, v_in: float, most: float, steps: int = 40) -> Simulation:
    """Operating points over the load current, from none to `most`. Saves v(out), i(vchip), `GATE`.

    Args:
        condition: technology, sizes, operating point; its supply is the reference voltage.
        v_in: supply of the chip, V.
        most: largest load, A.
        steps: number of steps of the load.
    """
    circuit = _regulated(condition, v_in)
    circuit.raw_spice += "\nil out 0 0\n"
    return _analysis(circuit, f".dc il 0 {float(most)!r} {most / steps!r}", most)


def input_sweep(condition: Condition, lowest: float, highest: float, load: float) -> Simulation:
    """Operating points over the input voltage, in steps of 10 mV. Saves v(out), i(vchip), `GATE`.

    Args:
        condition: technology, sizes, operating point; its supply is the reference voltage.
        lowest: first input voltage, V.
        highest: last input voltage, V.
        load: current of the load, A.
    """
    circuit = _regulated(condition, lowest)
    circuit.raw_spice += f"\nil out 0 {float(load)!r}\n"
    return _analysis(circuit, f".dc vchip {float(lowest)!r} {float(highest)!r} 10m", highest)


def loop_gain(condition: Condition, v_in: float, load: float) -> Simulation:
    """Small-signal output for an input of 1 V at the sensed node: minus the loop gain. Saves v(out).

    A large inductance closes the loop for the operating point only, and a large capacitance feeds the signal.

    Args:
        condition: technology, sizes, operating point; its supply is the reference voltage.
        v_in: supply of the chip, V.
        load: current of the load, A.
    """
    circuit = _regulated(condition, v_in, sense="sense")
    circuit.raw_spice += f"\nil out 0 {float(load)!r}\nlclose out sense 1e6\ncfeed sense feed 1\n"
    circuit.raw_spice += "vfeed feed 0 dc 0 ac 1\n"
    return _analysis(circuit, f".ac dec {PER_DECADE} {F_LOW!r} {F_HIGH!r}", F_HIGH)


def changing_load(
    condition: Condition, v_in: float, loads: Sequence[tuple[float, float]], end: float
) -> Simulation:
    """Transient with a load that moves linearly between given times. Saves v(out), i(vchip), `GATE`.

    Args:
        condition: technology, sizes, operating point; its supply is the reference voltage.
        v_in: supply of the chip, V.
        loads: (time in s, current in A) in the order of time, the first one at 0.
        end: end of the transient, s.
    """
    circuit = _regulated(condition, v_in)
    circuit.PieceWiseLinearCurrentSource(
        "l", "out", circuit.gnd, values=[(float(time), float(amperes)) for time, amperes in loads]
    )
    return close_circuit(circuit, end=end, save=["v(out)", "i(vchip)", GATE])


def regulators(condition: Condition, v_in: float, load: float, copies: int) -> Simulation:
    """Operating point of several regulators with equal loads. Saves v(out<i>).

    Args:
        condition: technology, sizes, operating point; its supply is the reference voltage.
        v_in: supply of the chip, V.
        load: current of each load, A.
        copies: number of regulators.
    """
    circuit = open_circuit("regulators of the supply", condition, "regulator")
    supply(circuit, "chip", v_in)
    supply(circuit, "set", condition.vdd)
    for i in range(copies):
        nodes = ("chip", "set", f"out{i}", f"out{i}", circuit.gnd)
        circuit.X(f"reg{i}", "regulator", *nodes, **condition.designs.regulator.parameters)
        circuit.I(f"l{i}", f"out{i}", circuit.gnd, float(load))
    save = [f"v(out{i})" for i in range(copies)]
    return _analysis(circuit, f".dc vchip {float(v_in)!r} {float(v_in)!r} 1", v_in, save)


def add_regulator(circuit, condition: Condition, v_in: float, out: str = "out", sense: str = "") -> None:
    """Add a regulator, its input `vchip` and its reference `vset`, ideal sources.

    Args:
        circuit: circuit to add it to.
        condition: technology, sizes, operating point; its supply is the reference voltage.
        v_in: supply of the chip, V.
        out: regulated node.
        sense: node that is compared with the reference; the regulated one by default.
    """
    supply(circuit, "chip", v_in)
    supply(circuit, "set", condition.vdd)
    nodes = ("chip", "set", sense or out, out, circuit.gnd)
    circuit.X("reg", "regulator", *nodes, **condition.designs.regulator.parameters)


def _regulated(condition: Condition, v_in: float, sense: str = ""):
    circuit = open_circuit("regulator of the supply", condition, "regulator")
    add_regulator(circuit, condition, v_in, sense=sense)
    return circuit


def _analysis(
    circuit, command: str, end: float, save: Sequence[str] = ("v(out)", "i(vchip)", GATE)
) -> Simulation:
    options = " ".join(f"{k}={v}" for k, v in TRANSIENT_OPTIONS.items() if k not in _TRANSIENT)
    lines = [str(circuit).rstrip(), f".options {options}", f".save {' '.join(save)}"]
    return Simulation("\n".join([*lines, command, ".end\n"]), end=end)
