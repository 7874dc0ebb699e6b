"""The longest path of a netlist, by OpenSTA, as a SPICE deck of its transistors for any corner and supply."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..errors import SimulationError, ToolError
from ..runner import simulate
from ..testbench.bench import Condition
from .blocks import Block
from .gates import loads_of
from .logic import Tree, holds, parsed, pins
from .simulation import UNIT, Stimuli
from .synthesis import Instance, Netlist
from .timing import path_report
from .transistors import block_deck

SLOWER = 4.0
"""Delay of a path that a deck has room for, over that by OpenSTA."""
_ROW = re.compile(r"([v^]) (\S+)/(\w+) \((\w+)\)$")
_PORT = re.compile(r"([v^]) (\S+) \(in\)$")


@dataclass(frozen=True)
class Stage:
    """An edge through one cell."""

    instance: Instance
    """The cell."""
    pin: str
    """Input whose edge passes; of a flip-flop the clock."""
    output: str
    """Output."""
    falling_in: bool
    """Whether the input falls."""
    falling_out: bool
    """Whether the output falls."""


@dataclass(frozen=True)
class LongestPath:
    """Longest path to a register or an output."""

    netlist: Netlist
    """Its netlist."""
    stages: tuple[Stage, ...]
    """Cells in the order of the edge; the first may be a flip-flop."""
    capture: Instance | None
    """Flip-flop at its end; None at an output."""
    arrival: float
    """Delay by OpenSTA, s."""
    setup: float
    """Set-up time at its end, s; 0 at an output."""
    share: float
    """Share of the clock period between the edges that launch and capture it."""

    @property
    def launch(self) -> float:
        """Launching edge in the path's deck, s, after a first clock edge and its end."""
        return 3 * SLOWER * self.arrival


def longest_path(netlist: Netlist, period: float) -> LongestPath:
    """The path with the least slack of set-up.

    Args:
        netlist: cells of a library.
        period: clock period, s.

    Raises:
        ToolError: OpenSTA is missing or fails, or the path passes a latch or a clock gate.
    """
    cells = {instance.name: instance for instance in netlist.instances}
    log = path_report(netlist, period)
    rows = [line.strip() for line in log.split("data arrival time")[0].splitlines()]
    found = [(match[2], match[3], match[1] == "v") for row in rows if (match := _ROW.search(row))]
    arrival = re.search(r"(-?[\d.]+)\s+data arrival time", log)
    if not found or arrival is None:
        raise ToolError(f"sta found no path in {netlist.block.name}: {' '.join(log.split())[-200:]}")
    stages, place = [], 0
    while place + 1 < len(found):
        (name, pin, falls), (same, output, falls_after) = found[place : place + 2]
        if name != same:
            raise ToolError(f"the path of {netlist.block.name} has no cell between {name} and {same}")
        stages.append(Stage(cells[name], pin, output, falls, falls_after))
        place += 2
    capture = cells[found[-1][0]] if place < len(found) else None
    for number, stage in enumerate(stages):
        _require_no_state(netlist, stage, launches=number == 0)
    setup = re.search(r"(-?[\d.]+)\s+[\d.]+\s+library setup time", log)
    edges = [float(time) for time in re.findall(r"([\d.]+)\s+clock clk'? \(\w+ edge\)", log)]
    return LongestPath(
        netlist,
        tuple(stages),
        capture,
        arrival=float(arrival[1]) * 1e-12,
        setup=0.0 if setup is None else -float(setup[1]) * 1e-12,
        share=(edges[-1] - edges[0]) * 1e-12 / period,
    )


def _require_no_state(netlist: Netlist, stage: Stage, launches: bool) -> None:
    """Refuse a cell with a state, unless it is the flip-flop that launches the edge."""
    assert netlist.library is not None
    cell = netlist.library.kind(stage.instance.kind)
    if launches and cell.state is not None and cell.state.name == "ff":
        return
    if cell.state is not None or cell.clock_gate:
        raise ToolError(
            f"the longest path of {netlist.block.name} passes {cell.name}, which holds a state; time it with "
            "a Liberty file of the corner: gaincell periphery --timing"
        )


