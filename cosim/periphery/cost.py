"""Cells, area, clock period and energy of the periphery's blocks, at the gates, with real activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...circuits.digital import Periphery, simulate
from ...circuits.digital.activity import Activity, measure
from ...circuits.digital.average_power import second_opinion
from ...circuits.digital.liberty import Library
from ...circuits.digital.simulation import Responses
from ...circuits.digital.synthesis import Netlist, synthesise
from ...circuits.digital.timing import shortest_period
from .activations import Activations
from .cases import Case, cases

Report = Callable[[int, int, str], None]
"""Called with (blocks done, blocks in all, name of the block)."""


SHARES = tuple(round(-0.5 + 0.01 * i, 2) for i in range(101))
"""Delays of the counting edges among which the best is looked for, clocks."""
UNSURE = 0.05
"""Distance of a pulse's end from a counting edge within which gates may give either count, clocks."""


@dataclass(frozen=True)
class BlockCost:
    """One block of the periphery on one library."""

    name: str
    """Name of the block."""
    netlist: Netlist
    """Its cells."""
    instances: float
    """Number of instances per head; 0 for a form that is only compared."""
    uses: float
    """Operations per head and token, all instances together."""
    results: int
    """Number of results compared with the Python model, in the Verilog simulation."""
    differing: int
    """Results of the Verilog that differ."""
    differing_gates: int | None
    """Results of the gates that differ, beyond the `late` of a read-out; None without a library."""
    late: float
    """Delay with which a read-out counts, s: that with which the fewest results of its gates differ; 0 for
    other blocks."""
    period: float | None
    """Clock period of the block, s; None without a clock."""
    shortest: float | None
    """Shortest clock period, or longest delay of a block without clock, s; None without a library."""
    activity: Activity | None
    """Energy of all operations but the first; None without a library."""
    case: Case
    """Inputs, events and layers of its operations."""

    @property
    def operations(self) -> int:
        """Number of operations in `activity`: all but the first, which starts from unknown levels."""
        return self.case.drive.operations - 1

    @property
    def joules(self) -> float:
        """Energy of one operation of one instance without leakage, J; NaN without a library."""
        return float("nan") if self.activity is None else self.activity.dynamic / self.operations

    @property
    def leakage(self) -> float:
        """Leakage of one instance, W; NaN without a library."""
        return float("nan") if self.activity is None else self.activity.leakage / self.activity.seconds

    @property
    def per_token(self) -> float:
        """Energy per head and token without leakage, J."""
        return self.joules * self.uses if self.uses else 0.0

    @property
    def averaged(self) -> float | None:
        """Energy from the nets' mean rates and probabilities, over that of the single edges; None without a
        library."""
        return None if self.activity is None else second_opinion(self.netlist, self.activity)

    @property
    def closes(self) -> bool | None:
        """Whether the timing closes; None where there is nothing to close."""
        if self.shortest is None or self.period is None:
            return None
        return self.shortest <= self.period

    def record(self) -> dict[str, object]:
        """Values for JSON, in SI units; area in the library's unit."""
        split = {}
        if self.activity is not None:
            parts = ("internal", "inputs", "nets", "clock")
            split = {f"joules_{name}": getattr(self.activity, name) / self.operations for name in parts}
        return {
            "block": self.name,
            "cells": dict(self.netlist.kinds),
            "instances": self.instances,
            "uses": self.uses,
            "area": self.netlist.area,
            "period": self.period,
            "shortest": self.shortest,
            "closes": self.closes,
            "joules": self.joules,
            **split,
            "averaged": self.averaged,
            "leakage": self.leakage,
            "per_token": self.per_token,
            "results": self.results,
            "differing": self.differing,
            "differing_gates": self.differing_gates,
            "late": self.late,
        }


def block_costs(
    activations: Activations,
    periphery: Periphery,
    library: Library | None,
    *,
    operations: int = 16,
    wire: float = 0.0,
    report: Report = lambda done, total, name: None,
) -> Iterator[BlockCost]:
    """Cost of each block that has activations, one after the other.

    Args:
        activations: signals of the model.
        periphery: sizes; window and depth are those of the activations.
        library: cells; None: generic gates, which have no area, time or energy.
        operations: number of attention operations to simulate.
        wire: capacitance of the wire to each input pin, F.
        report: called after each block.

    Raises:
        ToolError: a tool is missing or fails.
    """
    found = list(cases(activations, periphery, operations))
    for number, case in enumerate(found):
        yield _cost(case, library, wire)
        report(number + 1, len(found), case.drive.block.name)


def _cost(case: Case, library: Library | None, wire: float) -> BlockCost:
    drive = case.drive
    block, stimuli = drive.block, drive.stimuli
    right = np.asarray(case.expected(simulate(block, stimuli)), dtype=bool)
    netlist = synthesise(block, library)
    shortest = activity = wrong = None
    late = 0.0
    if library is not None:
        shortest = shortest_period(netlist, block.clock or 1e-9).period
        bounds = drive.bounds
        activity, responses = measure(netlist, stimuli, start=int(bounds[1]), bounds=bounds[1:], wire=wire)
        wrong = int((~np.asarray(case.expected(responses), dtype=bool)).sum())
        if block.module == "readout_counters":
            late, wrong = _late(case, responses)
            late *= block.clock or 0.0
    return BlockCost(
        name=block.name,
        netlist=netlist,
        instances=block.per_head,
        uses=case.uses,
        results=right.size,
        differing=int((~right).sum()),
        differing_gates=wrong,
        late=late,
        period=block.clock,
        shortest=shortest,
        activity=activity,
        case=case,
    )


def _late(case: Case, responses: Responses) -> tuple[float, int]:
    """Delay of a read-out's counting edges (clocks), and the number of results that it does not explain.

    The delay is that with which the fewest results differ. A pulse that ends within `UNSURE` of an edge may
    give either count.
    """
    share = min(SHARES, key=lambda share: (int((~case.expected(responses, share)).sum()), abs(share)))
    right = case.expected(responses, share - UNSURE) | case.expected(responses, share + UNSURE)
    return share, int((~right).sum())
