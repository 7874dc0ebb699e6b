"""Standard cells of the digital periphery: pins, functions and memory of the cells in `netlists/cells.sp`.

One description serves the testbenches, the Liberty file and Verilog models. Functions have names of pins and
latches, `!`, `&`, `^`, `|` and parentheses, which say in which order `^`, `&` and `|` count: that differs
between Liberty and Verilog.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from .errors import PlanError

Bits = dict[str, int]
"""Logic values, 0 or 1, by pin or latch."""


@dataclass(frozen=True)
class Latch:
    """One bit of memory, transparent while `enable` is true."""

    name: str
    """Name in the functions of the outputs."""
    enable: str
    """Function of the inputs."""
    data: str
    """Function of the inputs and of other latches."""


@dataclass(frozen=True)
class StandardCell:
    """A standard cell. Its sub-circuit has the pins inputs, outputs, vdd, vss in this order."""

    name: str
    """Name of the cell and of its sub-circuit."""
    inputs: tuple[str, ...]
    """Input pins."""
    outputs: dict[str, str]
    """Functions of the inputs and latches, by output pin. The first output switches whenever another does."""
    drive: float = 1.0
    """Drive of the outputs, in that of the smallest inverter."""
    kind: Literal["combinational", "latch", "flip_flop", "clock_gate"] = "combinational"
    """What the cell is to synthesis and timing."""
    latches: tuple[Latch, ...] = ()
    """Memory, in the order of the signal path."""
    clock: str | None = None
    """Pin whose edge stores."""
    stores_at: Literal["rise", "fall"] | None = None
    """Edge of the clock at which the memory takes its data."""
    next_state: str | None = None
    """Value that the memory takes, function of the inputs and of the output's present value."""
    start: dict[str, int] = field(default_factory=dict)
    """Inputs of the state from which walks start, where they are not 0."""

    @property
    def data_pins(self) -> tuple[str, ...]:
        """Inputs that must be stable around the storing edge; none of a combinational cell."""
        return () if self.clock is None else tuple(pin for pin in self.inputs if pin != self.clock)


@dataclass(frozen=True)
class State:
    """Inputs and memory of a cell."""

    inputs: tuple[int, ...]
    """Values of the input pins."""
    memory: tuple[int, ...]
    """Values of the latches."""


@dataclass(frozen=True)
class Edge:
    """A change of one input, with the cell at rest before."""

    before: State
    """State before."""
    after: State
    """State after, at rest again."""
    pin: str
    """The input that changes."""
    rising: bool
    """Whether it rises."""
    seen: bool = False
    """Whether the walk has had the same edge before."""


def evaluate(function: str, values: Mapping[str, int]) -> int:
    """Value of a logic function.

    Args:
        function: in Liberty's syntax.
        values: 0 or 1 by name.
    """
    return eval(_compiled(function), {"__builtins__": {}}, dict(values)) & 1


@cache
def _compiled(function: str):
    return compile(function.replace("!", "~"), function, "eval")


def settle(cell: StandardCell, inputs: Mapping[str, int], memory: Mapping[str, int]) -> State:
    """State of a cell at rest.

    Args:
        cell: the cell.
        inputs: values of the input pins.
        memory: values of the latches before.
    """
    values = {**memory, **inputs}
    for _ in range(len(cell.latches) + 1):
        for latch in cell.latches:
            if evaluate(latch.enable, values):
                values[latch.name] = evaluate(latch.data, values)
    return State(
        tuple(values[pin] for pin in cell.inputs), tuple(values[latch.name] for latch in cell.latches)
    )


def values_of(cell: StandardCell, state: State) -> Bits:
    """Values of inputs and latches by name."""
    names = (*cell.inputs, *(latch.name for latch in cell.latches))
    return dict(zip(names, (*state.inputs, *state.memory), strict=True))


def outputs_of(cell: StandardCell, state: State) -> Bits:
    """Values of the outputs by pin."""
    values = values_of(cell, state)
    return {pin: evaluate(function, values) for pin, function in cell.outputs.items()}


def label(cell: StandardCell, state: State) -> str:
    """Inputs of a state, and the output of a cell with memory: `d=0 clk=1 q=0`. It determines the state."""
    shown = dict(zip(cell.inputs, state.inputs, strict=True))
    if cell.latches:
        shown |= outputs_of(cell, state)
    return " ".join(f"{pin}={value}" for pin, value in shown.items())


def edge_from(cell: StandardCell, state: State, pin: str) -> Edge:
    """The change of one input in a state."""
    values = values_of(cell, state)
    rising = not values[pin]
    inputs = {name: values[name] for name in cell.inputs} | {pin: int(rising)}
    return Edge(state, settle(cell, inputs, values), pin, rising)


def first_state(cell: StandardCell) -> State:
    """State from which walks start. A memory that its inputs do not determine there counts as 0."""
    inputs = {pin: cell.start.get(pin, 0) for pin in cell.inputs}
    return settle(cell, inputs, {latch.name: 0 for latch in cell.latches})


