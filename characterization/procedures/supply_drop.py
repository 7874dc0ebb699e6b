"""Voltage drop along the rails of a bank of converters, and its effect on the pulses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ...circuits.errors import SimulationError
from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Condition, Schedule, bank_conversion
from ...circuits.testbench.blocks import section_lengths
from ..procedure import Batch, Context, Procedure, procedure
from .converter import full_scale
from .converter_mismatch import FITTED, UNSEEN, signed_width

SECTIONS = 8
"""Number of places along the rails."""

NARROW = 5.0
"""Resistance of a second, narrower pair of rails, multiple of the design's."""

BANKS = ("ideal", "alone", "all")
"""A converter on rails without resistance; one alone on the rails, in their middle; a whole bank."""


@procedure
class SupplyDrop(Procedure):
    """Rails of a bank of converters, place by place"""

    name = "supply_drop"
    columns = {
        "signed": "-: bank of signed converters; otherwise of ReLU",
        "r_supply": "Ohm: resistance of one column pitch of each rail",
        "bank": "-: what is on the rails: ideal (no resistance), alone (one converter), all (the whole bank)",
        "charge": "C: charge taken from every integration node",
        "held_out": "-: kept from every fit",
        "place": "-: distance of the converter from the rails' first end, column pitches",
        "drop": "V: lost on the supply rail, half-way through the ramp",
        "lift": "V: ground rail at the same time",
        "t_out": "s: width of the output pulse, negative for a negative sign",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        resistance = ctx.condition.designs.array.r_supply
        banks = [(0.0, "ideal")]
        if resistance > 0:
            banks += [(resistance, "alone"), (resistance, "all"), (NARROW * resistance, "all")]
        rows = [
            (signed, r, bank, sign * share * full_scale(ctx, signed), share == UNSEEN)
            for signed in (False, True)
            for r, bank in banks
            for share in sorted((*FITTED, UNSEEN))
            for sign in ((-1, 1) if signed else (1,))
        ]
        return pd.DataFrame(rows, columns=["signed", "r_supply", "bank", "charge", "held_out"])

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for i, (signed, r, bank, charge, _) in enumerate(points.itertuples(index=False)):
            condition = on_rails(ctx.condition, r)
            alone = None if bank == "all" else middle(condition)
            deck = bank_conversion(condition, float(charge), signed=bool(signed), alone=alone)
            batches.append(Batch(deck, [i]))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        point = points.iloc[0]
        condition, signed = on_rails(ctx.condition, point["r_supply"]), bool(point["signed"])
        lengths = section_lengths(condition.designs.array.columns, condition.designs.array.section)
        sections = range(len(lengths)) if point["bank"] == "all" else [middle(condition)]
        rows = []
        for i in sections:
            width = signed_width(waves, i, signed, condition.vdd / 2)
            if width == 0:
                raise SimulationError(f"converter {i} gives no pulse; make the rails wider (array.r_supply)")
            half_way = Schedule.single(condition.designs, signed).window + abs(width) / 2
            rows.append(
                {
                    "place": sum(lengths[:i]) + lengths[i] / 2,
                    "drop": condition.vdd - float(waves.at(f"v(s{i})", half_way)),
                    "lift": float(waves.at(f"v(g{i})", half_way)),
                    "t_out": width,
                }
            )
        return pd.DataFrame(rows).assign(point=0)


def on_rails(condition: Condition, r_supply: float) -> Condition:
    """The condition with rails of a resistance, cut into `SECTIONS` places.

    Args:
        condition: technology, sizes, operating point.
        r_supply: resistance of one column pitch, ohm.
    """
    array = condition.designs.array
    sizes = {"r_supply": float(r_supply), "section": int(np.ceil(array.columns / SECTIONS))}
    array = array.model_copy(update=sizes)
    return replace(condition, designs=condition.designs.model_copy(update={"array": array}))


def middle(condition: Condition) -> int:
    """Index of the section nearest to the middle of the rails, where the drop is largest."""
    array = condition.designs.array
    return len(section_lengths(array.columns, array.section)) // 2