def path_delay(path: LongestPath, condition: Condition) -> float:
    """Delay of a path in transistors, s, from half of the launching edge to half of the last one.

    The other inputs of its cells have constant levels with which the edge passes; nets have the input pins of
    the cells on them as capacitors.

    Args:
        path: the path.
        condition: technology and operating point.

    Raises:
        SimulationError: the simulation fails, or the edge does not come out.
    """
    netlist, stimuli, loads = path_netlist(path)
    waves = simulate(block_deck(condition, netlist, stimuli, outputs=loads)).require()
    (net,) = netlist.ports["end"]
    level, time = waves[f"v({net})"] - condition.vdd / 2, waves.axis
    crossing = np.flatnonzero((level[:-1] * level[1:] < 0) & (time[1:] > path.launch))
    settled = level[-1] < 0
    if len(crossing) != 1 or settled != path.stages[-1].falling_out:
        raise SimulationError(
            f"the longest path of {path.netlist.block.name} does not switch once at {condition.corner}, "
            f"{condition.temperature:g} C, {condition.vdd:g} V; raise the supply"
        )
    i = crossing[0]
    return float(time[i] - level[i] * (time[i + 1] - time[i]) / (level[i + 1] - level[i])) - path.launch


def path_netlist(path: LongestPath) -> tuple[Netlist, Stimuli, dict[str, float]]:
    """The cells of a path alone, its inputs, and the capacitance of the other cells on its nets, F.

    Args:
        path: the path.
    """
    library = path.netlist.library
    assert library is not None
    first, whole = path.stages[0], loads_of(path.netlist)
    launched = library.kind(first.instance.kind).state is not None
    on_path = [first.instance.nets[first.pin], *(stage.instance.nets[stage.output] for stage in path.stages)]
    cells, loads = [], {net: whole.get(net, 0.0) for net in on_path[1:]}
    for number, (stage, net) in enumerate(zip(path.stages, on_path, strict=False)):
        nets = {stage.pin: net, stage.output: on_path[number + 1]}
        pins_of = library.kind(stage.instance.kind).pins
        if launched and number == 0:
            nets |= {name: "n_data" if name == "d" else "1'b1" for name in pins_of if name not in nets}
        else:
            nets |= _side_levels(parsed(pins_of[stage.output].function), stage)
        loads[net] = loads.get(net, 0.0) - pins_of[stage.pin].capacitance
        cells.append(Instance(stage.instance.name, stage.instance.kind, nets))
    if path.capture is not None and path.capture.name != first.instance.name:
        end = next(pin for pin, net in path.capture.nets.items() if net == on_path[-1])
        kind = library.kind(path.capture.kind)
        nets = {name: "1'b0" for name, pin in kind.pins.items() if not pin.output} | {end: on_path[-1]}
        cells.append(Instance(path.capture.name, path.capture.kind, nets))
        loads[on_path[-1]] -= kind.pins[end].capacitance
    loads.pop(on_path[0], None)
    ports: dict[str, tuple[str, ...]] = {"start": (on_path[0],), "end": (on_path[-1],)}
    rising = int(not first.falling_in)
    edges = {"start": [1 - rising, 1 - rising, 1 - rising, rising]}
    if launched:
        wanted = int(not first.falling_out)
        ports["data"] = ("n_data",)
        edges = {"start": [0, 1, 0, 1], "data": [1 - wanted, 1 - wanted, wanted, wanted]}
    times = np.array([round(path.launch * share / UNIT) for share in (0, 1 / 3, 2 / 3, 1)])
    block = Block("path", "path", (), {}, dict.fromkeys(edges, 1), {"end": 1}, 1.0, None)
    netlist = Netlist(block, tuple(cells), ports, library)
    return (
        netlist,
        Stimuli(times, edges, round(path.launch * 4 / 3 / UNIT)),
        {n: c for n, c in loads.items() if c > 0},
    )


def _side_levels(function: Tree, stage: Stage) -> dict[str, str]:
    """Levels of the other inputs with which an edge passes a cell."""
    others = sorted(set(pins(function)) - {stage.pin})
    for levels in product((0, 1), repeat=len(others)):
        known: Mapping[str, int] = dict(zip(others, levels, strict=True))
        before, after = (
            holds(function, {**known, stage.pin: x}) for x in (stage.falling_in, not stage.falling_in)
        )
        if before == stage.falling_out and after != stage.falling_out:
            return {name: f"1'b{level}" for name, level in known.items()}
    raise ToolError(f"no levels let the edge pass {stage.instance.kind}; synthesise with: gaincell liberty")


def path_periods(path: LongestPath, own: Condition, others: Sequence[Condition]) -> list[float]:
    """Clock period that a path needs at each of several conditions, s.

    It is the delay of the path in transistors and the set-up time of its library, which grows with the delay,
    over the path's share of the period.

    Args:
        path: the path.
        own: condition of the library.
        others: conditions of the result.

    Raises:
        SimulationError: as `path_delay`.
    """
    nominal = path_delay(path, own)
    setup = path.setup / nominal
    delays = [nominal if other == own else path_delay(path, other) for other in others]
    return [delay * (1 + setup) / path.share for delay in delays]
