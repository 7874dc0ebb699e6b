"""Leakage of cells, converters and drivers at rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench.idle import AFTER, resting_cells, resting_converter, resting_drivers
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure

TEMPERATURES = (27.0, 85.0, 125.0)
"""Temperatures in addition to that of the plan, Celsius."""
DRIVERS = ("row driver", "write word-line drivers", "level switches")
"""Circuits of `resting_drivers`."""


@procedure
class IdlePower(Procedure):
    """Leakage of cells, converters and drivers at rest"""

    name = "idle_power"
    columns = {
        "circuit": "-: cell, ReLU converter, signed converter, row driver (one row), write word-line drivers "
        "(one word) or level switches (one write bit line)",
        "temperature": "Celsius",
        "v_store": "V: stored voltage of a cell",
        "power": "W: of one such circuit, from all sources that feed it",
    }
    undefined = frozenset({"v_store"})

    def points(self, ctx: Context) -> pd.DataFrame:
        vdd, levels = ctx.condition.vdd, ctx.condition.designs.levels.key
        hot = Values("temperature", sorted({ctx.temperature, *TEMPERATURES}))
        cells = grid(
            Values("circuit", ["cell"]), hot, Values("v_store", np.linspace(0, vdd, levels).tolist())
        )
        others = grid(Values("circuit", ["ReLU converter", "signed converter", *DRIVERS]), hot)
        return pd.concat([cells, others.assign(v_store=np.nan)], ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        kinds = points["circuit"].where(~points["circuit"].isin(DRIVERS), "drivers")
        return [
            Batch(self._made(ctx, points.iloc[rows])[0], rows)
            for rows in chunks(points.assign(kind=kinds), ["kind", "temperature"])
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        _, sources = self._made(ctx, points)
        start = waves.axis[-1] - AFTER / 2 if "converter" in points["circuit"].iloc[0] else waves.axis[0]
        length = waves.axis[-1] - start
        return pd.DataFrame(
            {
                "power": [
                    -sum(
                        waves[f"v({name})"][-1] * waves.integrate(f"i(v{name})", start) / length
                        for name in names
                    )
                    for names in sources
                ]
            }
        )

    @staticmethod
    def _made(ctx: Context, points: pd.DataFrame):
        """Simulation of the points of one batch, and the sources that feed each of them."""
        condition = replace(ctx.condition, temperature=float(points["temperature"].iloc[0]))
        circuit = points["circuit"].iloc[0]
        if circuit == "cell":
            return resting_cells(condition, points["v_store"].tolist())
        if circuit in DRIVERS:
            simulation, sources = resting_drivers(condition)
            return simulation, [sources[name] for name in points["circuit"]]
        simulation, names = resting_converter(condition, signed=circuit == "signed converter")
        return simulation, [names]
