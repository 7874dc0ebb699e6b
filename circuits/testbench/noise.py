"""Testbenches of noise: small-signal noise of one element at the relevant operating point.

Each is one `.noise` analysis. Its plot has `onoise_spectrum`, the density at the output in V per root hertz
(of a current: A per root hertz), and `inoise_spectrum`, that density divided by the gain from the input
source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..designs import Converter
from ..runner import Simulation
from .bench import TRANSIENT_OPTIONS, Condition, open_circuit, supply
from .converters import add_bias, add_converter

if TYPE_CHECKING:
    from PySpice.Spice.Netlist import Circuit

F_LOW, F_HIGH = 1.0, 1e13
"""Limits of the analysed band, Hz."""

PER_DECADE = 30
"""Number of frequencies per decade."""

PLOT = "Noise Spectral Density"
"""Name of the plot with the spectra."""
_TRANSIENT = frozenset({"method", "chgtol", "trtol"})


def storage_noise(condition: Condition, v_store: float) -> Simulation:
    """Noise of the storage node through the open write device, of a cell being written to v_store (V)."""
    cell, vdd = condition.designs.cell, condition.vdd
    circuit = open_circuit("noise of a write", condition, "gain_cell")
    _input(circuit, "wbl", v_store)
    supply(circuit, "vdd", vdd)
    supply(circuit, "bl", condition.v_mid)
    supply(circuit, "wwl", condition.v_write_on)
    supply(circuit, "wwlb", vdd - condition.v_write_on)
    supply(circuit, "rwl", 0.0)
    supply(circuit, "rwlb", vdd)
    nodes = ("wbl", "wwl", "wwlb", "rwl", "rwlb", "bl", "sn", "vdd", circuit.gnd)
    circuit.X("0", cell.subcircuit, *nodes, **cell.parameters)
    return analysis(circuit, "v(sn)", "vwbl")


def cell_noise(condition: Condition, v_store: float) -> Simulation:
    """Noise of the current into the clamped bit line, of a cell being read at v_store (V)."""
    cell, vdd = condition.designs.cell, condition.vdd
    circuit = open_circuit("noise of a read", condition, "gain_cell")
    _input(circuit, "bl", condition.v_mid)
    circuit.raw_spice += "\nhout out 0 vbl 1\n"
    for name, volts in (("vdd", vdd), ("wbl", condition.v_mid), ("rwl", vdd), ("rwlb", 0.0), ("sn", v_store)):
        supply(circuit, name, volts)
    supply(circuit, "wwl", cell.v_write_off)
    supply(circuit, "wwlb", vdd - cell.v_write_off)
    nodes = ("wbl", "wwl", "wwlb", "rwl", "rwlb", "bl", "sn", "vdd", circuit.gnd)
    circuit.X("0", cell.subcircuit, *nodes, **cell.parameters)
    return analysis(circuit, "v(out)", "vbl")


def ramp_noise(condition: Condition, design: Converter, polarity: Literal["p", "n"]) -> Simulation:
    """Noise of the current of a running ramp and its bias replica into the integration node.

    Args:
        condition: technology, sizes, operating point. The node is in the middle of the swing of a full-scale
            charge.
        design: sizes of the converter.
        polarity: channel type of the current source.
    """
    vdd = condition.vdd
    swing = design.i_ramp * condition.designs.clocking.t_pulse_max / design.c_int
    circuit = open_circuit("noise of a ramp", condition, "logic", "charge_to_pulse")
    _input(circuit, "int", condition.v_mid + (-swing / 2 if polarity == "p" else swing / 2))
    circuit.raw_spice += "\nhout out 0 vint 1\n"
    supply(circuit, "vdd", vdd)
    supply(circuit, "bpc", condition.cascode_p(design))
    supply(circuit, "bnc", design.v_cascode_n)
    supply(circuit, "ref", condition.v_mid)
    add_bias(circuit, design, "vdd")
    gate = {"p": circuit.gnd, "n": "vdd"}[polarity]
    width = design.w_ramp_p if polarity == "p" else design.w_ramp_n
    lines = ("int", gate, f"b{polarity}", f"b{polarity}c", "vdd", circuit.gnd)
    circuit.X("ramp", f"ramp_{polarity}", *lines, w=width, l=design.l_ramp)
    return analysis(circuit, "v(out)", "vint")


def converter_noise(
    condition: Condition, design: Converter, state: Literal["reset", "auto-zero", "coupling", "comparator"]
) -> Simulation:
    """Noise of one node of a converter at rest.

    Args:
        condition: technology, sizes, operating point.
        design: sizes of the converter.
        state: node and state. `reset`: integration node, connected to the reference. `auto-zero`: input of
            the comparator behind its coupling capacitor, inverter shorted. The end of the reset samples the
            noise of both. `coupling` and `comparator`: input of the comparator and output of its first
            inverter at the trip point, referred to the integration node. A large inductance shorts the
            inverter for the operating point only.
    """
    vdd = condition.vdd
    circuit = open_circuit(f"noise of a converter: {state}", condition, "logic", "charge_to_pulse")
    supply(circuit, "vdd", vdd)
    supply(circuit, "bpc", condition.cascode_p(design))
    supply(circuit, "bnc", design.v_cascode_n)
    add_bias(circuit, design, "vdd")
    resetting = state in ("reset", "auto-zero")
    levels = {"on": True, "rst": resetting, "rstb": not resetting, "ramp": False, "win": False}
    if design.signed:
        levels |= {"smp": True, "smpb": False}
    for name, high in levels.items():
        supply(circuit, name, vdd if high else 0.0)
    if resetting:
        _input(circuit, "ref", condition.v_mid)
    else:
        supply(circuit, "ref", condition.v_mid)
        _input(circuit, "int", condition.v_mid)
        circuit.raw_spice += "\nlzero xconv.xcmp.a xconv.xcmp.b 1e15\n"
    add_converter(circuit, design, "", "int", "out", "vdd", sign="sign")
    output = {"reset": "int", "comparator": "xconv.xcmp.b"}.get(state, "xconv.xcmp.a")
    return analysis(circuit, f"v({output})", "vref" if resetting else "vint")


def analysis(circuit: Circuit, output: str, source: str) -> Simulation:
    """`.noise` simulation of a finished circuit.

    Args:
        circuit: circuit with its elements added.
        output: vector `v(node)` of the noise.
        source: independent source to which `inoise_spectrum` refers.
    """
    options = " ".join(
        f"{name}={value}" for name, value in TRANSIENT_OPTIONS.items() if name not in _TRANSIENT
    )
    lines = [str(circuit).rstrip(), f".options {options}"]
    lines += [f".noise {output} {source} dec {PER_DECADE} {F_LOW!r} {F_HIGH!r}", ".end\n"]
    return Simulation("\n".join(lines), end=F_HIGH, plot=PLOT)


def _input(circuit: Circuit, node: str, volts: float) -> None:
    """Add a DC source `v<node>` to which a `.noise` analysis can refer."""
    circuit.raw_spice += f"\nv{node} {node} 0 dc {float(volts)!r} ac 1\n"
