"""Testbench of the write path: level switches, bit lines, word-line drivers, cells at the far ends."""

from __future__ import annotations

from collections.abc import Sequence

from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, step, supply
from .blocks import wire
from .schedule import WriteTiming

R_REFERENCE = 50.0
"""Output resistance of a DAC reference, which all columns share, ohm. This is an assumption. A column is
simulated with this times the number of columns, as if all columns wrote the same level."""


def write_path(
    condition: Condition, v_before: Sequence[float], chosen: Sequence[int], *, levels: int
) -> Simulation:
    """One word is written through drivers of finite strength.

    Each copy is the last cell of its own write bit line, which is loaded by the closed write devices of its
    other cells. All copies are at the far end of one write word line, which is loaded by the open write
    devices of the other columns. Between writes a further switch holds the bit lines at mid-supply. The pulse
    lasts the cell's t_write.

    Saves per copy i: v(sn<i>), v(line<i>) at the far end of the bit line, i(vref<i>_<k>) of the
    references (k = `levels` is the rest level), i(vlogic) of the switches' gates, v(wwl_far), and of the
    word-line drivers i(v<rail>) with the rails of `word_line_rails`, and i(vshift) of their logic side.

    Args:
        condition: technology, sizes, operating point.
        v_before: stored voltages before the write, shape (copies,), V.
        chosen: number of the level that each copy gets, shape (copies,).
        levels: number of levels, equally spaced from 0 to the supply.
    """
    cell, vdd = condition.designs.cell, condition.vdd
    timing = WriteTiming(cell.t_write)
    circuit = open_circuit("write path", condition, "gain_cell", "logic", "write_path")
    for name, volts in (("vdd", vdd), ("logic", vdd), ("shift", vdd), ("rwl", 0.0), ("rwlb", vdd)):
        supply(circuit, name, volts)
    supply(circuit, "bl", condition.v_mid)
    far = _word_lines(circuit, condition, len(v_before))
    targets = [condition.write_level(vdd * k / (levels - 1)) for k in range(levels)]
    selected = (timing.start - timing.setup, timing.start + cell.t_write + timing.hold)
    step(circuit, "enable", [(0.0, 0.0), (selected[0], vdd), (selected[1], 0.0)])
    step(circuit, "idle", [(0.0, vdd), (selected[0], 0.0), (selected[1], vdd)])
    supply(circuit, "on", vdd)
    supply(circuit, "off", 0.0)
    save = ["i(vlogic)", "i(vshift)", "v(wwl_far)"]
    save += [f"i(v{rail})" for rail in word_line_rails(condition)]
    initial = {}
    for i, (before, level) in enumerate(zip(v_before, chosen, strict=True)):
        line = _bit_line(circuit, condition, i, [*targets, condition.v_mid], int(level))
        circuit.V(f"line{i}", f"line{i}", line, 0.0)
        nodes = (line, *far, "rwl", "rwlb", "bl", f"sn{i}", "vdd", circuit.gnd)
        circuit.X(str(i), cell.subcircuit, *nodes, **cell.parameters)
        initial[f"sn{i}"] = float(before)
        save += [f"v(sn{i})", f"v(line{i})", *(f"i(vref{i}_{k})" for k in range(levels + 1))]
    return close_circuit(circuit, end=timing.end, save=save, initial=initial)


def word_line_rails(condition: Condition) -> dict[str, float]:
    """Voltages of the rails of the write word-line drivers, V, by name.

    Only a transmission gate has the complementary rails `highb` and `lowb`.
    """
    cell, vdd = condition.designs.cell, condition.vdd
    rails = {"high": condition.v_write_on, "low": cell.v_write_off}
    if cell.write_device == "cmos":
        rails |= {"highb": vdd - cell.v_write_off, "lowb": vdd - condition.v_write_on}
    return rails


def _word_lines(circuit, condition: Condition, copies: int) -> tuple[str, str]:
    """Add the drivers, wires and other columns of one word; return the far ends of its two word lines."""
    cell, array, vdd = condition.designs.cell, condition.designs.array, condition.vdd
    timing = WriteTiming(cell.t_write)
    for name, volts in word_line_rails(condition).items():
        supply(circuit, name, volts)
    write, ends = (timing.start, timing.start + cell.t_write), {}
    step(circuit, "write", [(0.0, 0.0), (write[0], vdd), (write[1], 0.0)])
    step(circuit, "writeb", [(0.0, vdd), (write[0], 0.0), (write[1], vdd)])
    polarities = {"wwl": ("write", "high", "low"), "wwlb": ("writeb", "highb", "lowb")}
    for name, (command, high, low) in polarities.items():
        if high not in word_line_rails(condition):
            ends[name] = ["vdd"]
            continue
        driven, ends[name] = wire(circuit, name, array.columns, array)
        nodes = (command, driven, high, low, "shift", circuit.gnd)
        circuit.X(name, "level_shifter", *nodes)
    supply(circuit, "others", condition.v_mid)
    spots = list(dict.fromkeys(zip(ends["wwl"], ends["wwlb"] * len(ends["wwl"]), strict=False)))
    if len(ends["wwlb"]) > 1:
        spots = list(dict.fromkeys(zip(ends["wwl"], ends["wwlb"], strict=True)))
    others = max(array.columns - copies, 0)
    for k, (wwl, wwlb) in enumerate(spots):
        share = others * (k + 1) // len(spots) - others * k // len(spots)
        _load(circuit, condition, f"row{k}", ("others", wwl, wwlb), share)
    circuit.V("wwl_far", "wwl_far", spots[-1][0], 0.0)
    return spots[-1]


def _bit_line(circuit, condition: Condition, i: int, references: list[float], level: int) -> str:
    """Add the references, switches, wire and other cells of copy i; return the far end of the wire."""
    array, vdd = condition.designs.array, condition.vdd
    driven, nodes = wire(circuit, f"wbl{i}", array.rows, array)
    for k, volts in enumerate(references):
        rest = k == len(references) - 1
        circuit.V(f"ref{i}_{k}", f"source{i}_{k}", circuit.gnd, volts)
        circuit.R(f"ref{i}_{k}", f"source{i}_{k}", f"ref{i}_{k}", R_REFERENCE * array.columns)
        pins = (f"ref{i}_{k}", driven, "on" if rest or k == level else "off", "idle" if rest else "enable")
        circuit.X(f"sw{i}_{k}", "level_switch", *pins, "logic", circuit.gnd)
    supply(circuit, f"closed{i}", condition.designs.cell.v_write_off)
    supply(circuit, f"closedb{i}", vdd - condition.designs.cell.v_write_off)
    ladder = list(dict.fromkeys(nodes))
    for s, node in enumerate(ladder):
        cells = nodes.count(node) - (node == ladder[-1])
        _load(circuit, condition, f"col{i}_{s}", (node, f"closed{i}", f"closedb{i}"), cells)
    return ladder[-1]


def _load(circuit, condition: Condition, name: str, nodes: tuple[str, str, str], cells: int) -> None:
    """Add the load of `cells` further write devices on the nodes (wbl, wwl, wwlb)."""
    cell = condition.designs.cell
    if cells == 0:
        return
    names = ("c_store", "w_wn", "w_wp", "l_w", "w_ox", "l_ox")
    sizes = {key: value for key, value in cell.parameters.items() if key in names}
    subcircuit = "write_load" if cell.write_device == "cmos" else "write_load_oxide"
    circuit.X(name, subcircuit, *nodes, "vdd", circuit.gnd, n=cells, **sizes)
