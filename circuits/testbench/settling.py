"""Testbench of a converter's reset and auto-zero after a previous conversion."""

from __future__ import annotations

from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, step, supply
from .converters import add_bias, add_converter, netlists_of, reference_line

RESET_START = 1e-9
"""Start of the reset, s."""

COMPARATOR_INPUT = "v(xconv.xcmp.a)"
"""Vector of the comparator's input behind its coupling capacitor. Its value at the end of the reset sets the
trip point."""


def reset_settling(condition: Condition, v_left: float, end: float, *, signed: bool) -> Simulation:
    """Reset of a converter whose comparator is off before. Saves v(int) and `COMPARATOR_INPUT`.

    Args:
        condition: technology, sizes, operating point.
        v_left: initial voltage of the integration node, V.
        end: end of the reset and of the transient, s.
        signed: the signed read-out converter instead of the unsigned one.
    """
    design = condition.designs.readout if signed else condition.designs.converter
    vdd = condition.vdd
    circuit = open_circuit("reset of a converter", condition, *netlists_of(design))
    supply(circuit, "vdd", vdd)
    reference_line(circuit, condition)
    supply(circuit, "bpc", condition.cascode_p(design))
    supply(circuit, "bnc", design.v_cascode_n)
    add_bias(circuit, design, "vdd")
    for name, before in (("rst", 0.0), ("on", 0.0), ("rstb", vdd)):
        step(circuit, name, [(0.0, before), (RESET_START, vdd - before)])
    for name in ("ramp", "win"):
        supply(circuit, name, 0.0)
    if design.signed:
        supply(circuit, "smp", vdd)
        supply(circuit, "smpb", 0.0)
    add_converter(circuit, design, "", "int", "out", "vdd", sign="sign")
    return close_circuit(circuit, end=end, save=["v(int)", COMPARATOR_INPUT], initial={"int": v_left})
