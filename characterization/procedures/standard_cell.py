"""Delay, slew, energy and input charge of the standard cells, for every edge of an input in every state."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.errors import SimulationError
from ...circuits.rawfile import Waveforms
from ...circuits.standard_cells import CELLS, StandardCell, find_cell, label, outputs_of, walk
from ...circuits.testbench.standard_cells import SLEW_SHARE, CellScale, standard_cell_walk
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure
from ..transitions import crossings

SLEWS = (0.5, 1.5, 4.0, 10.0)
"""Slews of the inputs, in delays of an inverter with a fan-out of four."""

LOADS = (0.5, 2.0, 6.0, 20.0)
"""Loads of the outputs, in input capacitances of the smallest inverter, per drive of the cell."""

SETTLED = 0.02
"""Distance from its rail, in supplies, within which an output counts as settled."""


@procedure
class StandardCellEdges(Procedure):
    """Standard cells: delay, slew and energy"""

    name = "standard_cell"
    columns = {
        "cell": "-: name of the cell",
        "pin": "-: input that changes",
        "edge": "-: rise or fall of the input",
        "state": "-: inputs before the edge, and the output of a cell with memory",
        "slew": "s: 20 to 80 % of the input's edge",
        "load": "F: at every output",
        "output_edge": "-: rise, fall or none, of the first output",
        "delay": "s: from the input's to the first output's half-way point",
        "slew_out": "s: 20 to 80 % of the first output's edge",
        "carry_edge": "-: rise, fall or none, of the second output",
        "delay_carry": "s: as delay, of the second output",
        "slew_carry": "s: as slew_out, of the second output",
        "energy": "J: from the supply, without the leakage of the state after the edge",
        "q_in": "C: that the changing input takes on a rise, or gives on a fall; mean over the loads",
    }
    undefined = frozenset({"delay", "slew_out", "delay_carry", "slew_carry"})

    def points(self, ctx: Context) -> pd.DataFrame:
        scale = CellScale.of(ctx.condition)
        tables = []
        for cell in CELLS.values():
            edges = [
                (edge.pin, "rise" if edge.rising else "fall", label(cell, edge.before))
                for edge in walk(cell)
                if not edge.seen
            ]
            conditions = grid(
                Values("cell", [cell.name]),
                Values("slew", [k * scale.delay for k in SLEWS]),
                Values("load", [k * scale.load * cell.drive for k in LOADS]),
            )
            named = pd.DataFrame(edges, columns=["pin", "edge", "state"])
            tables.append(conditions.merge(named, how="cross"))
        return pd.concat(tables, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for rows in chunks(points, ["cell", "slew"], size=len(points)):
            some = points.iloc[rows]
            cell, slew = find_cell(some["cell"].iloc[0]), float(some["slew"].iloc[0])
            deck = standard_cell_walk(ctx.condition, cell, slew, some["load"].unique().tolist())
            batches.append(Batch(deck, rows))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        cell, slew = find_cell(points["cell"].iloc[0]), float(points["slew"].iloc[0])
        loads = points["load"].unique().tolist()
        slot, vdd = CellScale.of(ctx.condition).slot, ctx.condition.vdd
        require_logic(cell, waves, slot, slot - slew / SLEW_SHARE / 2, vdd, len(loads))
        measured = {}
        for k, edge in enumerate(walk(cell)):
            if edge.seen:
                continue
            middle = (k + 1) * slot
            start = middle - slew / SLEW_SHARE / 2
            stop = start + slot
            drawn = -waves.integrate(f"i(v{edge.pin})", start, stop) / len(loads)
            before, after = outputs_of(cell, edge.before), outputs_of(cell, edge.after)
            for i, load in enumerate(loads):
                row = {
                    "energy": vdd * _switched_charge(waves, f"i(vdd{i})", start, stop),
                    "q_in": drawn if edge.rising else -drawn,
                }
                for pin, names in zip(cell.outputs, _NAMES, strict=False):
                    window = (f"v({pin}{i})", start, stop)
                    row |= _switch(waves, window, middle, vdd, before[pin], after[pin], names)
                measured[edge.pin, label(cell, edge.before), load] = row
        keys = points[["pin", "state", "load"]].itertuples(index=False, name=None)
        missing = dict.fromkeys(self.undefined, np.nan) | {"output_edge": "none", "carry_edge": "none"}
        return pd.DataFrame([missing | measured[key] for key in keys])


_NAMES = (("output_edge", "delay", "slew_out"), ("carry_edge", "delay_carry", "slew_carry"))


def _switched_charge(waves: Waveforms, name: str, start: float, stop: float) -> float:
    """Charge (C) from a supply in a window, without the current that still flows at its end."""
    return -waves.integrate(name, start, stop) + float(waves.at(name, stop)) * (stop - start)


def _switch(
    waves: Waveforms,
    window: tuple[str, float, float],
    middle: float,
    vdd: float,
    before: int,
    after: int,
    names: tuple[str, str, str],
) -> dict[str, float | str]:
    """Edge, delay (s) and slew (s) of an output; nothing if it keeps its value."""
    if before == after:
        return {}
    name, start, stop = window
    low, half, high = (crossings(waves, name, share * vdd, start, stop) for share in (0.2, 0.5, 0.8))
    if not all(map(len, (low, half, high))):
        raise SimulationError(f"{name} does not switch; its edge begins too late for its slot")
    kind, delay, slew = names
    return {
        kind: "rise" if after else "fall",
        delay: half[-1] - middle,
        slew: abs(high[-1] - low[-1]),
    }


def require_logic(
    cell: StandardCell, waves: Waveforms, slot: float, rest: float, vdd: float, copies: int
) -> None:
    """Check every output before the next edge of a walk against the cell's function.

    Args:
        cell: the cell.
        waves: waveforms of a walk.
        slot: time between the edges, s.
        rest: time from the middle of an edge to the start of the next, s.
        vdd: supply, V.
        copies: number of copies of the cell.

    Raises:
        SimulationError: an output is not at its rail.
    """
    # The state before the first edge of a flip-flop is not defined.
    for k, edge in enumerate(walk(cell)):
        time = (k + 1) * slot + rest
        for pin, value in outputs_of(cell, edge.after).items():
            for i in range(copies):
                found = float(waves.at(f"v({pin}{i})", time))
                if abs(found - value * vdd) > SETTLED * vdd:
                    raise SimulationError(
                        f"{cell.name}: after the {'rise' if edge.rising else 'fall'} of {edge.pin} at "
                        f"{label(cell, edge.before)}, {pin} is at {found:.3g} V instead of "
                        f"{value * vdd:.3g} V; raise the supply"
                    )
