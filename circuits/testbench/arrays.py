"""Testbenches of columns, word lines, one array and the two-array chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..runner import Simulation
from .bench import TRANSIENT_OPTIONS, Condition, close_circuit, open_circuit, pulse, supply
from .blocks import cell_matrix, drive_rows, hold, rails, write_lines
from .converters import LOAD, add_converter, converter_lines, netlists_of, swap_currents
from .schedule import Schedule


def column(
    condition: Condition,
    v_store: np.ndarray,
    t_pulse: np.ndarray,
    *,
    signed: bool,
    also: Sequence[str] = (),
) -> Simulation:
    """One column: cells on a passive bit line with its wire, and the converter that reads it.

    Saves v(bl) at the converter, v(out), v(sign) of the signed converter, i(vvdd) of the cells, i(vddc) of
    the converter, i(vref), and with two phases the currents of `SWAP_CLOCKS`.

    Args:
        condition: technology, sizes, operating point.
        v_store: stored voltages, shape (rows,), V.
        t_pulse: pulse widths from ideal word lines, shape (rows,), s; 0 for no pulse, negative for a negative
            query where the converter has two phases.
        signed: the signed read-out converter instead of the unsigned one.
        also: further vectors to save.
    """
    design = condition.designs.readout if signed else condition.designs.converter
    schedule = Schedule.single(condition.designs, signed)
    circuit = open_circuit("column of gain cells", condition, "gain_cell", *netlists_of(design))
    converter_lines(circuit, condition, design, schedule)
    supply(circuit, "vdd", condition.vdd)
    supply(circuit, "ddc", condition.vdd)
    write_lines(circuit, condition)
    for row, width in enumerate(t_pulse):
        start = schedule.pulse_start(width)
        pulse(circuit, f"rwl{row}", start, abs(float(width)), condition.vdd)
        pulse(circuit, f"rwlb{row}", start, abs(float(width)), 0.0, condition.vdd)
    word_lines = [[f"rwl{row}"] for row in range(len(t_pulse))]
    complements = [[f"rwlb{row}"] for row in range(len(t_pulse))]
    cells = np.asarray(v_store, dtype=float)[:, None]
    bit_lines, initial = cell_matrix(circuit, condition, "a", cells, word_lines, complements)
    add_converter(circuit, design, "0", bit_lines[0], "out", "ddc", sign="sign")
    circuit.C("load", "out", circuit.gnd, LOAD)
    circuit.V("sense", "bl", bit_lines[0], 0.0)
    save = ["v(bl)", "v(out)", "i(vvdd)", "i(vddc)", "i(vref)"] + (["v(sign)"] if signed else [])
    save += swap_currents(design)
    return close_circuit(circuit, end=schedule.end, save=[*save, *also], initial=initial)


def row_drive(condition: Condition, t_pulse: float, columns: int) -> Simulation:
    """One row driver pulses the word lines of a row of cells, with their wires.

    Saves v(row), the lines of the first and last cell v(near), v(far), v(nearb), v(farb), and i(vddd) of the
    driver.

    Args:
        condition: technology, sizes, operating point.
        t_pulse: pulse width at the driver's input, s.
        columns: number of cells on the word lines.
    """
    start = 1e-9
    circuit, lines, initial = driven_row("row driver and word line", condition, start, t_pulse, columns)
    for name, node in zip(("near", "nearb"), (lines[0][0][0], lines[1][0][0]), strict=True):
        circuit.V(f"s{name}", name, node, 0.0)
    for name, node in zip(("far", "farb"), (lines[0][0][-1], lines[1][0][-1]), strict=True):
        circuit.V(f"s{name}", name, node, 0.0)
    save = ["v(row)", "v(near)", "v(far)", "v(nearb)", "v(farb)", "i(vddd)"]
    return close_circuit(circuit, end=start + t_pulse + 3e-9, save=save, initial=initial)


def driven_row(title: str, condition: Condition, start: float, t_pulse: float, columns: int):
    """One row of cells that store zero, with its driver, wires and clamped bit lines.

    Args:
        title: first line of the deck.
        condition: technology, sizes, operating point.
        start: start of the pulse, s.
        t_pulse: pulse width at the driver's input, s.
        columns: number of cells.

    Returns:
        The open circuit, the nodes of both word lines (see `drive_rows`), and the initial voltages by node.
    """
    circuit = open_circuit(title, condition, "gain_cell", "logic")
    supply(circuit, "vdd", condition.vdd)
    supply(circuit, "ddd", condition.vdd)
    write_lines(circuit, condition)
    pulse(circuit, "row", start, t_pulse, condition.vdd)
    lines = drive_rows(circuit, condition, "a", ["row"], columns, "ddd")
    cells = np.full((1, columns), condition.v_mid)
    bit_lines, initial = cell_matrix(circuit, condition, "a", cells, *lines)
    for c, node in enumerate(bit_lines):
        circuit.V(f"bl{c}", node, circuit.gnd, condition.v_mid)
    return circuit, lines, initial


def array(
    condition: Condition,
    t_pulse: np.ndarray,
    v_store: np.ndarray,
    *,
    signed: bool,
    options: Mapping[str, float | str] | None = None,
    timeout: float = 3600.0,
) -> Simulation:
    """One operation of a whole sub-array: row drivers, word lines, cells, bit lines and all converters.

    Saves v(out<c>), v(bl<c>) at the converter and v(sign<c>) of signed ones per column, and the currents
    i(vdcell) of the cells', i(vddrv) of the drivers', i(vdconv) of the converters' supply and i(vref).

    Args:
        condition: technology, sizes, operating point.
        t_pulse: pulse widths at the row drivers' inputs, shape (rows,), s; negative only where the converter
            has two phases.
        v_store: stored voltages, shape (rows, columns), V.
        signed: a V array with signed read-out converters; otherwise a K array with ReLU converters.
        options: simulator options that override `TRANSIENT_OPTIONS`.
        timeout: wall-clock time limit, s.
    """
    design = condition.designs.readout if signed else condition.designs.converter
    schedule = Schedule.single(condition.designs, signed)
    circuit = open_circuit("sub-array", condition, "gain_cell", *netlists_of(design))
    converter_lines(circuit, condition, design, schedule, copies=v_store.shape[1])
    for name in ("dcell", "ddrv", "dconv"):
        supply(circuit, name, condition.vdd)
    write_lines(circuit, condition)
    for row, width in enumerate(t_pulse):
        pulse(circuit, f"q{row}", schedule.pulse_start(width), abs(float(width)), condition.vdd)
    inputs = [f"q{row}" for row in range(len(t_pulse))]
    lines = drive_rows(circuit, condition, "a", inputs, v_store.shape[1], "ddrv")
    bit_lines, stored = cell_matrix(circuit, condition, "a", v_store, *lines, vdd="dcell")
    hold(circuit, stored)
    save = ["i(vdcell)", "i(vddrv)", "i(vdconv)", "i(vref)"]
    fed = rails(circuit, "dconv", len(bit_lines), condition.designs.array)
    for c, (node, (vdd, vss)) in enumerate(zip(bit_lines, fed, strict=True)):
        add_converter(circuit, design, str(c), node, f"out{c}", vdd, sign=f"sign{c}", vss=vss)
        circuit.C(f"load{c}", f"out{c}", circuit.gnd, LOAD)
        circuit.V(f"s{c}", f"bl{c}", node, 0.0)
        save += [f"v(out{c})", f"v(bl{c})"] + ([f"v(sign{c})"] if signed else [])
    own = TRANSIENT_OPTIONS | dict(options or {})
    return close_circuit(circuit, end=schedule.end, save=save, options=own, timeout=timeout)


def chain(
    condition: Condition,
    t_query: np.ndarray,
    v_key: np.ndarray,
    v_value: np.ndarray,
    options: Mapping[str, float | str] | None = None,
    timeout: float = 3600.0,
) -> Simulation:
    """The whole attention operation at transistor level: K array, converters, V array, signed converters.

    Saves v(phi<t>) and v(bl1_<t>) per token, v(out<d>), v(sign<d>) and v(bl2_<d>) per output, and the supply
    currents i(vdk) K cells, i(vdk_drv), i(vdv) V cells, i(vdv_drv), i(vdc1), i(vdc2) converters.

    Args:
        condition: technology, sizes, operating point.
        t_query: query pulse widths, shape (dims,), s, negative only where the converter has two phases; into
            the K array's row drivers.
        v_key: stored keys, shape (dims, tokens), V: one column per token.
        v_value: stored values, shape (tokens, dims_out), V: the K array's pulses drive its rows.
        options: simulator options that override `TRANSIENT_OPTIONS`.
        timeout: wall-clock time limit, s.
    """
    dims, tokens = v_key.shape
    designs, schedule = condition.designs, Schedule.of(condition.designs)
    netlists = netlists_of(designs.converter, designs.readout)
    circuit = open_circuit("two-array chain", condition, "gain_cell", *netlists)
    converter_lines(circuit, condition, designs.converter, schedule, "1", copies=tokens)
    converter_lines(circuit, condition, designs.readout, schedule, "2", True, v_value.shape[1])
    supplies = ("dk", "dk_drv", "dv", "dv_drv", "dc1", "dc2")
    for name in supplies:
        supply(circuit, name, condition.vdd)
    write_lines(circuit, condition)
    for d, width in enumerate(t_query):
        pulse(circuit, f"q{d}", schedule.pulse_start(width), abs(float(width)), condition.vdd)
    save = [f"i(v{name})" for name in supplies]
    key_lines = drive_rows(circuit, condition, "k", [f"q{d}" for d in range(dims)], tokens, "dk_drv")
    key_bits, key_cells = cell_matrix(circuit, condition, "k", v_key, *key_lines, vdd="dk")
    fed = rails(circuit, "dc1", tokens, designs.array)
    for t, (node, (vdd, vss)) in enumerate(zip(key_bits, fed, strict=True)):
        add_converter(circuit, designs.converter, str(t), node, f"phi{t}", vdd, "1", vss=vss)
        circuit.V(f"s1_{t}", f"bl1_{t}", node, 0.0)
        save += [f"v(phi{t})", f"v(bl1_{t})"]
    phi = [f"phi{t}" for t in range(tokens)]
    value_lines = drive_rows(circuit, condition, "v", phi, v_value.shape[1], "dv_drv")
    value_bits, value_cells = cell_matrix(circuit, condition, "v", v_value, *value_lines, vdd="dv")
    fed = rails(circuit, "dc2", len(value_bits), designs.array)
    for d, (node, (vdd, vss)) in enumerate(zip(value_bits, fed, strict=True)):
        add_converter(circuit, designs.readout, str(d), node, f"out{d}", vdd, "2", f"sign{d}", vss)
        circuit.C(f"load{d}", f"out{d}", circuit.gnd, LOAD)
        circuit.V(f"s2_{d}", f"bl2_{d}", node, 0.0)
        save += [f"v(out{d})", f"v(sign{d})", f"v(bl2_{d})"]
    hold(circuit, key_cells | value_cells)
    own = TRANSIENT_OPTIONS | dict(options or {})
    return close_circuit(circuit, end=schedule.end, save=save, options=own, timeout=timeout)
