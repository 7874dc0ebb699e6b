"""Conversions on the regulated supply against those on an ideal one."""

from __future__ import annotations

import pandas as pd

from ...circuits.designs import Designs
from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Schedule
from ...circuits.testbench.regulated import RAIL, regulated_conversion
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, procedure
from .converter import full_scale
from .converter_mismatch import FITTED, UNSEEN, signed_width
from .regulator import EDGE

SUPPLIES = ("ideal", "regulated", "regulated, quiet")
"""Ideal supply; the regulator with the loads of an operation; with the loads of the biases alone."""
ACTIVE = {False: 1 / 12, True: 1.0}
"""Share of the converters that convert, by `signed`: of the ReLU's, 5 of 64 in the adapted demo network."""


@procedure
class RegulatedConversion(Procedure):
    """Conversions of all sub-tiles on the regulated supply"""

    name = "regulated_conversion"
    columns = {
        "signed": "-: bank of signed converters; otherwise of ReLU",
        "supply": "-: ideal, regulated (with the loads of an operation), or regulated, quiet",
        "charge": "C: charge taken from every converting node",
        "t_out": "s: width of the output pulse, negative for a negative sign",
        "v_reset": "V: supply at the end of the reset",
        "v_trip": "V: supply at the end of the output pulse",
        "v_low": "V: lowest supply during the operation",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        parts = []
        for signed in (False, True):
            signs = (-1.0, 1.0) if signed else (1.0,)
            charges = [
                sign * share * full_scale(ctx, signed)
                for share in sorted((*FITTED, UNSEEN))
                for sign in signs
            ]
            parts.append(
                grid(Values("signed", [signed]), Values("supply", SUPPLIES), Values("charge", charges))
            )
        return pd.concat(parts, ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for i, (signed, supply, charge) in enumerate(points.itertuples(index=False)):
            designs = ctx.condition.designs
            deck = regulated_conversion(
                ctx.condition,
                float(charge),
                signed=bool(signed),
                v_in=None if supply == "ideal" else designs.regulator.v_in,
                active=ACTIVE[bool(signed)],
                loads=other_loads(designs, bool(signed), quiet=supply != "regulated"),
            )
            batches.append(Batch(deck, [i]))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        signed, vdd = bool(points["signed"].iloc[0]), ctx.condition.vdd
        schedule = Schedule.single(ctx.condition.designs, signed)
        width, rail = signed_width(waves, 0, signed, vdd / 2), f"v({RAIL})"
        return pd.DataFrame(
            {
                "t_out": [width],
                "v_reset": [float(waves.at(rail, schedule.reset))],
                "v_trip": [float(waves.at(rail, schedule.window + abs(width)))],
                "v_low": [float(waves[rail].min())],
            }
        )


def other_loads(designs: Designs, signed: bool, *, quiet: bool) -> list[tuple[float, float]]:
    """Load of all sub-tiles beside one bank's converters and its bias, during that bank's conversion.

    Args:
        designs: sizes of the circuits.
        signed: the signed bank, whose reset falls into the end of the query's pulses and whose integration
            is the ReLU's conversion; otherwise the ReLU's, meanwhile the query's pulses come and then the
            signed bank is reset.
        quiet: only the other bank's bias.

    Returns:
        (time, s; current, A) in the order of time.
    """
    design, clock = designs.regulator, designs.clocking
    schedule, n, rest = (
        Schedule.single(designs, signed),
        designs.regulator.sub_tiles,
        design.i_idle + design.i_bias / 2,
    )
    if quiet:
        return [(0.0, n * rest), (schedule.end, n * rest)]
    pulses_end = schedule.integrate + clock.t_pulse_max
    if signed:
        # The pulses of the query began t_pulse_max before the end of this reset, less the guard time.
        left = design.i_pulse * (schedule.reset - clock.t_guard) / clock.t_pulse_max
        points = [(0.0, left), (schedule.reset - clock.t_guard, 0.0), (schedule.integrate, 0.0)]
        points += [(schedule.integrate + EDGE, design.i_convert), (pulses_end, design.i_convert)]
        points += [(pulses_end + EDGE, 0.0), (schedule.end, 0.0)]
    else:
        reset = schedule.ramp - clock.t_reset
        fall = design.i_pulse / clock.t_pulse_max

        def pulses(time: float) -> float:
            return max(design.i_pulse - fall * (time - schedule.integrate), 0.0)

        points = [
            (0.0, 0.0),
            (schedule.integrate, 0.0),
            (schedule.integrate + EDGE, pulses(schedule.integrate)),
        ]
        points += [(reset, pulses(reset)), (reset + EDGE, pulses(reset + EDGE) + design.i_reset)]
        points += [(pulses_end, design.i_reset), (schedule.ramp, design.i_reset), (schedule.ramp + EDGE, 0.0)]
        points += [(schedule.end, 0.0)]
    return [(time, n * (rest + amperes)) for time, amperes in points]
