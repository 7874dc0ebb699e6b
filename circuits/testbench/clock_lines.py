"""Testbench of the clock lines of a bank of converters, with the wires that cross it, and of their driver."""

from __future__ import annotations

from ..designs import Converter
from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, pulse, supply
from .converters import LOAD, add_converter, charge_source, converter_lines, netlists_of
from .schedule import EDGE, Schedule

DRIVER = (2.0, 8.0, 32.0)
"""Stages of a line's driver, drives in that of the smallest inverter: a fan-out of four each."""
GATE = 0.28e-15 / 80e-9
"""Input capacitance of the smallest inverter per width of its n transistor, F/m (`inv_x1` of generic28: 0.27
fF at 80 nm); it differs little between technologies, whose oxides become thinner with their channels."""
DRIVE_START, DRIVE_WIDTH = 1e-9, 2e-9
"""Start and width of the driver's pulse, s."""


def driven_load(condition: Condition) -> float:
    """Load of `DRIVER`, F: a fan-out of four of the last stage.

    Args:
        condition: technology.
    """
    return 4 * DRIVER[-1] * GATE * condition.technology.w_min


def clock_edges(condition: Condition, *, signed: bool) -> dict[str, list[float]]:
    """Edges of each clock line within one operation, s, by line."""
    schedule = Schedule.single(condition.designs, signed)
    close = schedule.window_end + 4 * EDGE
    edges = {
        "rst": [schedule.reset],
        "rstb": [schedule.reset],
        "on": [schedule.reset, schedule.wake, close],
        "ramp": [schedule.ramp, close],
        "win": [schedule.window, schedule.window_end],
    }
    return edges | ({"smp": [schedule.sample], "smpb": [schedule.sample]} if signed else {})


def clock_lines(condition: Condition, *, signed: bool) -> Simulation:
    """One converter converts half of its full scale; each of its clock lines has a pitch of wire.

    Beside it a driver of a fan-out of four, `DRIVER`, drives a capacitor.

    Saves i(v<line>) of the lines of `clock_edges`, i(vdriver), and v(driven).

    Args:
        condition: technology, sizes, operating point.
        signed: the signed read-out converter instead of the unsigned one.
    """
    design: Converter = condition.designs.readout if signed else condition.designs.converter
    schedule = Schedule.single(condition.designs, signed)
    circuit = open_circuit("clock lines of a converter", condition, *netlists_of(design))
    converter_lines(circuit, condition, design, schedule)
    for name in ("dd", "driver"):
        supply(circuit, name, condition.vdd)
    add_converter(circuit, design, "", "int", "out", "dd", sign="sign")
    charge = design.i_ramp * condition.designs.clocking.t_pulse_max / 2
    charge_source(circuit, condition, schedule, "q", "int", charge)
    circuit.C("load", "out", circuit.gnd, LOAD)
    lines = clock_edges(condition, signed=signed)
    for line in lines:
        circuit.C(f"wire_{line}", line, circuit.gnd, condition.designs.array.c_wire)
    pulse(circuit, "command", DRIVE_START, DRIVE_WIDTH, condition.vdd)
    nodes = ["command", *(f"stage{i}" for i in range(len(DRIVER) - 1)), "driven"]
    for i, drive in enumerate(DRIVER):
        circuit.X(f"stage{i}", "inv", nodes[i], nodes[i + 1], "driver", circuit.gnd, x=drive)
    circuit.C("driven", "driven", circuit.gnd, driven_load(condition))
    save = [*(f"i(v{line})" for line in lines), "i(vdriver)", "v(driven)"]
    return close_circuit(circuit, end=schedule.end, save=save)
