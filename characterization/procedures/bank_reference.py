"""Replica bias and replica delay of both banks of converters."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import bank_reference
from ..measure import energy
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, procedure
from .converter import reset_energy
from .converter_corners import time_high

AT_REST = {
    "i_cells_p": "i(vrp)",
    "i_cells_n": "i(vrn)",
    "v_bias_p": "v(bp)",
    "v_bias_n": "v(bn)",
    "v_cells_p": "v(rp)",
    "v_cells_n": "v(rn)",
}
"""Vectors at rest, by column; the replicas are narrower than the ramps and carry less."""


@procedure
class BankReference(Procedure):
    """Replica bias and replica delay of a bank of converters"""

    name = "bank_reference"
    columns = {
        "signed": "-: the bank of signed converters; otherwise of the ReLU",
        "t_lead": "s: time by which the spare converter's ramp starts before the others'",
        "i_ramp": "A: current of the p ramp",
        "i_ramp_n": "A: current of the n ramp",
        "t_skew": "s: delay of the spare converter's comparator, by which the window opens after the ramp",
        "v_bias_p": "V: gate of the p sources",
        "v_bias_n": "V: gate of the n sources",
        "v_cells_p": "V: bit line of the replica cells that sink the p ramp's current",
        "v_cells_n": "V: bit line of the replica cells that source the n ramp's current",
        "p_bias": "W: bias of the bank with its replica cells, from the supply, mean over an operation",
        "e_spare": "J: spare converter and its cell, from the supply and the reset reference, per operation",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        # The lead is no part of the deck, so the cache can tell two leads apart only by the points.
        leads = {False: ctx.condition.designs.converter.t_lead, True: ctx.condition.designs.readout.t_lead}
        return grid(Values("signed", list(leads))).assign(t_lead=list(leads.values()))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [
            Batch(bank_reference(ctx.condition, signed=bool(signed)), [i])
            for i, signed in enumerate(points["signed"])
        ]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        signed, vdd = bool(points["signed"].iloc[0]), ctx.condition.vdd
        designs = ctx.condition.designs
        design = designs.readout if signed else designs.converter
        width, _ = time_high(waves, "v(out)", vdd / 2)
        reset = reset_energy(ctx.condition, waves["v(int)"][-1], signed=signed)
        # Before the first edge of a clock the bias is at rest.
        at_rest = {name: waves[vector][0] for name, vector in AT_REST.items()}
        return pd.DataFrame(
            {
                "i_ramp": [abs(at_rest.pop("i_cells_p")) / design.replica_width_p],
                "i_ramp_n": [abs(at_rest.pop("i_cells_n")) / design.replica_width_n],
                **{name: [value] for name, value in at_rest.items()},
                "t_skew": [width - float(points["t_lead"].iloc[0])],
                "p_bias": [energy(waves, "dd", vdd) / waves.axis[-1]],
                "e_spare": [energy(waves, "ddc", vdd) + reset],
            }
        )
