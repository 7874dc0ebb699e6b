"""Testbenches of the gain cell: many copies in one transient, which share their pulse edges."""

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
"""Options for stored charge that drifts by 1e-18 A currents: every numerical leak must be far below them."""
BREAKS_PER_DECADE = 10
DECADES = 10
"""Decades of time before its end over which a retention transient resolves what happens."""

READ_STEP = 500e-12
"""Largest time step of a cell's read, s: between its edges the currents of a clamped cell stand still."""


def cell_read(
    condition: Condition, v_store: Sequence[float], t_pulse: float, v_bl: Sequence[float]
) -> Simulation:
    """Cells that hold v_store (V) drive a clamped bit line at v_bl (V) during one pulse of t_pulse (s).

    Saves per copy i: v(sn<i>) storage node, i(vbl<i>) (negative: the cell sinks current from the bit line),
    i(vdd<i>) supply; and i(vrwl), i(vrwlb), the word-line currents of all copies together.
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
    """Cells that hold v_before (V) are written to v_target (V), one word-line pulse of the cell's t_write.

    Saves per copy i: v(sn<i>), i(vwbl<i>); and i(vwwl), i(vwwlb), the word-line currents of all copies.
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
        level = float(target) + cell.v_write_shift
        step(circuit, f"wbl{i}", [(0.0, rest), (timing.start - timing.setup, level), (released, rest)])
        nodes = (f"wbl{i}", "wwl", "wwlb", "rwl", "rwlb", "bl", f"sn{i}", "vdd", circuit.gnd)
        circuit.X(str(i), cell.subcircuit, *nodes, **cell.parameters)
        initial[f"sn{i}"] = float(before)
        save += [f"v(sn{i})", f"i(vwbl{i})"]
    return close_circuit(circuit, end=timing.end, save=save, initial=initial)


def cell_retention(
    condition: Condition, v_store: Sequence[float], v_rest: float, end: float, *, gmin: float = 1e-21
) -> Simulation:
    """Idle cells hold v_store (V) while the write bit line rests at v_rest (V), for `end` seconds.

    The simulator's own step control is blind here: it ignores currents below `abstol`, however long they
    flow, and lets no step exceed sqrt(trtol) seconds. So `trtol` lifts the limit, and a clock that drives
    nothing sets breakpoints at equal ratios of time, which hold the steps to a few per cent of the age.

    `gmin` (S) is a conductance that the simulator adds to every junction; a result that moves with it is an
    artefact. Saves v(sn<i>).
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
    cell = condition.designs.cell
    supply(circuit, "wwl", cell.v_write_off)
    supply(circuit, "wwlb", condition.vdd - cell.v_write_off)
