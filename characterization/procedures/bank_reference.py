"""Replica bias and replica delay of both banks of converters."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import bank_reference
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, procedure
from .converter_corners import time_high


@procedure
class BankReference(Procedure):
    """Replica bias and replica delay of a bank of converters"""

    name = "bank_reference"
    columns = {
        "signed": "-: the bank of signed converters; otherwise of the ReLU",
        "i_ramp": "A: current of the p ramp",
        "i_ramp_n": "A: current of the n ramp",
        "t_skew": "s: delay of the spare converter's comparator, by which the window opens after the ramp",
        "v_bias_p": "V: gate of the p sources",
        "v_bias_n": "V: gate of the n sources",
        "p_bias": "W: both branches, from the supply",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        return grid(Values("signed", [False, True]))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            Batch(bank_reference(ctx.condition, signed=bool(signed)), [i])
            for i, signed in enumerate(points["signed"])
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        designs, vdd = ctx.condition.designs, ctx.condition.vdd
        design = designs.readout if bool(points["signed"].iloc[0]) else designs.converter
        # Before the first edge of a clock the branches are at rest.
        p, n = abs(waves["i(vrp)"][0]), abs(waves["i(vrn)"][0])
        width, _ = time_high(waves, "v(out)", vdd / 2)
        return pd.DataFrame(
            {
                "i_ramp": [p / design.replica_width_p],
                "i_ramp_n": [n / design.replica_width_n],
                "t_skew": [width - design.t_lead],
                "v_bias_p": [waves["v(bp)"][0]],
                "v_bias_n": [waves["v(bn)"][0]],
                "p_bias": [vdd * (p + n)],
            }
        )
