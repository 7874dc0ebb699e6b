"""Ramp bias of a bank that is off between operations: how fast its lines settle, and what it takes."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench.gated_bias import SETTLED, gated_bias
from ..measure import energy
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, procedure

OFF = (100e-9, 1e-6, 10e-6, 1e-3)
"""Times for which the bias is off, s: from the other layers of a small network to a slow text."""
LEADS = (2e-9, 5e-9, 10e-9, 20e-9, 30e-9, 50e-9, 100e-9, 200e-9, 380e-9)
"""Times by which the bias is on before the ramp starts, s."""


@procedure
class BiasGating(Procedure):
    """Ramp bias, switched off between operations"""

    name = "bias_gating"
    columns = {
        "signed": "-: the bank of signed converters; otherwise of the ReLU",
        "t_off": "s: time for which the bias is off",
        "t_lead": "s: time from switching on to the start of the ramp",
        "error_p": "-: mean current of the p ramp over the longest pulse, relative to a steady bias, minus 1",
        "error_n": "-: the same of the n ramp; a pulse is shorter by the error",
        "p_on": "W: from the supply, steady bias with its replica cells",
        "p_off": "W: from the supply while off, mean over the second half of `t_off`",
        "e_wake": "J: from the supply between switching on and the ramp, above `p_on` times `t_lead`",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        return grid(Values("signed", [False, True]), Values("t_off", OFF))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            Batch(gated_bias(ctx.condition, float(row.t_off), signed=bool(row.signed)), [i])
            for i, row in enumerate(points.itertuples(index=False))
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd, longest = ctx.condition.vdd, ctx.condition.designs.clocking.t_pulse_max
        t_off = float(points["t_off"].iloc[0])
        again = SETTLED + t_off
        steady = -vdd * float(waves["i(vdd)"][0])
        rows = []
        for lead in LEADS:
            window = (again + lead, again + lead + longest)
            errors = {
                f"error_{polarity}": waves.integrate(name, *window) / (longest * waves[name][0]) - 1
                for polarity, name in (("p", "i(vprobep)"), ("n", "i(vproben)"))
            }
            extra = energy(waves, "dd", vdd, again, again + lead) - steady * lead
            rows.append({"point": 0, "t_lead": lead, **errors, "e_wake": extra})
        off = energy(waves, "dd", vdd, SETTLED + t_off / 2, again - 1e-10) / (t_off / 2 - 1e-10)
        return pd.DataFrame(rows).assign(p_on=steady, p_off=off)
