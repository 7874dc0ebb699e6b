"""Testbench of the write DAC's reference ladder, which is on during a write."""

from __future__ import annotations

from collections.abc import Sequence

from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, pulse, step, supply
from .fingers import fingers
from .schedule import WriteTiming

SWITCH = {"p": 400.0, "n": 200.0}
"""Widths of the ladder's switches in `reference_ladder.sp`, smallest widths."""
LADDER_LEAD = 0.5e-9
"""Time by which the ladder is on before the level switches close, s."""


def ladder_times(condition: Condition) -> tuple[float, float]:
    """Times at which the ladder is switched on and off, s."""
    timing = WriteTiming(condition.designs.cell.t_write)
    return timing.start - timing.setup - LADDER_LEAD, timing.start + timing.t_write + timing.hold


def write_ladder(
    condition: Condition, resistance: float, loaded: Sequence[int | None], *, levels: int
) -> Simulation:
    """Ladders that each write one level into a whole word, all of whose columns take the same level.

    The columns are lumped: write bit lines with closed write devices and wires, at half the supply before,
    and one row of cells that hold the rail further from the level.

    Saves per copy i: i(vdd<i>) of the ladder, v(line<i>) and v(sn<i>) of the loaded level, v(tap<i>_<k>).

    Args:
        condition: technology, sizes, operating point.
        resistance: resistance of a ladder, ohm.
        loaded: level that the columns take, shape (copies,); None: no column is connected.
        levels: number of levels, equally spaced from 0 to the supply.
    """
    cell, array, vdd = condition.designs.cell, condition.designs.array, condition.vdd
    timing = WriteTiming(cell.t_write)
    circuit = open_circuit("reference ladder", condition, "logic", "write_path", "reference_ladder")
    on, off = ladder_times(condition)
    select = (timing.start - timing.setup, timing.start + timing.t_write + timing.hold)
    supply(circuit, "vdd", vdd)
    step(circuit, "on", [(0.0, 0.0), (on, vdd), (off, 0.0)])
    step(circuit, "onb", [(0.0, vdd), (on, 0.0), (off, vdd)])
    step(circuit, "sel", [(0.0, 0.0), (select[0], vdd), (select[1], 0.0)])
    step(circuit, "selb", [(0.0, vdd), (select[0], 0.0), (select[1], vdd)])
    pulse(circuit, "wwl", timing.start, cell.t_write, condition.v_write_on, cell.v_write_off)
    pulse(circuit, "wwlb", timing.start, cell.t_write, vdd - condition.v_write_on, vdd - cell.v_write_off)
    supply(circuit, "closed", cell.v_write_off)
    supply(circuit, "closedb", vdd - cell.v_write_off)
    sizes = {
        k: v for k, v in cell.parameters.items() if k in ("c_store", "w_wn", "w_wp", "l_w", "w_ox", "l_ox")
    }
    load = "write_load" if cell.write_device == "cmos" else "write_load_oxide"
    w_min, widest = condition.technology.w_min, max(sizes[name] for name in sizes if name.startswith("w_"))
    width, cells = 8 * condition.technology.w_min * array.columns, array.columns * (array.rows - 1)
    save, initial = [], {}
    for i, level in enumerate(loaded):
        supply(circuit, f"dd{i}", vdd)
        nodes = [f"tap{i}_{k}" for k in range(levels)]
        ends = {"p": (nodes[-1], f"dd{i}", "onb"), "n": (nodes[0], circuit.gnd, "on")}
        for kind, switched in ends.items():
            wide = fingers(condition, SWITCH[kind] * w_min, "w", SWITCH[kind] * w_min)
            circuit.X(f"{kind}{i}", f"ladder_switch_{kind}", *switched, "vdd", circuit.gnd, **wide)
        for k in range(levels - 1):
            circuit.R(f"{i}_{k}", nodes[k], nodes[k + 1], resistance / (levels - 1))
        save += [f"i(vdd{i})", *(f"v({node})" for node in nodes)]
        if level is None:
            continue
        line, stored = f"line{i}", f"xrow{i}.sn"
        gates = ("sel", "selb", "vdd", circuit.gnd)
        parallel = fingers(condition, 2 * width)
        size = {"w_n": width, "w_p": 2 * width}
        if parallel:
            size = {name: value / parallel["m"] for name, value in size.items()}
        circuit.X(f"sw{i}", "tgate", nodes[level], line, *gates, **size, **parallel)
        circuit.C(f"wire{i}", line, circuit.gnd, array.c_wire * array.rows * array.columns)
        closed = fingers(condition, cells * widest, "n", cells) or {"n": cells}
        circuit.X(f"col{i}", load, line, "closed", "closedb", "vdd", circuit.gnd, **closed, **sizes)
        circuit.X(f"row{i}", load, line, "wwl", "wwlb", "vdd", circuit.gnd, n=array.columns, **sizes)
        initial[line] = condition.v_mid
        initial[stored] = 0.0 if level >= levels / 2 else vdd
        save += [f"v({line})", f"v({stored})"]
    return close_circuit(circuit, end=timing.end, save=save, initial=initial)
