"""Delay, width and rise time of a pulse at every cell of a word line, and energy of its driver."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.errors import SimulationError
from ...circuits.rawfile import Waveforms
from ...circuits.testbench import with_node_per_cell, word_line
from ..measure import energy
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, procedure


@procedure
class RowMap(Procedure):
    """Word line, cell by cell"""

    name = "row_map"
    columns = {
        "r_wire": "Ohm: resistance of one cell pitch of wire",
        "driver": "-: drive of the row driver's last stage, in smallest inverters",
        "t_pulse": "s: width at the driver's input",
        "column": "-: cell, counted from the driver",
        "delay": "s: from the rising input to rwl at the cell, at half the supply",
        "rise": "s: rwl at the cell, from 10 to 90 % of the supply",
        "t_high": "s: width of rwl at the cell",
        "t_low": "s: width of the low pulse of rwlb at the cell",
        "e_drive": "J: from the driver's supply, one pulse",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        designs = ctx.condition.designs
        wires = sorted({designs.array.r_wire, 10.0, 30.0})
        drivers = sorted({designs.array.driver / 2, designs.array.driver, designs.array.driver * 2})
        return grid(
            Values("r_wire", [r for r in wires if r > 0]),
            Values("driver", drivers),
            Values("t_pulse", [designs.clocking.t_pulse_max / 3]),
        )

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            Batch(word_line(with_node_per_cell(ctx.condition, r_wire=r_wire, driver=driver), t_pulse), [i])
            for i, (r_wire, driver, t_pulse) in enumerate(points.itertuples(index=False))
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd, rows = ctx.condition.vdd, []
        begin = crossings(waves, "v(row)", vdd / 2)[0]
        spent = energy(waves, "ddd", vdd)
        for c in range(ctx.condition.designs.array.columns):
            line, complement = f"v(arwl0_{c})", f"v(arwlb0_{c})"
            tenth, ninth = (crossings(waves, line, share * vdd)[0] for share in (0.1, 0.9))
            (up, down), (fall, back) = (crossings(waves, node, vdd / 2) for node in (line, complement))
            rows.append(
                {
                    "column": c,
                    "delay": up - begin,
                    "rise": ninth - tenth,
                    "t_high": down - up,
                    "t_low": back - fall,
                    "e_drive": spent,
                }
            )
        return pd.DataFrame(rows).assign(point=0)


def crossings(waves: Waveforms, name: str, threshold: float) -> np.ndarray:
    """Times of the two edges of a pulse, interpolated linearly between the simulator's time points.

    Args:
        waves: waveforms of a transient.
        name: vector of the signal.
        threshold: level of the crossings, V.

    Returns:
        Times of the crossings, shape (2,), s.

    Raises:
        SimulationError: the signal does not cross the threshold exactly twice.
    """
    time, above = waves.axis, waves[name] - threshold
    before = np.flatnonzero(np.diff(np.signbit(above)))
    if len(before) != 2:
        raise SimulationError(f"{name} passes {threshold:g} V {len(before)} times; one pulse was expected")
    share = above[before] / (above[before] - above[before + 1])
    return time[before] + share * (time[before + 1] - time[before])
