"""Drive current, leakage, sub-threshold swing and DIBL of every device role."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import V_LINEAR, device_transfer
from ..measure import device_figures
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure

WIDTH = 1e-6
"""Channel width of all devices, m."""


@procedure
class DeviceProcedure(Procedure):
    """Transistor figures of merit"""

    name = "device"
    columns = {
        "role": "-: device role in the technology",
        "length": "m: drawn channel length",
        "i_on": "A/m: drain current per width, gate and drain at the supply",
        "i_off": "A/m: drain current per width, gate at 0, drain at the supply",
        "swing": "V/decade: sub-threshold swing",
        "v_th_lin": "V: threshold (0.1 A/m) at a drain voltage of 50 mV",
        "v_th_sat": "V: threshold (0.1 A/m), drain at the supply",
        "dibl": "V/V: threshold drop per volt of drain voltage",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        # Without the oxide-semiconductor write device, whose word-line levels lie beyond the supply.
        roles = {r: d for r, d in ctx.technology.devices.items() if r != "oxide"}
        tables = [
            grid(Values("role", [r]), Values("length", [d.l_min * k for k in (1, 2, 5)]))
            for r, d in roles.items()
        ]
        return pd.concat(tables, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for rows in chunks(points, "role"):
            some = points.iloc[rows]
            role = some["role"].iloc[0]
            batches.append(Batch(device_transfer(ctx.condition, role, some["length"].tolist(), WIDTH), rows))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        gate = np.abs(waves.axis)
        rows = []
        for i in range(len(points)):
            linear, saturated = (np.abs(waves[f"i(v{region}{i})"]) / WIDTH for region in ("lin", "sat"))
            figures = device_figures(gate, linear, saturated)
            drop = figures["v_th_lin"] - figures["v_th_sat"]
            rows.append(figures | {"dibl": drop / (ctx.condition.vdd - V_LINEAR)})
        return pd.DataFrame(rows)
