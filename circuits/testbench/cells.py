"""Testbenches of the gain cell: many copies in one transient, with common pulse edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..runner import Simulation
from .bench import TRANSIENT_OPTIONS, Condition, close_circuit, open_circuit, pulse, step, supply
from .schedule import ReadTiming, WriteTiming

RETENTION_OPTIONS = TRANSIENT_OPTIONS | {
    "gmin": 1e-21,
    "abstol": 1e-20,
    "chgtol": 1e-19,
    "vntol": 1e-7,
    "reltol": 1e-4,
}
"""Simulator options for retention. Currents of 1e-18 A move the stored charge, so every numerical leakage
must be far smaller."""

BREAKS_PER_DECADE = 10
"""Number of breakpoints of a retention transient per decade of time."""

DECADES = 10
"""Number of decades of time before its end that a retention transient resolves."""

READ_STEP = 500e-12
"""Largest time step of a cell read, s. Between the edges the currents of a clamped cell are constant."""


def cell_read(
    condition: Condition, v_store: Sequence[float], t_pulse: float, v_bl: Sequence[float]
) -> Simulation:
    """Cells drive clamped bit lines during one read pulse.

    Saves per copy i: v(sn<i>) storage node, i(vbl<i>) (negative: the cell sinks current from the bit line),
    i(vdd<i>) supply; and i(vrwl), i(vrwlb), the word-line currents of all copies together.

    Args:
        condition: technology, sizes, operating point.
        v_store: stored voltages, shape (copies,), V.
        t_pulse: width of the read pulse, s.
        v_bl: voltages of the bit lines, shape (copies,), V.
    """
    timing = ReadTiming(t_pulse)
    cell, vdd = condition.designs.cell, condition.vdd
    circuit = open_circuit("gain cell read", condition, "gain_cell")
    pulse(circuit, "rwl", timing.start, t_pulse, vdd)
    pulse(circuit, "rwlb", timing.start, t_pulse, 0.0, vdd)
    _idle_write_lines(circuit, condition)
    supply(circuit, "wbl", condition.v_mid)
    save, initial = ["i(vrwl)", "i(vrwlb)"], {}
    for i, (stored, rest) in enumerate(zip(v_store, v_bl, strict=True)):
        supply(circuit, f"bl{i}", rest)
        supply(circuit, f"dd{i}", vdd)
        nodes = ("wbl", "wwl", "wwlb", "rwl", "rwlb", f"bl{i}", f"sn{i}", f"dd{i}", circuit.gnd)
        circuit.X(str(i), cell.subcircuit, *nodes, **cell.parameters)
        initial[f"sn{i}"] = float(stored)
        save += [f"v(sn{i})", f"i(vbl{i})", f"i(vdd{i})"]
    return close_circuit(circuit, end=timing.end, save=save, initial=initial, max_step=READ_STEP)


def cell_write(condition: Condition, v_target: Sequence[float], v_before: Sequence[float]) -> Simulation:
    """Cells are written with one word-line pulse of the cell's t_write.

    Saves per copy i: v(sn<i>), i(vwbl<i>); and i(vwwl), i(vwwlb), the word-line currents of all copies.

    Args:
        condition: technology, sizes, operating point.
        v_target: levels to write, shape (copies,), V.
        v_before: stored voltages before the write, shape (copies,), V.
    """
    cell, vdd, rest = condition.designs.cell, condition.vdd, condition.v_mid
    timing = WriteTiming(cell.t_write)
    circuit = open_circuit("gain cell write", condition, "gain_cell")
    supply(circuit, "vdd", vdd)
    supply(circuit, "rwl", 0.0)
    supply(circuit, "rwlb", vdd)
    supply(circuit, "bl", rest)
    on, off = condition.v_write_on, cell.v_write_off
    pulse(circuit, "wwl", timing.start, cell.t_write, on, off)
    pulse(circuit, "wwlb", timing.start, cell.t_write, vdd - on, vdd - off)
    save, initial = ["i(vwwl)", "i(vwwlb)"], {}
    released = timing.start + cell.t_write + timing.hold
    for i, (target, before) in enumerate(zip(v_target, v_before, strict=True)):
        level = condition.write_level(target)
        step(circuit, f"wbl{i}", [(0.0, rest), (timing.start - timing.setup, level), (released, rest)])
        nodes = (f"wbl{i}", "wwl", "wwlb", "rwl", "rwlb", "bl", f"sn{i}", "vdd", circuit.gnd)
        circuit.X(str(i), cell.subcircuit, *nodes, **cell.parameters)
        initial[f"sn{i}"] = float(before)
        save += [f"v(sn{i})", f"i(vwbl{i})"]
    return close_circuit(circuit, end=timing.end, save=save, initial=initial)


def cell_retention(
    condition: Condition, v_store: Sequence[float], v_rest: float, end: float, *, gmin: float = 1e-21
) -> Simulation:
    """Idle cells lose or gain charge. Saves v(sn<i>).

    The simulator's step control does not work here: it ignores currents below `abstol`, however long they
    flow, and limits the step to sqrt(trtol) seconds. So `trtol` raises the limit, and a clock without a load
    sets breakpoints at equal ratios of time, which limit the steps to a few per cent of the age.

    Args:
        condition: technology, sizes, operating point.
        v_store: voltages stored at the start, shape (copies,), V.
        v_rest: rest voltage of the write bit line, V.
        end: end of the transient, s.
        gmin: conductance that the simulator adds to every junction, S. A result that changes with it is an
            artefact.
    """
    cell = condition.designs.cell
    circuit = open_circuit("gain cell retention", condition, "gain_cell")
    supply(circuit, "vdd", condition.vdd)
    supply(circuit, "rwl", 0.0)
    supply(circuit, "rwlb", condition.vdd)
    supply(circuit, "bl", condition.v_mid)
    supply(circuit, "wbl", v_rest)
    _idle_write_lines(circuit, condition)
    initial = {}
    for i, stored in enumerate(v_store):
        nodes = ("wbl", "wwl", "wwlb", "rwl", "rwlb", "bl", f"sn{i}", "vdd", circuit.gnd)
        circuit.X(str(i), cell.subcircuit, *nodes, **cell.parameters)
        initial[f"sn{i}"] = float(stored)
    first = end / 10**DECADES
    breaks = np.geomspace(first, end, DECADES * BREAKS_PER_DECADE + 1).tolist()
    ticks = [(0.0, 0.0)] + [(time, float(i % 2)) for i, time in enumerate(breaks)]
    circuit.PieceWiseLinearVoltageSource("clock", "clock", circuit.gnd, values=ticks)
    return close_circuit(
        circuit,
        end=end,
        save=[f"v({node})" for node in initial],
        initial=initial,
        step=first,
        max_step=end / 50,
        options=RETENTION_OPTIONS | {"gmin": gmin, "trtol": 1e7, "minbreak": first / 100},
    )


def _idle_write_lines(circuit, condition: Condition) -> None:
    """Write word lines of a closed write device."""
    cell = condition.designs.cell
    supply(circuit, "wwl", cell.v_write_off)
    supply(circuit, "wwlb", condition.vdd - cell.v_write_off)