@cache
def _walk(name: str) -> tuple[Edge, ...]:
    cell, edges = CELLS[name], []
    state = first_state(cell)
    if cell.kind == "flip_flop":  # the first clock defines the state, which the simulator finds at random
        edges.append(_seen(edge_from(cell, state, cell.clock)))
        state = edges[0].after
    done: set[tuple[State, str]] = set()
    while path := _path_to_new(cell, state, done):
        for pin in path[:-1]:
            edges.append(_seen(edge_from(cell, state, pin)))
            state = edges[-1].after
        edge = edge_from(cell, state, path[-1])
        back = edge_from(cell, edge.after, edge.pin)
        if edge.pin == cell.clock and back.after == state:
            # Inner nodes of the stacks remember how a state was reached, which moves the energy of a clock
            # edge by up to a tenth: a clock with idle data follows another one.
            edges += [_seen(edge), _seen(back)]
        edges.append(edge)
        done.add((state, edge.pin))
        state = edge.after
    return tuple(edges)


def _seen(edge: Edge) -> Edge:
    """The edge, as one that is not measured."""
    return Edge(edge.before, edge.after, edge.pin, edge.rising, seen=True)


def walk(cell: StandardCell) -> tuple[Edge, ...]:
    """A sequence of edges with every change of one input in every reachable state.

    Raises:
        PlanError: unknown cell.
    """
    return _walk(find_cell(cell.name).name)


def _path_to_new(cell: StandardCell, state: State, done: set[tuple[State, str]]) -> list[str]:
    """Shortest sequence of inputs to change whose last edge is new; empty if none is left."""
    waiting = deque([(state, [])])
    reached = {state}
    while waiting:
        here, path = waiting.popleft()
        for pin in cell.inputs:
            if (here, pin) not in done:
                return [*path, pin]
        for pin in cell.inputs:
            after = edge_from(cell, here, pin).after
            if after not in reached:
                reached.add(after)
                waiting.append((after, [*path, pin]))
    return []


def find_cell(name: str) -> StandardCell:
    """The cell of a name.

    Raises:
        PlanError: unknown name; the message lists the known ones.
    """
    if name not in CELLS:
        raise PlanError(f"unknown standard cell {name!r}; use one of {', '.join(CELLS)}")
    return CELLS[name]


def _inverter(drive: int) -> StandardCell:
    return StandardCell(f"inv_x{drive}", ("a",), {"y": "!a"}, float(drive))


def _buffer(drive: int) -> StandardCell:
    return StandardCell(f"buf_x{drive}", ("a",), {"y": "a"}, float(drive))


_ALL = (
    *(_inverter(drive) for drive in (1, 2, 4, 8)),
    *(_buffer(drive) for drive in (2, 4, 8)),
    StandardCell("nand2_x1", ("a", "b"), {"y": "!(a & b)"}),
    StandardCell("nand3_x1", ("a", "b", "c"), {"y": "!(a & b & c)"}),
    StandardCell("nor2_x1", ("a", "b"), {"y": "!(a | b)"}),
    StandardCell("aoi21_x1", ("a", "b", "c"), {"y": "!((a & b) | c)"}),
    StandardCell("oai21_x1", ("a", "b", "c"), {"y": "!((a | b) & c)"}),
    StandardCell("xor2_x1", ("a", "b"), {"y": "a ^ b"}),
    StandardCell("mux2_x1", ("a", "b", "s"), {"y": "(a & !s) | (b & s)"}),
    StandardCell("ha_x1", ("a", "b"), {"y": "a ^ b", "co": "a & b"}),
    StandardCell("fa_x1", ("a", "b", "c"), {"y": "a ^ b ^ c", "co": "(a & b) | (c & (a | b))"}),
    StandardCell(
        "latch_x1",
        ("d", "g"),
        {"q": "iq"},
        kind="latch",
        latches=(Latch("iq", "g", "d"),),
        clock="g",
        stores_at="fall",
        next_state="d",
        start={"g": 1},
    ),
    StandardCell(
        "dff_x1",
        ("d", "clk"),
        {"q": "iq"},
        kind="flip_flop",
        latches=(Latch("im", "!clk", "d"), Latch("iq", "clk", "im")),
        clock="clk",
        stores_at="rise",
        next_state="d",
    ),
    StandardCell(
        "dffe_x1",
        ("d", "en", "clk"),
        {"q": "iq"},
        kind="flip_flop",
        latches=(Latch("im", "!clk", "(d & en) | (iq & !en)"), Latch("iq", "clk", "im")),
        clock="clk",
        stores_at="rise",
        next_state="(d & en) | (iq & !en)",
        start={"en": 1},
    ),
    StandardCell(
        "clkgate_x1",
        ("clk", "en"),
        {"y": "clk & iq"},
        drive=2.0,
        kind="clock_gate",
        latches=(Latch("iq", "!clk", "en"),),
        clock="clk",
        stores_at="rise",
        next_state="en",
    ),
)

CELLS = {cell.name: cell for cell in _ALL}
"""Cells by name."""
