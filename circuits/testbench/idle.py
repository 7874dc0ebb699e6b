"""Testbenches of circuits at rest: cells, converters after an operation, drivers of word and bit lines."""

from __future__ import annotations

from collections.abc import Sequence

from ..runner import Simulation
from .bench import TRANSIENT_OPTIONS, Condition, close_circuit, open_circuit, supply
from .converters import LOAD, add_converter, charge_source, converter_lines, netlists_of
from .schedule import Schedule
from .write_path import word_line_rails

REST_OPTIONS = {**TRANSIENT_OPTIONS, "abstol": 1e-16, "gmin": 1e-18}
"""Simulator options for currents of pA: the usual gmin, 1e-15 S, would carry 1 fA in each junction."""
REST = 1e-9
"""End of the transient of a circuit without edges, s."""
AFTER = 0.5e-6
"""Time after an operation for which converters are simulated at rest, s."""


def resting_cells(condition: Condition, v_store: Sequence[float]) -> tuple[Simulation, list[list[str]]]:
    """Cells that hold voltages, with closed switches, bit lines at half the supply.

    Args:
        condition: technology, sizes, operating point.
        v_store: stored voltages, shape (copies,), V. Sources hold them, whose power does not count.

    Returns:
        The simulation, and per copy the sources that feed it.
    """
    cell, vdd = condition.designs.cell, condition.vdd
    circuit = open_circuit("cells at rest", condition, "gain_cell")
    levels = {"wbl": condition.v_mid, "wwl": cell.v_write_off, "wwlb": vdd - cell.v_write_off}
    levels |= {"rwl": 0.0, "rwlb": vdd, "bl": condition.v_mid, "dd": vdd}
    sources = []
    for i, stored in enumerate(v_store):
        for name, volts in levels.items():
            supply(circuit, f"{name}{i}", volts)
        supply(circuit, f"sn{i}", float(stored))
        nodes = [f"{name}{i}" for name in ("wbl", "wwl", "wwlb", "rwl", "rwlb", "bl", "sn", "dd")]
        circuit.X(str(i), cell.subcircuit, *nodes, circuit.gnd, **cell.parameters)
        sources.append([f"{name}{i}" for name in levels])
    save = [vector for names in sources for name in names for vector in (f"i(v{name})", f"v({name})")]
    return close_circuit(circuit, end=REST, save=save, options=REST_OPTIONS), sources


def resting_drivers(condition: Condition) -> tuple[Simulation, dict[str, list[str]]]:
    """One row driver, the drivers of one pair of write word lines, and the level switches of one bit line.

    Returns:
        The simulation, and the sources that feed each circuit.
    """
    vdd, levels = condition.vdd, condition.designs.levels.key
    circuit = open_circuit("drivers at rest", condition, "logic", "write_path")
    rails = word_line_rails(condition)
    for name, volts in {**rails, "row": vdd, "shift": vdd, "switches": vdd}.items():
        supply(circuit, name, volts)
    for name, volts in {"low_in": 0.0, "high_in": vdd}.items():
        supply(circuit, name, volts)
    circuit.X(
        "row", "row_driver", "low_in", "rwl", "rwlb", "row", circuit.gnd, x=condition.designs.array.driver
    )
    for name, command, high, low in (("wwl", "low_in", "high", "low"), ("wwlb", "high_in", "highb", "lowb")):
        if high in rails:
            circuit.X(name, "level_shifter", command, name, high, low, "shift", circuit.gnd)
    references = []
    for k in range(levels + 1):
        volts = condition.v_mid if k == levels else condition.write_level(vdd * k / (levels - 1))
        supply(circuit, f"ref{k}", volts)
        selected = "high_in" if k == levels else "low_in"
        circuit.X(f"sw{k}", "level_switch", f"ref{k}", "wbl", selected, selected, "switches", circuit.gnd)
        references.append(f"ref{k}")
    sources = {
        "row driver": ["row"],
        "write word-line drivers": [*rails, "shift"],
        "level switches": ["switches", *references],
    }
    save = [
        vector for names in sources.values() for name in names for vector in (f"i(v{name})", f"v({name})")
    ]
    return close_circuit(circuit, end=REST, save=list(dict.fromkeys(save)), options=REST_OPTIONS), sources


def resting_converter(condition: Condition, *, signed: bool) -> tuple[Simulation, list[str]]:
    """A converter after an operation with half of its full scale, and for `AFTER` after it.

    The bias has its own supply, which does not count.

    Args:
        condition: technology, sizes, operating point.
        signed: the signed read-out converter instead of the unsigned one.

    Returns:
        The simulation, and the sources that feed the converter.
    """
    design = condition.designs.readout if signed else condition.designs.converter
    schedule = Schedule.single(condition.designs, signed)
    circuit = open_circuit("converter at rest", condition, *netlists_of(design))
    converter_lines(circuit, condition, design, schedule)
    supply(circuit, "dd", condition.vdd)
    add_converter(circuit, design, "", "int", "out", "dd", sign="sign")
    charge = design.i_ramp * condition.designs.clocking.t_pulse_max / 2
    charge_source(circuit, condition, schedule, "q", "int", charge)
    circuit.C("load", "out", circuit.gnd, LOAD)
    save = ["i(vdd)", "v(dd)", "v(out)"]
    return close_circuit(circuit, end=schedule.end + AFTER, save=save, max_step=AFTER / 20), ["dd"]
