"""Energy of a netlist from its simulated activity: toggles x tables + clock + leakage x time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from .gates import balanced, clock_nets, loads_of, slews_of, timed
from .liberty import Cell
from .logic import holds, parsed
from .simulation import UNIT, Responses, Stimuli, simulate
from .synthesis import Netlist


@dataclass(frozen=True)
class Activity:
    """Energy of a netlist over a simulation, by cause."""

    internal: float
    """Energy inside cells whose output toggles, J."""
    inputs: float
    """Energy inside cells whose inputs toggle without their output, clocks with idle data among them, J."""
    nets: float
    """Energy that charges nets, their input pins and wires, the block's inputs among them, J."""
    clock: float
    """Part of `nets` on nets that drive clock pins, J."""
    leakage: float
    """Energy of leakage, J."""
    seconds: float
    """Duration, s."""
    toggles: int
    """Number of toggles of all nets."""
    by_kind: Mapping[str, float]
    """Internal energy by kind of cell, J."""
    net_toggles: Mapping[str, int]
    """Toggles by net."""
    net_high: Mapping[str, float]
    """Share of time at which each net is high."""
    operations: np.ndarray
    """Energy without leakage of each operation, shape (operations,), J; empty without bounds."""
    pin_toggles: np.ndarray
    """Toggles of cells' input pins in each operation, shape (operations,); empty without bounds."""

    @property
    def dynamic(self) -> float:
        """Energy without leakage, J."""
        return self.internal + self.inputs + self.nets


def measure(
    netlist: Netlist,
    stimuli: Stimuli,
    *,
    start: int = 0,
    bounds: np.ndarray | None = None,
    wire: float = 0.0,
    timeout: float = 600.0,
) -> tuple[Activity, Responses]:
    """Simulate a netlist with its delays and add up its energy.

    Args:
        netlist: cells of a library.
        stimuli: inputs of the block.
        start: time from which energy counts, units of `UNIT`.
        bounds: times between operations, shape (operations + 1,), units of `UNIT`; None: no energy per
            operation.
        wire: capacitance of the wire to each input pin, F.
        timeout: wall-clock limit of the simulation, s.

    Raises:
        ToolError: Icarus Verilog is missing or fails.
    """
    loads = loads_of(netlist, wire)
    delayed = balanced(netlist, loads)
    slews = slews_of(netlist, delayed)
    responses = simulate(
        netlist.block, stimuli, netlist=[timed(netlist, delayed, slews)], dump=True, timeout=timeout
    )
    return energy(netlist, responses.dump, loads, slews, start, stimuli.end, bounds), responses


def changes(dump: str) -> Iterator[tuple[int, str, str]]:
    """Time (units of `UNIT`), net and new level (0, 1 or x) of each change of a net of the top module.

    Args:
        dump: value change dump.
    """
    header, _, body = dump.partition("$enddefinitions")
    names = dict(re.findall(r"\$var wire 1 (\S+) (n\d+) \$end", header))
    time = 0
    for line in body.splitlines():
        if line[:1] == "#":
            time = int(line[1:])
        elif line[:1] in "01xz" and line[1:] in names:
            yield time, names[line[1:]], line[0]


class _Meter:
    """State of one netlist while the changes of its nets are read."""

    def __init__(self, netlist: Netlist, loads: Mapping[str, float], slews: Mapping[str, float]) -> None:
        assert netlist.library is not None
        self.netlist, self.loads, self.slews = netlist, loads, slews
        self.vdd, self.slew = netlist.library.vdd, netlist.library.slew
        self.cells = [netlist.library.kind(one.kind) for one in netlist.instances]
        self.sinks: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self.driver: dict[str, tuple[int, str]] = {}
        self.levels: list[dict[str, str]] = []
        fixed = {"1'b0": "0", "1'b1": "1"}
        for i, (instance, cell) in enumerate(zip(netlist.instances, self.cells, strict=True)):
            self.levels.append({pin: fixed.get(net, "x") for pin, net in instance.nets.items()})
            for pin, net in instance.nets.items():
                if cell.pins[pin].output:
                    self.driver[net] = (i, pin)
                else:
                    self.sinks[net].append((i, pin))
        self.cause = [""] * len(self.cells)
        self.leak = [0.0] * len(self.cells)
        self.leakages: dict[tuple, float] = {}
        self.energies: dict[tuple, float] = {}
        self.clocks = clock_nets(netlist)

    def leakage(self, i: int) -> float:
        """Leakage of cell i in its state, W."""
        key = (self.cells[i].name, "".join(self.levels[i].values()))
        if key not in self.leakages:
            self.leakages[key] = _leakage(self.cells[i], self.levels[i])
        return self.leakages[key]

    def internal(self, i: int, pin: str, level: str, load: float) -> float:
        """Internal energy of an edge of a pin of cell i to `level`, J."""
        key = (i, pin, self.cause[i], level, "".join(self.levels[i].values()))
        if key not in self.energies:
            self.energies[key] = self._internal(i, pin, level, load)
        return self.energies[key]

    def _internal(self, i: int, pin: str, level: str, load: float) -> float:
        arcs = self.cells[i].pins[pin].power
        related = [arc.related for arc in arcs]
        # Data may change between a clock edge and the output that the edge switches.
        cause = self.cause[i] if self.cause[i] in related else next(iter(related), "")
        table = "rise_power" if level == "1" else "fall_power"
        fitting = [arc for arc in arcs if arc.related in (cause, "") and table in arc.tables]
        special = [arc for arc in fitting if arc.when and _true(arc.when, self.levels[i])]
        for arc in (special or [arc for arc in fitting if not arc.when])[:1]:
            net = self.netlist.instances[i].nets.get(arc.related or pin, "")
            return arc.tables[table](self.slews.get(net, self.slew), load)
        return 0.0


