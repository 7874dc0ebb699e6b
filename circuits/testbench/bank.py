"""Testbench of a bank of converters along its supply and ground rails."""

from __future__ import annotations

from ..designs import Converter
from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, supply
from .blocks import rails, section_lengths
from .converters import LOAD, add_converter, charge_source, converter_lines, netlists_of
from .schedule import Schedule


def bank_conversion(
    condition: Condition, charge: float, *, signed: bool, alone: int | None = None
) -> Simulation:
    """A bank of `SubArray.columns` converters that all convert the same charge, on its rails.

    Of every section of the rails one converter is simulated. Current-controlled sources draw the currents of
    the section's other converters from the same nodes.

    Saves per section i: v(out<i>), v(s<i>) and v(g<i>) (its supply and ground), i(vs<i>) and i(vg<i>) (one
    converter's current from the supply and into the ground), and v(sign<i>) of the signed converter.

    Args:
        condition: technology, sizes, operating point.
        charge: charge of every converter (see `conversion`), C.
        signed: the signed read-out converters instead of the unsigned ones.
        alone: section whose one converter is alone on the rails; None: the whole bank converts.
    """
    design = condition.designs.readout if signed else condition.designs.converter
    schedule, array = Schedule.single(condition.designs, signed), condition.designs.array
    lengths = section_lengths(array.columns, array.section)
    places = range(len(lengths)) if alone is None else [alone]
    circuit = open_circuit("bank of converters", condition, *netlists_of(design))
    converter_lines(circuit, condition, design, schedule, copies=len(places))
    supply(circuit, "rail", condition.vdd)
    nodes = rails(circuit, "rail", array.columns, array)
    save = []
    for i in places:
        others = lengths[i] - 1 if alone is None else 0
        _converter(circuit, condition, design, schedule, i, charge, nodes[sum(lengths[:i])], others)
        save += [f"v(out{i})", f"v(s{i})", f"v(g{i})", f"i(vs{i})", f"i(vg{i})"]
        save += [f"v(sign{i})"] if signed else []
    return close_circuit(circuit, end=schedule.end, save=save)


def _converter(
    circuit,
    condition: Condition,
    design: Converter,
    schedule: Schedule,
    section: int,
    charge: float,
    fed: tuple[str, str],
    others: int,
) -> None:
    """Add a converter, its charge, and the currents of `others` like it at the rail nodes `fed`."""
    i = section
    for name, node, ends in (("s", fed[0], (fed[0], f"s{i}")), ("g", fed[1], (f"g{i}", fed[1]))):
        circuit.V(f"{name}{i}", *ends, 0.0)
        if others:
            draw = (node, circuit.gnd) if name == "s" else (circuit.gnd, node)
            circuit.F(f"{name}{i}", *draw, f"V{name}{i}", float(others))
    add_converter(circuit, design, str(i), f"int{i}", f"out{i}", f"s{i}", vss=f"g{i}")
    charge_source(circuit, condition, schedule, f"q{i}", f"int{i}", charge)
    circuit.C(f"l{i}", f"out{i}", circuit.gnd, LOAD)
