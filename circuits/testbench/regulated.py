"""Testbench of banks of converters on the regulated supply, with the other loads of an operation."""

from __future__ import annotations

from collections.abc import Sequence

from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, supply
from .converters import LOAD, add_bias, add_converter, bank_clocks, charge_source, netlists_of
from .regulator import add_regulator
from .schedule import Schedule

RAIL = "rail"
"""Node of the supply of bias and converters."""


def regulated_conversion(
    condition: Condition,
    charge: float,
    *,
    signed: bool,
    v_in: float | None,
    active: float,
    loads: Sequence[tuple[float, float]],
) -> Simulation:
    """One conversion in all sub-tiles of a regulator.

    Two converters are simulated: the one that is measured, and one without charge. Current-controlled sources
    draw the currents of the others like them, and of the other sub-tiles' biases, from the same node.

    Saves v(out0), v(rail), i(vmeasured), and v(sign0) of the signed converter.

    Args:
        condition: technology, sizes, operating point; its supply is the reference voltage.
        charge: charge of the measured converter and of those like it (see `conversion`), C.
        signed: the signed read-out converters instead of the unsigned ones.
        v_in: supply of the chip, V; None for an ideal supply instead of the regulator.
        active: share of the converters that are like the measured one; the others have no charge.
        loads: (time in s, current in A) of everything else on the supply, in the order of time.
    """
    design = condition.designs.readout if signed else condition.designs.converter
    schedule, sizes = Schedule.single(condition.designs, signed), condition.designs.regulator
    converters = sizes.sub_tiles * condition.designs.array.columns
    circuit = open_circuit("conversion on the regulated supply", condition, *netlists_of(design), "regulator")
    if v_in is None:
        supply(circuit, RAIL, condition.vdd)
    else:
        add_regulator(circuit, condition, v_in, out=RAIL)
    bank_clocks(circuit, condition, design, schedule)
    parts = (
        ("bias", sizes.sub_tiles),
        ("measured", round(active * converters)),
        ("resting", converters - round(active * converters)),
    )
    for name, number in parts:
        circuit.V(name, RAIL, f"{name}supply", 0.0)
        if number != 1:
            circuit.F(name, RAIL, circuit.gnd, f"V{name}", float(number - 1))
    add_bias(circuit, design, "biassupply")
    for i, (name, taken) in enumerate((("measured", charge), ("resting", 0.0))):
        add_converter(circuit, design, str(i), f"int{i}", f"out{i}", f"{name}supply")
        circuit.C(f"l{i}", f"out{i}", circuit.gnd, LOAD)
        if taken:
            charge_source(circuit, condition, schedule, f"q{i}", f"int{i}", taken)
    values = [(float(time), float(amperes)) for time, amperes in loads]
    circuit.PieceWiseLinearCurrentSource("rest", RAIL, circuit.gnd, values=values)
    save = ["v(out0)", f"v({RAIL})", "i(vmeasured)"] + (["v(sign0)"] if signed else [])
    return close_circuit(circuit, end=schedule.end, save=save)
