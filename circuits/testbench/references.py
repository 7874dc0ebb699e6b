"""Testbenches of what trims a die: write references, ramp references of replica cells, replica delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..designs import Converter
from ..errors import TechnologyError
from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, pulse, step, supply
from .cells import READ_STEP
from .converters import LOAD, add_bias, add_converter, bank_clocks, netlists_of
from .schedule import ReadTiming, Schedule, WriteTiming

READ_STAGE = ("w_rn", "l_rn", "w_rp", "l_rp", "w_sw", "l_sw")
"""Sizes of a cell that its read stage has."""


def read_start(condition: Condition) -> float:
    """Start of the read pulse of `written_read`, s."""
    return WriteTiming(condition.designs.cell.t_write).end + ReadTiming(0.0).start


def written_read(condition: Condition, levels: Sequence[float]) -> Simulation:
    """Cells are written, each with its own level, and then read by one full pulse onto clamped bit lines.

    Saves per copy i: v(sn<i>), i(vbl<i>) (negative: the cell sinks current from the bit line).

    Args:
        condition: technology, sizes, operating point.
        levels: voltages of the write bit lines, shape (copies,), V; no trim acts on them.
    """
    cell, vdd, middle = condition.designs.cell, condition.vdd, condition.v_mid
    write, start = WriteTiming(cell.t_write), read_start(condition)
    read = ReadTiming(condition.designs.clocking.t_pulse_max, start)
    circuit = open_circuit("gain cell, write and read", condition, "gain_cell")
    supply(circuit, "vdd", vdd)
    on, off = condition.v_write_on, cell.v_write_off
    pulse(circuit, "wwl", write.start, cell.t_write, on, off)
    pulse(circuit, "wwlb", write.start, cell.t_write, vdd - on, vdd - off)
    pulse(circuit, "rwl", start, read.t_pulse, vdd)
    pulse(circuit, "rwlb", start, read.t_pulse, 0.0, vdd)
    save, initial = [], {}
    for i, level in enumerate(levels):
        lines = [(0.0, middle), (write.start - write.setup, float(level))]
        step(circuit, f"wbl{i}", [*lines, (write.start + cell.t_write + write.hold, middle)])
        supply(circuit, f"bl{i}", middle)
        nodes = (f"wbl{i}", "wwl", "wwlb", "rwl", "rwlb", f"bl{i}", f"sn{i}", "vdd", circuit.gnd)
        circuit.X(str(i), cell.subcircuit, *nodes, **cell.parameters)
        initial[f"sn{i}"] = middle
        save += [f"v(sn{i})", f"i(vbl{i})"]
    return close_circuit(circuit, end=read.end, save=save, initial=initial, max_step=READ_STEP)


def bank_reference(condition: Condition, *, signed: bool) -> Simulation:
    """Replica bias and replica delay of a bank of converters, over one operation.

    Two replicas of a converter's own ramps carry the currents of `replica_cells` cells, of which those of the
    p ramp hold the top write level and those of the n ramp the bottom one. Amplifiers hold these cells' bit
    lines at half the supply, as `ramp_bias` shows. On the column of a spare converter one cell at the top
    level is read by a full pulse, so its output, here with the window open from the start of the ramp, ends a
    comparator's delay after `t_lead`. In a bank whose spare converter starts earlier than the others by that
    time, it opens their window.

    Saves v(rp), v(rn) (outputs of the replicas), v(bp), v(bn) (lines), i(vrp), i(vrn) (currents of the
    replica cells, from the replica on), i(vdd) (bias and replica cells), i(vddc) (spare converter and its
    cell), and v(out), v(int) of the spare converter.

    Args:
        condition: technology, sizes, operating point.
        signed: the bank of signed read-out converters.

    Raises:
        TechnologyError: the converter has no `replica_cells`.
    """
    role = "readout" if signed else "converter"
    design = getattr(condition.designs, role)
    if design.replica_cells is None:
        raise TechnologyError(f"designs.{role}.replica_cells is not set: the bank has no replica to simulate")
    open_at_once = design.model_copy(update={"t_skew": 0.0})
    condition = replace(condition, designs=condition.designs.model_copy(update={role: open_at_once}))
    schedule, vdd = Schedule.single(condition.designs, signed), condition.vdd
    circuit = open_circuit("replica bias and delay", condition, *_netlists(design))
    levels = [condition.write_level(target) for target in (vdd, 0.0)]
    for name, volts in zip(("top", "bottom"), levels, strict=True):
        supply(circuit, name, volts)
    supply(circuit, "dd", vdd)
    supply(circuit, "ddc", vdd)
    bank_clocks(circuit, condition, open_at_once, schedule)
    add_bias(circuit, design, "dd", currents=False)
    for polarity, level in (("p", "top"), ("n", "bottom")):
        circuit.V(f"r{polarity}", f"r{polarity}", f"cells{polarity}", 0.0)
        for i in range(design.replica_cells):
            lines = ("dd", circuit.gnd, f"cells{polarity}", level)
            _read_stage(circuit, condition, f"r{polarity}{i}", lines, "dd")
    pulse(circuit, "rwl", schedule.positive, condition.designs.clocking.t_pulse_max, vdd)
    pulse(circuit, "rwlb", schedule.positive, condition.designs.clocking.t_pulse_max, 0.0, vdd)
    _read_stage(circuit, condition, "spare", ("rwl", "rwlb", "int", "top"), "ddc")
    add_converter(circuit, open_at_once, "spare", "int", "out", "ddc", sign="sign")
    circuit.C("load", "out", circuit.gnd, LOAD)
    save = ["v(rp)", "v(rn)", "v(bp)", "v(bn)", "i(vrp)", "i(vrn)", "i(vdd)", "i(vddc)", "v(out)", "v(int)"]
    return close_circuit(circuit, end=schedule.end, save=save)


def _netlists(design: Converter) -> tuple[str, ...]:
    return ("gain_cell", *netlists_of(design))


def _read_stage(circuit, condition: Condition, name: str, lines: tuple, vdd: str) -> None:
    """Add the read stage of a cell; lines: rwl, rwlb, bl, sn."""
    sizes = {key: condition.designs.cell.parameters[key] for key in READ_STAGE}
    circuit.X(f"cell{name}", "read_stage", *lines, vdd, circuit.gnd, **sizes)
