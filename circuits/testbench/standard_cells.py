"""Decks of the standard cells: walks over all edges, and states at rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..runner import Simulation
from ..standard_cells import Edge, StandardCell, walk
from .bench import TRANSIENT_OPTIONS, Condition, close_circuit, open_circuit, supply

SLEW_SHARE = 0.6
"""Share of an edge over which slews are measured: from 20 to 80 % of the supply."""


CELL_OPTIONS = {**TRANSIENT_OPTIONS, "method": "gear", "reltol": 2e-5}
"""Simulator options of the cells' decks. The trapezoidal rule leaves a ringing supply current after an edge,
up to 0.7 uA in a flip-flop that leaks nA. With these, the energy of a whole walk differs by 0.15 % from that
with steps of 1 ps, delays by 0.1 ps."""


@dataclass(frozen=True)
class CellScale:
    """Time and capacitance that the smallest inverter of a technology has, by rules of thumb.

    They only place the points of the tables and the length of the slots.
    """

    delay: float
    """Delay of an inverter with a fan-out of four, s: 0.5 ps per nm of channel (R. Ho, K. Mai, M. Horowitz,
    "The future of wires", Proc. IEEE 89, 2001: 0.36 to 0.5)."""
    load: float
    """Input capacitance of the smallest inverter, F: 1 fF per um of gate width, in any generation."""

    @classmethod
    def of(cls, condition: Condition) -> CellScale:
        """Scale of the core devices of a technology."""
        technology = condition.technology
        return cls(0.5e-3 * technology.l_min, 1e-9 * 3 * technology.w_min)

    @property
    def slot(self) -> float:
        """Time between the edges of a walk, s, in which the slowest cell settles."""
        return 150 * self.delay


def standard_cell_walk(
    condition: Condition, cell: StandardCell, slew: float, loads: Sequence[float]
) -> Simulation:
    """Walk over every edge of a cell, with a copy of the cell for each load.

    Edge k is half-way at `(k + 1) * CellScale.slot`. The copies share the sources of the inputs; the supply
    of copy i is the source `vdd<i>` and its outputs are `<pin><i>`.

    Args:
        condition: technology and operating point.
        cell: the cell.
        slew: 20 to 80 % of the inputs' edges, s.
        loads: capacitances at every output, F.
    """
    slot = CellScale.of(condition).slot
    circuit = open_circuit(f"{cell.name} walk", condition, "logic", "cells")
    edges = walk(cell)
    _inputs(circuit, condition, cell, edges, slot, slew)
    for i, load in enumerate(loads):
        add_copy(circuit, condition, cell, str(i), load)
    count = range(len(loads))
    return close_circuit(
        circuit,
        end=(len(edges) + 1) * slot,
        save=[
            *(f"i(vdd{i})" for i in count),
            *(f"v({pin}{i})" for pin in cell.outputs for i in count),
            *(f"i(v{pin})" for pin in cell.inputs),
        ],
        step=slew / 20,
        max_step=slot / 10,
        options=CELL_OPTIONS,
    )


def standard_cell_rest(condition: Condition, cell: StandardCell, hold: float) -> Simulation:
    """The states of a walk, each held until the inner nodes of the stacks are at rest.

    Args:
        condition: technology and operating point.
        cell: the cell.
        hold: time for which each state is held, s.
    """
    scale = CellScale.of(condition)
    circuit = open_circuit(f"{cell.name} at rest", condition, "logic", "cells")
    edges = walk(cell)
    _inputs(circuit, condition, cell, edges, hold, scale.delay)
    add_copy(circuit, condition, cell, "0", scale.load)
    return close_circuit(
        circuit,
        end=(len(edges) + 1) * hold,
        save=["i(vdd0)", *(f"v({pin}0)" for pin in cell.outputs), *(f"i(v{pin})" for pin in cell.inputs)],
        step=scale.delay / 20,
        max_step=hold / 10,
        options=CELL_OPTIONS,
    )


def add_copy(circuit, condition: Condition, cell: StandardCell, tag: str, load: float) -> None:
    """Add a cell with its own supply `vdd<tag>` and a capacitor at each output.

    Args:
        circuit: circuit to add it to.
        condition: operating point.
        cell: the cell; its inputs are nodes of the names of its pins.
        tag: suffix of the names.
        load: capacitance at every output, F.
    """
    supply(circuit, f"dd{tag}", condition.vdd)
    outputs = [f"{pin}{tag}" for pin in cell.outputs]
    circuit.X(f"u{tag}", cell.name, *cell.inputs, *outputs, f"dd{tag}", circuit.gnd)
    for node in outputs:
        circuit.C(f"l{node}", node, circuit.gnd, load)


def _inputs(
    circuit,
    condition: Condition,
    cell: StandardCell,
    edges: Sequence[Edge],
    slot: float,
    slew: float,
) -> None:
    for position, pin in enumerate(cell.inputs):
        moves = [((k + 1) * slot, int(edge.rising)) for k, edge in enumerate(edges) if edge.pin == pin]
        ramp_source(circuit, condition, pin, edges[0].before.inputs[position], moves, slew)


def ramp_source(
    circuit, condition: Condition, node: str, first: int, moves: Sequence[tuple[float, int]], slew: float
) -> None:
    """Add a source with linear edges between ground and the supply.

    Args:
        circuit: circuit to add it to.
        condition: operating point.
        node: name of the node and of the source.
        first: logic value at the start.
        moves: (time at which an edge is half-way, s; logic value after it), in order.
        slew: 20 to 80 % of an edge, s.
    """
    half = slew / SLEW_SHARE / 2
    level = first * condition.vdd
    values = [(0.0, level)]
    for time, value in moves:
        values += [(round(time - half, 18), level), (round(time + half, 18), value * condition.vdd)]
        level = value * condition.vdd
    circuit.PieceWiseLinearVoltageSource(node, node, circuit.gnd, values=values)
