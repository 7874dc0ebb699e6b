"""Verilog of library cells from the functions in the Liberty file, and netlists with their delays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from ..errors import ToolError
from .liberty import Cell, Library
from .logic import parsed, verilog
from .simulation import UNIT
from .synthesis import Instance, Netlist

PASSES = 4
"""Number of passes in which slews spread through a netlist. Paths are longer, but a slew depends little on
those two gates before it."""
CLOCK_FAN_OUT = 7.3
"""Largest load with which delays of cells that drive clock pins are computed, clock pins of a flip-flop."""


def cell_models(library: Library) -> str:
    """Verilog modules of a library's cells, each with a delay `D` in units of `simulation.UNIT`.

    Args:
        library: the cells.

    Raises:
        ToolError: a cell without function.
    """
    return "".join(_model(cell) for cell in library.cells.values())


def _model(cell: Cell) -> str:
    ports = [f"{'output' if pin.output else 'input'} {pin.name}" for pin in cell.pins.values()]
    head = f"module {cell.name} #(parameter D = 1) ({', '.join(ports)});\n"
    outputs = [pin for pin in cell.pins.values() if pin.output]
    if cell.clock_gate:
        clock = next(pin.name for pin in cell.pins.values() if pin.clock)
        enable = next(pin.name for pin in cell.pins.values() if not pin.output and not pin.clock)
        body = f"  reg enabled;\n  always @* if (!{clock}) enabled = {enable};\n"
        body += f"  assign #D {outputs[0].name} = {clock} & enabled;\n"
    elif cell.state is not None:
        body = _state(cell)
    else:
        body = ""
    if not cell.clock_gate:
        for pin in outputs:
            if not pin.function:
                raise ToolError(f"cell {cell.name} has no function; write the library with: gaincell liberty")
            body += f"  assign #D {pin.name} = {verilog(parsed(pin.function))};\n"
    return f"{head}{body}endmodule\n"


def _state(cell: Cell) -> str:
    """Register of a flip-flop or latch, with the names of the group `ff` or `latch`."""
    group = cell.state
    assert group is not None
    true, *complement = group.arguments
    body = f"  reg {true};\n"
    body += "".join(f"  wire {name} = ~{true};\n" for name in complement)
    if group.name == "ff":
        clock, data = parsed(group.value("clocked_on")), verilog(parsed(group.value("next_state")))
        edge = f"negedge {clock[1][1]}" if clock[0] == "not" else f"posedge {clock[1]}"
        return f"{body}  always @({edge}) {true} <= {data};\n"
    enable, data = (verilog(parsed(group.value(name))) for name in ("enable", "data_in"))
    return f"{body}  always @* if ({enable}) {true} = {data};\n"


def balanced(netlist: Netlist, loads: Mapping[str, float]) -> dict[str, float]:
    """Capacitances for delays and slews: clock nets have at most the load of `CLOCK_FAN_OUT` flip-flops.

    A clock tree buffers and balances the nets of clock pins; the timing analysis has an ideal clock as well.

    Args:
        netlist: cells of a library.
        loads: capacitance of each net, F.
    """
    clocks = clock_nets(netlist)
    most = CLOCK_FAN_OUT * _library(netlist).clock_pin
    return {net: min(load, most) if net in clocks else load for net, load in loads.items()}


def clock_nets(netlist: Netlist) -> set[str]:
    """Nets that drive clock pins.

    Args:
        netlist: cells of a library.
    """
    library = _library(netlist)
    return {
        instance.nets[name]
        for instance in netlist.instances
        for name, pin in library.kind(instance.kind).pins.items()
        if pin.clock
    }


def loads_of(netlist: Netlist, wire: float = 0.0) -> dict[str, float]:
    """Capacitance of each net, F: the input pins on it, and a wire.

    Args:
        netlist: cells of a library.
        wire: capacitance of the wire to each input pin, F.
    """
    library = _library(netlist)
    loads: dict[str, float] = defaultdict(float)
    for instance in netlist.instances:
        for name, pin in library.kind(instance.kind).pins.items():
            if not pin.output:
                loads[instance.nets[name]] += pin.capacitance + wire
    return loads


def slews_of(netlist: Netlist, loads: Mapping[str, float]) -> dict[str, float]:
    """Slew of each net, s: the mean over the arcs of the cell that drives it.

    Args:
        netlist: cells of a library.
        loads: capacitance of each net, F.
    """
    library = _library(netlist)
    slews: dict[str, float] = {}
    for _ in range(PASSES):
        found = {}
        for instance in netlist.instances:
            for name, pin in library.kind(instance.kind).pins.items():
                if pin.output and name in instance.nets:
                    net = instance.nets[name]
                    table = ("rise_transition", "fall_transition")
                    found[net] = _mean(
                        instance, pin.timing, table, slews, loads.get(net, 0.0), library.slew, library.slew
                    )
        slews = found
    return slews


def _mean(instance: Instance, arcs, names, slews, load: float, at_input: float, default: float) -> float:
    values = [
        arc.tables[name](slews.get(instance.nets.get(arc.related, ""), at_input), load)
        for arc in arcs
        for name in names
        if name in arc.tables
    ]
    return sum(values) / len(values) if values else default


def timed(netlist: Netlist, loads: Mapping[str, float], slews: Mapping[str, float]) -> str:
    """Verilog of a netlist and its cells, each with its mean delay at its own load.

    Args:
        netlist: cells of a library.
        loads: capacitance of each net, F.
        slews: slew of each net, s.
    """
    library, text = _library(netlist), netlist.text
    for instance in netlist.instances:
        delays = [
            _mean(
                instance,
                pin.timing,
                ("cell_rise", "cell_fall"),
                slews,
                loads.get(instance.nets[name], 0.0),
                library.slew,
                0.0,
            )
            for name, pin in library.kind(instance.kind).pins.items()
            if pin.output and name in instance.nets
        ]
        delay = max(1, round(max(delays, default=0.0) / UNIT))
        head = f"  {instance.kind} {instance.name} ("
        text = text.replace(head, f"  {instance.kind} #(.D({delay})) {instance.name} (")
    return text + cell_models(library)


def _library(netlist: Netlist) -> Library:
    if netlist.library is None:
        raise ToolError(f"{netlist.block.name} is made of generic gates; give a library with --liberty")
    return netlist.library
