"""Monte Carlo of converters for a few charges per polarity; all transistors deviate."""

from __future__ import annotations

import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import conversion
from ..measure import pulse_width
from ..monte_carlo import CONVERTER, READOUT, with_sampled_mismatch
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, chunks, procedure
from .converter import full_scale

COPIES = 2
"""Number of converters in one transient. Deviating converters switch at different times, and every edge adds
time steps for all copies."""

FITTED, UNSEEN = (0.15, 0.85), 0.5
"""Charges of a polarity as fractions of the full scale: two that define a line, for all samples, and one
between them, for every fourth sample."""


def signed_width(waves: Waveforms, copy: int, signed: bool, threshold: float) -> float:
    """Signed pulse width of a converter.

    Args:
        waves: waveforms of `testbench.conversion`.
        copy: number of the converter in the deck.
        signed: the signed converter; otherwise the ReLU converter.
        threshold: level of the width and of the sign, V.

    Returns:
        Width, s; negative if a signed converter reports a negative charge.
    """
    width = pulse_width(waves, f"v(out{copy})", threshold)
    return -width if signed and waves[f"v(sign{copy})"][-1] < threshold else width


@procedure
class ConverterMismatch(Procedure):
    """Charge-to-pulse converters: offset and gain, Monte Carlo"""

    name = "converter_mismatch"
    columns = {
        "signed": "-: the signed converter; otherwise the ReLU",
        "sample": "-: number of the converter",
        "charge": "C: charge taken from the integration node",
        "held_out": "-: kept from every fit",
        "t_out": "s: width of the output pulse, negative for a negative sign",
    }
    fewest = 2  # a standard deviation

    def points(self, ctx: Context) -> pd.DataFrame:
        count = ctx.count(200)
        tables = []
        for signed in (False, True):
            signs = (-1.0, 1.0) if signed else (1.0,)
            scale = full_scale(ctx, signed)
            for samples, shares in ((range(count), FITTED), (range(0, count, 4), (UNSEEN,))):
                charges = sorted(sign * share * scale for sign in signs for share in shares)
                table = grid(Values("signed", [signed]), Values("sample", samples), Values("charge", charges))
                tables.append(table.assign(held_out=shares is not FITTED))
        return pd.concat(tables, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        chunked = chunks(points, ["signed", "held_out"], size=COPIES)
        return [self._batch(ctx, points.iloc[rows], rows) for rows in chunked]

    def _batch(self, ctx: Context, points: pd.DataFrame, rows) -> Batch:
        signed, designs = bool(points["signed"].iloc[0]), ctx.condition.designs
        deck = conversion(ctx.condition, points["charge"], signed=signed)
        circuit, design = (READOUT, designs.readout) if signed else (CONVERTER, designs.converter)
        return Batch(with_sampled_mismatch(ctx, deck, circuit, design.subcircuit, points["sample"]), rows)

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        threshold = ctx.condition.vdd / 2
        widths = [
            signed_width(waves, i, bool(signed), threshold) for i, signed in enumerate(points["signed"])
        ]
        return pd.DataFrame({"t_out": widths})
