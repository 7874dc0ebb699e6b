"""Voltage drop along a loaded bit line, and its effect on the converted pulse."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Schedule, bit_line, with_node_per_cell
from ..measure import pulse_width
from ..procedure import Batch, Context, Procedure, procedure

LOAD_CELLS = 7
"""Number of cells that are fully on with the longest pulse; together just below the converter's full
scale."""

PLACES = ("near", "spread", "far")
"""Positions of these cells: next to the converter, evenly over the column, at the far end."""


@procedure
class BitLineMap(Procedure):
    """Bit line, cell by cell"""

    name = "bit_line_map"
    columns = {
        "r_wire": "Ohm: resistance of one cell pitch of wire; 0 for a column without drop",
        "place": "-: where the loaded cells sit: near the converter, spread, far",
        "row": "-: cell, counted from the converter",
        "loaded": "-: this cell is fully on; the others have no pulse",
        "drop": "V: bit line at the converter less bit line at the cell, half-way through the pulse",
        "t_out": "s: converted width of the whole column",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        wires = sorted({ctx.condition.designs.array.r_wire, 10.0, 30.0} - {0.0})
        pairs = [(0.0, "spread"), *((r, place) for r in wires for place in PLACES)]
        return pd.DataFrame(pairs, columns=["r_wire", "place"])

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        condition = ctx.condition
        rows = condition.designs.array.rows
        batches = []
        for i, (r_wire, place) in enumerate(points.itertuples(index=False)):
            on = loaded(rows, place)
            stored = np.where(on, condition.vdd, condition.v_mid)
            width = np.where(on, condition.designs.clocking.t_pulse_max, 0.0)
            batches.append(Batch(bit_line(with_node_per_cell(condition, r_wire=r_wire), stored, width), [i]))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        designs, (r_wire, place) = ctx.condition.designs, points.iloc[0]
        rows = designs.array.rows
        middle = Schedule.single(designs, False).positive + designs.clocking.t_pulse_max / 2
        nodes = [f"v(abl0_{row if r_wire > 0 else 0})" for row in range(rows)]
        at_cells = np.array([float(waves.at(node, middle)) for node in nodes])
        return pd.DataFrame(
            {
                "row": np.arange(rows),
                "loaded": loaded(rows, place),
                "drop": float(waves.at("v(bl)", middle)) - at_cells,
                "t_out": pulse_width(waves, "v(out)", ctx.condition.vdd / 2),
            }
        ).assign(point=0)


def loaded(rows: int, place: str) -> np.ndarray:
    """Choose the cells of a column that are on.

    Args:
        rows: number of cells in the column.
        place: one of `PLACES`.

    Returns:
        Whether each cell is on, shape (rows,), bool.
    """
    count = min(LOAD_CELLS, rows)
    chosen = {
        "near": np.arange(count),
        "spread": np.round((np.arange(count) + 0.5) * rows / count - 0.5).astype(int),
        "far": np.arange(rows - count, rows),
    }[place]
    return np.isin(np.arange(rows), chosen)
