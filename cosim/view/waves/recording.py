"""An operation and what its simulation gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from ....characterization.procedure import Context, find
from ....circuits.errors import SimulationError
from ....circuits.rawfile import Waveforms
from ....circuits.runner import Simulation, Status, simulate
from ..figures import Figure


@dataclass(frozen=True)
class RecordedOperation:
    """One operation: the points of a characterization procedure, and which of its signals to look at."""

    name: str
    title: str
    procedure: str
    """Procedure that simulates and measures it, so that a number here means what it means in its table."""
    points: pd.DataFrame
    """One row per copy of the circuit."""
    vectors: tuple[str, ...]
    """ngspice vectors to keep beside those that the procedure needs."""
    draw: Callable[[Context, pd.DataFrame, Waveforms], Figure]
    measure: Callable[[Context, pd.DataFrame, Waveforms], pd.DataFrame] | None = None
    """Instead of the procedure's own."""
    simulation: Callable[[Context, pd.DataFrame], Simulation] | None = None
    """Deck of the points, instead of the procedure's own."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Columns that `measure` gives beside the procedure's own, as `unit: meaning`."""


@dataclass(frozen=True)
class Recording:
    """A simulated operation."""

    operation: RecordedOperation
    context: Context
    netlist: str
    waveforms: Waveforms
    rows: pd.DataFrame
    """Points and what was measured on them; SI units."""
    seconds: float
    """Wall time of the simulation."""
    options: Mapping[str, str]
    """Options that had to be relaxed for it to converge; usually none."""
    simulator: str = "ngspice"
    """Name of the simulator."""

    @property
    def figure(self) -> Figure:
        """Its waveforms in panels."""
        return self.operation.draw(self.context, self.operation.points, self.waveforms)

    @property
    def columns(self) -> dict[str, str]:
        """Column of `rows` -> `unit: meaning`."""
        known = find(self.operation.procedure).columns | dict(self.operation.also)
        return {name: known[name] for name in self.rows if name in known}

    def to_dict(self) -> dict[str, Any]:
        """The recording without its waveforms, JSON-able."""
        return {
            "operation": self.operation.name,
            "technology": self.context.technology.name,
            "corner": self.context.corner,
            "temperature": self.context.temperature,
            "simulator": self.simulator,
            "status": "ok",
            "end_s": float(self.waveforms.axis[-1]),
            "points": len(self.waveforms.axis),
            "signals": list(self.waveforms.signals),
            "seconds": self.seconds,
            "relaxed_options": dict(self.options),
            "inputs": self.operation.points.to_dict("records"),
            "measured": self.rows[self.scalars()].to_dict("records"),
            "columns": self.columns,
        }

    def scalars(self) -> list[str]:
        """Columns of `rows` that hold one number or word, not the contents of a whole array."""
        return [name for name in self.rows if not isinstance(self.rows[name].iloc[0], list)]


def record(operation: RecordedOperation, context: Context, simulator: str = "ngspice") -> Recording:
    """Simulate an operation and measure it.

    Raises:
        SimulationError: the simulation failed; the message has the simulator's reason and a remedy.
    """
    procedure = find(operation.procedure)
    if operation.simulation is None:
        (batch,) = procedure.batches(context, operation.points)
        deck = batch.simulation
    else:
        deck = operation.simulation(context, operation.points)
    simulation = also_save(deck, operation.vectors)
    result = simulate(simulation, simulator=simulator)
    if result.status is Status.MISSING_SIMULATOR:
        raise SimulationError(result.message)  # which names the remedy already
    waves = result.require()
    measure = operation.measure or procedure.measure
    measured = measure(context, operation.points, waves)
    if "point" in measured:
        points = operation.points.iloc[measured["point"]].reset_index(drop=True)
        measured = measured.drop(columns="point")
    else:
        points = operation.points
    rows = pd.concat([points, measured], axis=1)
    used = (result.seconds, result.options, simulator)
    return Recording(operation, context, simulation.netlist, waves, rows, *used)


def also_save(simulation: Simulation, vectors: tuple[str, ...]) -> Simulation:
    """The simulation with more vectors kept."""
    if not vectors:
        return simulation
    lines = [".save " + " ".join(vectors[i : i + 8]) for i in range(0, len(vectors), 8)]
    body, _, _ = simulation.netlist.rstrip().rpartition("\n.end")
    return replace(simulation, netlist="\n".join([body, *lines, ".end\n"]))
