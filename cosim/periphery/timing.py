"""Timing of synthesised blocks at other conditions than that of their synthesis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...circuits.digital.liberty import Library
from ...circuits.digital.longest_path import longest_path, path_periods
from ...circuits.digital.timing import shortest_period
from ...circuits.errors import ToolError
from ...circuits.technology import Technology
from ...circuits.testbench import Condition
from .cost import BlockCost

TEMPERATURES = (-40.0, 27.0, 125.0)
"""Temperatures of `corner_periods`, Celsius."""


@dataclass(frozen=True)
class BlockTiming:
    """Timing of one block on one library."""

    library: str
    """Name of the library."""
    block: str
    """Name of the block."""
    period: float
    """Period of its clock, s."""
    shortest: float
    """Shortest clock period that closes, s."""
    hold: float
    """Smallest slack of hold between flip-flops, s; infinite if there are none."""

    @property
    def closes(self) -> bool:
        """Whether set-up and hold are met."""
        return self.shortest <= self.period and self.hold >= 0


def block_timings(costs: Sequence[BlockCost], library: Library) -> Iterator[BlockTiming]:
    """Timing of the netlists of a head's clocked blocks with the cells of another library.

    Args:
        costs: blocks, synthesised onto cells of the same names.
        library: cells at the condition of the timing.

    Raises:
        ToolError: OpenSTA is missing or fails, or the library lacks a cell.
    """
    for cost in costs:
        if cost.period is None or not cost.uses:
            continue
        for kind in cost.netlist.kinds:
            library.kind(kind)
        found = shortest_period(replace(cost.netlist, library=library), cost.period)
        yield BlockTiming(library.name, cost.name, cost.period, found.period, found.hold)


def closing_pulse(timings: Sequence[BlockTiming], t_pulse_max: float) -> float:
    """Shortest T_max with which every block closes, s: clocks are fractions of T_max.

    Args:
        timings: timing of the blocks of one condition.
        t_pulse_max: T_max of the blocks' clocks, s.
    """
    return max(timing.shortest / timing.period for timing in timings) * t_pulse_max


@dataclass(frozen=True)
class CornerPeriod:
    """Clock period that the slowest block needs at one condition."""

    corner: str
    """Process corner."""
    temperature: float
    """Temperature, Celsius."""
    vdd: float
    """Supply, V."""
    block: str
    """Name of the block."""
    period: float
    """Period of its clock, s."""
    shortest: float
    """Period that its longest path needs, s."""


def corner_periods(
    costs: Sequence[BlockCost], condition: Mapping[str, Any], supplies: Sequence[float]
) -> Iterator[CornerPeriod]:
    """The longest path of the slowest block in transistors, at every corner of its technology.

    The slowest block is that with the largest share of its clock at the library's condition.

    Args:
        costs: blocks, synthesised onto a library of `gaincell liberty`.
        condition: condition of the hardware's tables, which is that of the library.
        supplies: supplies, V.

    Yields:
        One period for each supply, corner and temperature.

    Raises:
        TechnologyError: the technology cannot be loaded.
        ToolError: OpenSTA is missing or fails, or no block has a clock.
        SimulationError: a simulation fails, or the path does not switch.
    """
    timed = [cost for cost in costs if cost.uses and cost.period is not None and cost.shortest is not None]
    if not timed:
        raise ToolError("no block with a clock is made of cells; give a library with --liberty")
    slow = max(timed, key=lambda cost: cost.shortest / cost.period)
    technology = Technology.load(condition["technology"])
    own = Condition(
        technology, corner=condition["corner"], temperature=condition["temperature"], supply=condition["vdd"]
    )
    others = [
        replace(own, corner=corner, temperature=temperature, supply=vdd)
        for vdd in supplies
        for corner in technology.corners
        for temperature in TEMPERATURES
    ]
    periods = path_periods(longest_path(slow.netlist, slow.period), own, others)
    for one, shortest in zip(others, periods, strict=True):
        yield CornerPeriod(one.corner, one.temperature, one.vdd, slow.name, slow.period, shortest)
