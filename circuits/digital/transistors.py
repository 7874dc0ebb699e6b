"""Synthesised netlists in transistors: SPICE decks of their cells, with stimuli as in Verilog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import SimulationError
from ..rawfile import Waveforms
from ..runner import Simulation
from ..standard_cells import CELLS
from ..testbench.bench import Condition, close_circuit, open_circuit, supply
from ..testbench.standard_cells import CELL_OPTIONS, SLEW_SHARE, ramp_source
from .activity import Activity, energy
from .gates import balanced, loads_of, slews_of, timed
from .simulation import UNIT, Responses, Stimuli, simulate
from .synthesis import Netlist

STEP = 1e-12
"""First time step after an edge of an input, s."""
MAX_STEP = 200e-12
"""Largest time step, s."""
OPTIONS = {**CELL_OPTIONS, "reltol": 5e-4}
"""Simulator options: those of single cells with a wider tolerance."""


def predicted(
    netlist: Netlist, stimuli: Stimuli, *, start: int, outputs: Mapping[str, float] | None = None
) -> tuple[Activity, Responses]:
    """Energy by toggles times tables, as `activity.measure`, with capacitances at outputs.

    Args:
        netlist: cells of a library.
        stimuli: inputs of the block.
        start: time from which energy counts, units of `UNIT`.
        outputs: capacitance (F) by net, besides the input pins on it.
    """
    loads = loads_of(netlist)
    for net, farads in (outputs or {}).items():
        loads[net] = loads.get(net, 0.0) + farads
    delayed = balanced(netlist, loads)
    slews = slews_of(netlist, delayed)
    responses = simulate(netlist.block, stimuli, netlist=[timed(netlist, delayed, slews)], dump=True)
    return energy(netlist, responses.dump, loads, slews, start, stimuli.end), responses


def block_deck(
    condition: Condition,
    netlist: Netlist,
    stimuli: Stimuli,
    *,
    outputs: Mapping[str, float] | None = None,
) -> Simulation:
    """A netlist in transistors, with the edges of the stimuli as ramps of the library's `slew`.

    Saves i(vcore) of the cells' supply, i(v<net>) of each net that an input drives, and v(<net>) of each
    output.

    Args:
        condition: technology and operating point.
        netlist: standard cells.
        stimuli: inputs of the block.
        outputs: capacitance (F) by net.
    """
    circuit = open_circuit(f"{netlist.block.name} in transistors", condition, "logic", "cells")
    supply(circuit, "core", condition.vdd)
    add_cells(circuit, netlist, "core")
    driven = add_inputs(circuit, condition, netlist, stimuli)
    for net, farads in (outputs or {}).items():
        circuit.C(f"load_{net}", net, circuit.gnd, farads)
    return finished(circuit, netlist, stimuli, driven, ["i(vcore)"])


def finished(
    circuit,
    netlist: Netlist,
    stimuli: Stimuli,
    driven: Sequence[str],
    also: Sequence[str],
    initial: Mapping[str, float] | None = None,
) -> Simulation:
    """Transient over the stimuli. Saves the currents of `driven`, the outputs, and the vectors `also`."""
    seen = dict.fromkeys(net for name in netlist.block.outputs for net in netlist.ports[name])
    save = [*also, *(f"i(v{net})" for net in driven)]
    save += [f"v({net})" for net in seen if net.startswith("n")]
    return close_circuit(
        circuit,
        end=stimuli.end * UNIT,
        save=list(dict.fromkeys(save)),
        initial=initial,
        step=STEP,
        max_step=MAX_STEP,
        options=OPTIONS,
        timeout=1800.0,
    )


def add_cells(circuit, netlist: Netlist, vdd: str) -> None:
    """Add the cells of a netlist; its nets are nodes of the same names.

    Args:
        circuit: circuit with the netlists `logic` and `cells`.
        netlist: standard cells.
        vdd: supply node.

    Raises:
        SimulationError: a cell that has no transistors.
    """
    fixed = {"1'b0": circuit.gnd, "1'b1": vdd}
    for one in netlist.instances:
        if one.kind not in CELLS:
            raise SimulationError(f"{one.kind} is no cell of cells.sp; synthesise with: gaincell liberty")
        cell = CELLS[one.kind]
        pins = [one.nets.get(pin, f"open_{one.name}_{pin}") for pin in (*cell.inputs, *cell.outputs)]
        circuit.X(one.name, one.kind, *(fixed.get(net, net) for net in pins), vdd, circuit.gnd)


def add_inputs(
    circuit, condition: Condition, netlist: Netlist, stimuli: Stimuli, without: frozenset[str] = frozenset()
) -> list[str]:
    """Add the sources of a block's inputs.

    Args:
        circuit: circuit to add them to.
        condition: operating point.
        netlist: the block.
        stimuli: its inputs.
        without: inputs that another circuit drives.

    Returns:
        The nets that they drive, each the name of its source as well.
    """
    assert netlist.library is not None
    driven, slew = [], netlist.library.slew
    for net, first, moves in input_moves(netlist, stimuli):
        if net not in {one for name in without for one in netlist.ports[name]}:
            ramp_source(circuit, condition, net, first, moves, slew)
            driven.append(net)
    return driven


def input_moves(netlist: Netlist, stimuli: Stimuli) -> list[tuple[str, int, list[tuple[float, int]]]]:
    """Net, first level and (time in s, level) of each change of every input bit."""
    found = []
    for name in netlist.block.inputs:
        for bit, net in enumerate(netlist.ports[name]):
            levels = [int(value) >> bit & 1 for value in stimuli.values[name]]
            moves = [
                (float(time) * UNIT, after)
                for time, before, after in zip(stimuli.times[1:], levels, levels[1:], strict=False)
                if before != after
            ]
            found.append((net, levels[0], moves))
    return found


def supply_energy(
    waves: Waveforms, netlist: Netlist, stimuli: Stimuli, vdd: float, start: float, end: float | None = None
) -> float:
    """Energy that cells take from their supply and from drivers of their inputs, J.

    An input takes vdd times the charge that flows in from the start of its rise to the start of its fall.
    What comes back afterwards is lost to ground.

    Args:
        waves: waveforms of a deck with the supply `core`.
        netlist: the block.
        stimuli: its inputs; those without a source in the deck are left out.
        vdd: supply, V.
        start: time from which energy counts, s.
        end: time until which it counts, s; by default the end of the transient.
    """
    end = float(waves.axis[-1]) if end is None else end
    assert netlist.library is not None
    half = netlist.library.slew / SLEW_SHARE / 2
    charge = -waves.integrate("i(vcore)", start, end)
    for net, first, moves in input_moves(netlist, stimuli):
        if f"i(v{net})" not in waves.signals:
            continue
        rise = 0.0 if first else None
        for time, level in [*((time - half, level) for time, level in moves), (end, 0)]:
            if level:
                rise = time
            elif rise is not None:
                begin, finish = max(rise, start), min(time, end)
                if finish > begin:
                    charge -= waves.integrate(f"i(v{net})", begin, finish)
                rise = None
    return charge * vdd


def output_word(waves: Waveforms, netlist: Netlist, output: str, vdd: float, time: float) -> int | None:
    """Value of an output, from its nets' voltages; None if one is between a tenth and nine tenths of vdd.

    Args:
        waves: waveforms of a deck of the block.
        netlist: the block.
        output: name of the output.
        vdd: supply, V.
        time: when, s.
    """
    word = 0
    for bit, net in enumerate(netlist.ports[output]):
        volts = {"1'b0": 0.0, "1'b1": vdd}.get(net)
        share = (float(waves.at(f"v({net})", time)) if volts is None else volts) / vdd
        if 0.1 <= share <= 0.9:
            return None
        word |= (share > 0.5) << bit
    return word
