"""Timing of synthesised blocks at other conditions than that of their synthesis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...circuits.digital.liberty import Library
from ...circuits.digital.timing import shortest_period
from .cost import BlockCost


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
