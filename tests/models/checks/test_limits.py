"""The offset of a converter's pulses, and the delay of its window that cancels it."""

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import Context, find
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.models.checks.limits import window_skews

T_MAX, FULL = 15e-9, 372e-15


def converter_table(relu, positive, negative, t_max=T_MAX):
    """Straight converters with these offsets, s."""
    charge = np.linspace(-0.95, 0.95, 39) * FULL
    width = charge / FULL * t_max
    unsigned = np.maximum(width + relu, 0) * (charge > 0)
    signed = np.where(charge > 0, width + positive, width - negative)
    tables = [
        pd.DataFrame({"signed": s, "charge": charge, "t_out": t})
        for s, t in ((False, unsigned), (True, signed))
    ]
    return pd.concat(tables, ignore_index=True)


def designs(relu, signed):
    return {"clocking": {"t_pulse_max": T_MAX}, "converter": {"t_skew": relu}, "readout": {"t_skew": signed}}


def test_known_offsets_give_the_skews_that_cancel_them():
    relu, signed = window_skews(converter_table(4e-10, 2e-10, 6e-10), designs(1e-10, 5e-10))
    assert (relu.design, signed.design) == ("converter", "readout")
    assert relu.offset == pytest.approx(4e-10, rel=1e-6)
    assert relu.to_set == pytest.approx(5e-10, rel=1e-6)
    assert signed.offset == pytest.approx(4e-10, rel=1e-6), "mean of the polarities"
    assert signed.to_set == pytest.approx(9e-10, rel=1e-6)
    assert not relu.small and not signed.small


def test_window_cannot_open_before_the_ramp_starts():
    (relu, _) = window_skews(converter_table(-5e-10, 0, 0), designs(2e-10, 0))
    assert relu.to_set == 0.0


@pytest.mark.parametrize(
    ("offset", "small"), [(1.4e-10, True), (-1.4e-10, True), (1.6e-10, False), (-1.6e-10, False)]
)
def test_offset_is_small_below_one_percent_of_a_full_pulse(offset, small):
    assert [
        skew.small for skew in window_skews(converter_table(offset, offset, offset), designs(1e-9, 1e-9))
    ] == [
        small,
        small,
    ]


def simulated(skews):
    """Successful rows of `converter` at the nominal condition with these `t_skew`, and the sizes."""
    plan = Plan(
        name="skew",
        procedures=("converter",),
        designs={name: {"t_skew": skew} for name, skew in skews.items()},
    )
    context = Context.of(plan, "", Technology.load("generic28"))
    procedure, tables = find("converter"), []
    points = procedure.points(context)
    relative = points["charge"].abs() / points.groupby("signed")["charge"].transform("max")
    points = points[~points["held_out"] & relative.between(0.2, 0.6)].iloc[::3].reset_index(drop=True)
    for batch in procedure.batches(context, points):
        own = points.iloc[list(batch.index)].reset_index(drop=True)
        waves = simulate(batch.simulation).require()
        tables.append(own.join(procedure.measure(context, own, waves)))
    return pd.concat(tables, ignore_index=True), context.condition.describe()["designs"]


def test_skew_to_set_cancels_the_offset_of_the_simulated_converters():
    before = window_skews(*simulated({"converter": 0.1e-9, "readout": 1.4e-9}))
    assert not any(skew.small for skew in before)
    after = window_skews(*simulated({skew.design: skew.to_set for skew in before}))
    for skew in after:
        assert abs(skew.offset) < 2e-3 * skew.t_pulse_max
