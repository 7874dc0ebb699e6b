"""Decks of set-up and hold: copies of a cell with data edges at different times around a storing edge."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from ..runner import Simulation
from ..standard_cells import StandardCell, evaluate
from .bench import Condition, close_circuit, open_circuit, supply
from .standard_cells import CELL_OPTIONS, CellScale, ramp_source

COPIES = 16
"""Number of data edges of one trial."""

SPACING = 0.75
"""Distance of neighbouring data edges, delays of an inverter with a fan-out of four."""

FIRST = {"setup": -3.0, "hold": -7.0}
"""Time of the tightest data edge before (setup) or after (hold) the storing edge, in such delays."""

PHASE = 60.0
"""Time between the steps of a trial, in such delays."""


OPTIONS = {**CELL_OPTIONS, "reltol": 2e-4}
"""Simulator options; delays only decide here whether a data edge was early enough."""


@dataclass(frozen=True)
class Constraint:
    """A data edge near the storing edge of the clock."""

    pin: str
    """Data pin."""
    kind: str
    """setup: the data edge comes before the storing edge; hold: after it."""
    rising: bool
    """Whether the data edge rises."""


@dataclass(frozen=True)
class Trial:
    """A constraint in one state of the other pins."""

    constraint: Constraint
    """The data edge."""
    others: tuple[tuple[str, int], ...]
    """Values of the other data pins."""
    q_before: int
    """Stored value before the storing edge."""
    q_after: int
    """Value that is stored where the constraint is met."""


@dataclass(frozen=True)
class TrialTimes:
    """Times of a trial, s."""

    delay: float
    """Delay of an inverter with a fan-out of four, s."""

    @property
    def phase(self) -> float:
        """Time between steps: first clock, its end, new data, then twice this to the storing edge."""
        return PHASE * self.delay

    @property
    def store(self) -> float:
        """Storing edge."""
        return 5 * self.phase

    @property
    def end(self) -> float:
        """End of the transient."""
        return 6.5 * self.phase

    def offsets(self, kind: str) -> list[float]:
        """Times of the data edges before (setup) or after (hold) the storing edge, the tightest first."""
        return [(FIRST[kind] + SPACING * i) * self.delay for i in range(COPIES)]

    def data_edges(self, kind: str) -> list[float]:
        """Times of the data edges from the start."""
        sign = -1 if kind == "setup" else 1
        return [self.store + sign * offset for offset in self.offsets(kind)]


def trials_of(cell: StandardCell, constraint: Constraint) -> list[Trial]:
    """States of the other pins in which the constrained pin decides what is stored.

    Those in which the output changes at the storing edge show how late it changes; they are taken alone where
    there are any.

    Args:
        cell: a cell with memory.
        constraint: the data edge; a value after (setup) or before it (hold) is to be stored.
    """
    wanted = int(constraint.rising == (constraint.kind == "setup"))
    names = [pin for pin in cell.data_pins if pin != constraint.pin]
    found = []
    for *others, q_before in product((0, 1), repeat=len(names) + 1):
        values = dict(zip(names, others, strict=True)) | dict.fromkeys(
            [*cell.outputs, _memory(cell)], q_before
        )
        q_after, q_missed = (
            evaluate(cell.next_state, values | {constraint.pin: value}) for value in (wanted, 1 - wanted)
        )
        if q_after != q_missed:
            found.append(Trial(constraint, tuple(zip(names, others, strict=True)), q_before, q_after))
    if cell.kind != "flip_flop":
        return [trial for trial in found if trial.q_before == 0]
    return [trial for trial in found if trial.q_before != trial.q_after] or found


def _memory(cell: StandardCell) -> str:
    return cell.latches[-1].name


def standard_cell_constraint(
    condition: Condition, cell: StandardCell, trials: list[Trial], slew_data: float, slew_clock: float
) -> Simulation:
    """Copies of a cell for every trial and data edge, at one clock.

    The first output of copy i of trial t is the node `o<t>_<i>`.

    Args:
        condition: technology and operating point.
        cell: a cell with memory.
        trials: constraints with the states of the other pins.
        slew_data: 20 to 80 % of the data edges, s.
        slew_clock: 20 to 80 % of the clock's edges, s.
    """
    scale = CellScale.of(condition)
    times = TrialTimes(scale.delay)
    circuit = open_circuit(f"{cell.name} constraints", condition, "logic", "cells")
    supply(circuit, "vdd", condition.vdd)
    if cell.stores_at == "rise":
        clock = [(times.phase, 1), (2 * times.phase, 0), (times.store, 1)]
    else:
        clock = [(3 * times.phase, 1), (times.store, 0)]
    ramp_source(circuit, condition, cell.clock, 0, clock, slew_clock)
    outputs = []
    for t, trial in enumerate(trials):
        pin = trial.constraint.pin
        # A data pin that the memory takes brings the value before; an enable is on for that.
        before = {name: trial.q_before if name == "d" else 1 for name in cell.data_pins}
        for name, value in trial.others:
            ramp_source(
                circuit, condition, f"{name}{t}", before[name], _move(times, before[name], value), slew_data
            )
        for i, edge in enumerate(times.data_edges(trial.constraint.kind)):
            node = f"{pin}{t}_{i}"
            old, new = int(not trial.constraint.rising), int(trial.constraint.rising)
            moves = [*_move(times, before[pin], old), (edge, new)]
            ramp_source(circuit, condition, node, before[pin], moves, slew_data)
            inputs = {name: f"{name}{t}" for name, _ in trial.others} | {pin: node, cell.clock: cell.clock}
            outputs.append(f"o{t}_{i}")
            circuit.X(
                f"u{t}_{i}", cell.name, *(inputs[p] for p in cell.inputs), outputs[-1], "vdd", circuit.gnd
            )
            circuit.C(f"l{t}_{i}", outputs[-1], circuit.gnd, 2 * scale.load * cell.drive)
    return close_circuit(
        circuit,
        end=times.end,
        save=[f"v({node})" for node in outputs],
        step=scale.delay / 20,
        max_step=times.phase / 10,
        options=OPTIONS,
    )


def _move(times: TrialTimes, before: int, value: int) -> list[tuple[float, int]]:
    return [(3 * times.phase, value)] if value != before else []
