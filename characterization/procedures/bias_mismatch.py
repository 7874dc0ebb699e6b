"""Monte Carlo of the ramp bias that a bank of converters shares, for one charge per polarity."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import conversion
from ..monte_carlo import with_sampled_mismatch
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .converter import full_scale
from .converter_mismatch import FITTED, signed_width

BIAS = "ramp_bias"
"""Name of the sub-circuit of the bias."""


@procedure
class BiasMismatch(Procedure):
    """Ramp bias that a bank of converters shares, Monte Carlo"""

    name = "bias_mismatch"
    columns = {
        "signed": "-: bank of signed converters; otherwise of ReLU",
        "sample": "-: number of the bank",
        "charge": "C: charge taken from the integration node of a converter without deviations",
        "t_out": "s: width of the output pulse, negative for a negative sign",
    }
    fewest = 2  # a standard deviation

    def points(self, ctx: Context) -> pd.DataFrame:
        tables = []
        for signed in (False, True):
            high = FITTED[-1] * full_scale(ctx, signed)
            charges = (-high, high) if signed else (high,)
            samples = Values("sample", range(ctx.count(200)))
            tables.append(grid(Values("signed", [signed]), samples, Values("charge", charges)))
        return pd.concat(tables, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        chunked = chunks(points, ["signed", "sample"])
        return [self._batch(ctx, points.iloc[rows], rows) for rows in chunked]

    def _batch(self, ctx: Context, points: pd.DataFrame, rows) -> Batch:
        signed = bool(points["signed"].iloc[0])
        deck = conversion(ctx.condition, points["charge"], signed=signed)
        circuit = f"{'signed' if signed else 'relu'} bias"
        return Batch(with_sampled_mismatch(ctx, deck, circuit, BIAS, points["sample"].iloc[:1]), rows)

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        threshold = ctx.condition.vdd / 2
        widths = [
            signed_width(waves, i, bool(signed), threshold) for i, signed in enumerate(points["signed"])
        ]
        return pd.DataFrame({"t_out": widths})