def energy(
    netlist: Netlist,
    dump: str,
    loads: Mapping[str, float],
    slews: Mapping[str, float],
    start: int,
    end: int,
    bounds: np.ndarray | None = None,
) -> Activity:
    """Energy of recorded changes.

    An output's edge has the internal energy of the arc of the input that changed last. An input's edge has
    its own internal energy where the library states one. Every rising edge of a net takes C V^2 from the
    supply, half of which is counted per toggle.

    Args:
        netlist: cells of a library.
        dump: value change dump of the netlist.
        loads: capacitance of each net, F.
        slews: slew of each net, s.
        start: time from which energy counts, units of `UNIT`.
        end: end of the simulation, units of `UNIT`.
        bounds: times between operations, as `measure`.
    """
    meter = _Meter(netlist, loads, slews)
    edges = [] if bounds is None else [int(bound) for bound in bounds]
    dynamic, pins, slot = np.zeros(max(len(edges) - 1, 0)), np.zeros(max(len(edges) - 1, 0)), 0
    internal = inputs = charged = clock = leaked = 0.0
    kinds: dict[str, float] = defaultdict(float)
    toggles: dict[str, int] = defaultdict(int)
    high: dict[str, float] = defaultdict(float)
    now: dict[str, str] = {}
    since: dict[str, int] = {}
    power, last = 0.0, start
    for time, net, level in changes(dump):
        before = now.get(net, "x")
        if level == before:
            continue
        now[net] = level
        counted = time >= start and before in "01" and level in "01"
        if time > last:
            leaked += power * (time - last) * UNIT
            last = time
        if before == "1":
            high[net] += max(0, time - max(since[net], start))
        since[net] = time
        load = loads.get(net, 0.0)
        spent = internal + inputs + charged
        if counted:
            toggles[net] += 1
            joules = 0.5 * load * meter.vdd**2
            charged += joules
            clock += joules if net in meter.clocks else 0.0
        touched = []
        if net in meter.driver:
            i, pin = meter.driver[net]
            meter.levels[i][pin] = level
            touched.append(i)
            if counted:
                joules = meter.internal(i, pin, level, load)
                internal += joules
                kinds[meter.cells[i].name] += joules
        for i, pin in meter.sinks.get(net, ()):
            meter.levels[i][pin] = level
            touched.append(i)
            if counted and meter.cells[i].pins[pin].power:
                meter.cause[i] = ""
                joules = meter.internal(i, pin, level, 0.0)
                inputs += joules
                kinds[meter.cells[i].name] += joules
            meter.cause[i] = pin
        while slot + 1 < len(edges) and time >= edges[slot + 1]:
            slot += 1
        if counted and slot + 1 < len(edges) and time >= edges[0]:
            dynamic[slot] += internal + inputs + charged - spent
            pins[slot] += len(meter.sinks.get(net, ()))
        for i in touched:
            fresh = meter.leakage(i)
            power += fresh - meter.leak[i]
            meter.leak[i] = fresh
    leaked += power * (end - last) * UNIT
    for net, level in now.items():
        if level == "1":
            high[net] += max(0, end - max(since[net], start))
    seconds = (end - start) * UNIT
    share = {net: time / (end - start) for net, time in high.items()}
    totals = (internal, inputs, charged, clock, leaked, seconds, sum(toggles.values()))
    return Activity(*totals, kinds, toggles, share, dynamic, pins)


def _true(when: str, levels: Mapping[str, str]) -> bool:
    """Whether a condition holds; unknown levels make it false."""
    known = {pin: int(level) for pin, level in levels.items() if level in "01"}
    try:
        return holds(parsed(when), known)
    except KeyError:
        return False


def _leakage(cell: Cell, levels: Mapping[str, str]) -> float:
    """Leakage in a state, W: that of its condition, else the one without condition, else the mean of all."""
    general = [watts for when, watts in cell.leakage if not when]
    for when, watts in cell.leakage:
        if when and _true(when, levels):
            return watts
    if general:
        return general[0]
    return sum(watts for _, watts in cell.leakage) / len(cell.leakage) if cell.leakage else 0.0
