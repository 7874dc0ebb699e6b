"""Synthesised blocks and the analog circuits beside them in one SPICE deck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..runner import Simulation
from ..testbench.bench import NETLISTS, Condition, open_circuit, supply
from ..testbench.blocks import cell_matrix, drive_rows, write_lines
from ..testbench.converters import (
    LOAD,
    add_converter,
    charge_source,
    converter_lines,
    netlists_of,
)
from ..testbench.schedule import Schedule
from .simulation import UNIT, Stimuli
from .synthesis import Netlist
from .transistors import OPTIONS, add_cells, add_inputs, finished

CHAIN_OPTIONS = {
    **OPTIONS,
    "reltol": 3e-3,
    "abstol": 1e-11,
    "vntol": 1e-5,
    "itl1": 1000,
    "itl4": 500,
}
"""Simulator options of a chain with counters, wider than those of either alone."""


def driven_row_deck(condition: Condition, netlist: Netlist, stimuli: Stimuli, columns: int) -> Simulation:
    """A pulse generator of one row, its row driver, and the word lines of a row of cells that store zero.

    Saves what `transistors.block_deck` saves, and i(vddd) of the row driver and v(far), the read word line at
    the last cell.

    Args:
        condition: technology, sizes, operating point.
        netlist: pulse generators of one row.
        stimuli: inputs of the block.
        columns: number of cells on the word lines.
    """
    circuit = open_circuit("pulse generator and row", condition, "gain_cell", "logic", "cells")
    for name in ("core", "vdd", "ddd"):
        supply(circuit, name, condition.vdd)
    write_lines(circuit, condition)
    add_cells(circuit, netlist, "core")
    driven = add_inputs(circuit, condition, netlist, stimuli)
    (row,) = netlist.ports["row"]
    lines = drive_rows(circuit, condition, "a", [row], columns, "ddd")
    stored = np.full((1, columns), condition.v_mid)
    bit_lines, initial = cell_matrix(circuit, condition, "a", stored, *lines)
    for c, node in enumerate(bit_lines):
        circuit.V(f"bl{c}", node, circuit.gnd, condition.v_mid)
    circuit.V("far", "far", lines[0][0][-1], 0.0)
    return finished(circuit, netlist, stimuli, driven, ["i(vcore)", "i(vddd)", "v(far)"], initial)


def counted_conversion_deck(
    condition: Condition, netlist: Netlist, stimuli: Stimuli, charge: float
) -> Simulation:
    """A signed converter whose pulse a read-out of one column counts.

    Saves what `transistors.block_deck` saves, and i(vconv) of the converter, v(sign), and v(<net>) of the
    pulse. The load of the converter is that of the testbench `conversion`.

    Args:
        condition: technology, sizes, operating point.
        netlist: read-out of one column.
        stimuli: inputs of the block, as from `count_stimuli`; its pulse is left out.
        charge: charge taken from the integration node, C.
    """
    design, schedule = condition.designs.readout, Schedule.single(condition.designs, True)
    circuit = open_circuit("conversion and count", condition, *netlists_of(design), "cells")
    converter_lines(circuit, condition, design, schedule)
    for name in ("core", "conv"):
        supply(circuit, name, condition.vdd)
    add_cells(circuit, netlist, "core")
    driven = add_inputs(circuit, condition, netlist, stimuli, frozenset({"pulse"}))
    (out,) = netlist.ports["pulse"]
    add_converter(circuit, design, "0", "int", out, "conv", sign="sign")
    charge_source(circuit, condition, schedule, "q", "int", charge)
    circuit.C("load", out, circuit.gnd, LOAD)
    return finished(circuit, netlist, stimuli, driven, ["i(vcore)", "i(vconv)", "v(sign)", f"v({out})"])


def counted_chain_deck(
    condition: Condition, chain: Simulation, netlist: Netlist, stimuli: Stimuli
) -> Simulation:
    """The two-array chain whose read-outs are counted, with the supplies of its biases.

    Saves what the chain saves, i(vcore) of the counters and the currents of their inputs, their outputs, and
    i(vbias1) and i(vbias2) of the ramps' biases.

    The chain takes `CHAIN_OPTIONS`: with those of the chain alone the time step collapses.

    Args:
        condition: technology, sizes, operating point.
        chain: the deck of `testbench.chain`.
        netlist: read-out of as many columns as the chain has.
        stimuli: inputs of the block, as from `count_stimuli`; its pulses are left out.
    """
    circuit = open_circuit("counters", condition, "cells")
    circuit.raw_spice = (NETLISTS / "cells.sp").read_text()
    supply(circuit, "core", condition.vdd)
    add_cells(circuit, netlist, "core")
    driven = add_inputs(circuit, condition, netlist, stimuli, frozenset({"pulse"}))
    for d, net in enumerate(netlist.ports["pulse"]):
        circuit.V(f"count{d}", net, f"out{d}", 0.0)
    words = dict.fromkeys(net for net in netlist.ports["magnitude"] if net.startswith("n"))
    save = ["i(vcore)", "i(vbias1)", "i(vbias2)", *(f"i(v{net})" for net in driven)]
    save += [f"v({net})" for net in words]
    _, _, added = str(circuit).partition("\n")
    lines = [added.rstrip(), *(".save " + " ".join(save[i : i + 8]) for i in range(0, len(save), 8))]
    body, _, _ = chain.netlist.rstrip().rpartition("\n.end")
    return replace(chain, netlist="\n".join([body, *lines, ".end", ""]))


def count_stimuli(
    window: tuple[float, float], pulses: Sequence[tuple[float, float]], steps: int, end: float
) -> Stimuli:
    """Inputs of a read-out during one conversion, from the clear on, as in `drive.conversions`.

    Args:
        window: opening and closing of the read-out window, s.
        pulses: start and end of each column's pulse, s; equal for no pulse.
        steps: largest count.
        end: end of the simulation, s.
    """
    period = (window[1] - window[0]) / steps
    edges: list[tuple[float, str, int]] = []
    # One edge clears, and the window opens half a period before the first edge that counts.
    first = window[0] - 1.5 * period
    for k in range(steps + 2):
        edges += [(first + k * period, "clk", 1), (first + (k + 0.5) * period, "clk", -1)]
    edges += [(window[0] - 1.75 * period, "clear", 1), (window[0] - 0.75 * period, "clear", -1)]
    edges += [(window[0], "window", 1), (window[1], "window", -1)]
    for column, (start, stop) in enumerate(pulses):
        edges += [(start, "pulse", 1 << column), (stop, "pulse", -(1 << column))] if stop > start else []
    level, times = dict.fromkeys(("clk", "clear", "window", "pulse"), 0), [0]
    values = {name: [0] for name in level}
    for time, name, change in sorted((round(time / UNIT), name, change) for time, name, change in edges):
        level[name] += change
        if times[-1] != time:
            times.append(time)
            for column in values.values():
                column.append(0)
        for key, column in values.items():
            column[-1] = level[key]
    return Stimuli(np.array(times, dtype=np.int64), values, round(end / UNIT))
