"""Corners, temperature and supply: conditions, levels that follow the supply, and measurements."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.corners import CONDITION_AXES, condition_at, conditions
from gaincell.characterization.plan import Plan, Values
from gaincell.characterization.procedure import Context, find
from gaincell.characterization.procedures.converter_corners import time_high
from gaincell.characterization.procedures.reset_corners import SETTLING_TOLERANCE, settling_time
from gaincell.circuits.errors import PlanError
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition


def context(corners=("tt",)):
    technology = Technology.load("generic28")
    sections = {name: technology.corners[name] for name in corners}
    return Context(technology.model_copy(update={"corners": sections}))


def run(ctx, name, points):
    """The procedure's rows for some of its points, simulated without a cache."""
    procedure, parts = find(name), []
    for batch in procedure.batches(ctx, points):
        own = points.iloc[list(batch.index)].reset_index(drop=True)
        waves = simulate(batch.simulation).require()
        parts.append(pd.concat([own, procedure.measure(ctx, own, waves)], axis=1))
    return pd.concat(parts, ignore_index=True)


def test_conditions_cross_corners_temperatures_and_supplies():
    table = conditions(Context(Technology.load("generic28")), Values("stored", [0.0, 1.0]))
    assert len(table) == 2 * len(table[CONDITION_AXES].drop_duplicates()) == 2 * 5 * 3 * 3
    assert set(table["corner"]) == {"tt", "ff", "ss", "fs", "sf"}
    assert set(table["temperature"]) == {-40.0, 27.0, 125.0}
    assert sorted(set(table["vdd"])) == pytest.approx([0.81, 0.9, 0.99])


def test_supply_of_a_plan_reaches_circuits_and_manifest():
    plan = Plan(name="low", procedures=("cell_corners",), vdd=0.81, corner="ss")
    condition = Context.of(plan, "cell_corners", Technology.load("generic28")).condition
    assert (condition.vdd, condition.v_mid) == (0.81, 0.405)
    assert condition.describe()["vdd"] == 0.81
    assert Context.of(plan.override(corner="tt"), "x", condition.technology).condition.vdd == 0.81
    with pytest.raises(PlanError, match="vdd: "):
        plan.override(vdd=-1.0)


def test_boosted_and_cascode_levels_follow_the_supply():
    nominal = Condition(Technology.load("generic28"))
    low = replace(nominal, supply=0.81)
    assert nominal.v_write_on == nominal.designs.cell.v_write_on
    assert low.v_write_on - low.vdd == pytest.approx(nominal.v_write_on - nominal.vdd)
    converter = nominal.designs.converter
    assert low.vdd - low.cascode_p(converter) == pytest.approx(nominal.vdd - converter.v_cascode_p)


def waves(time, value):
    return Waveforms("Transient", "time", np.asarray(time, float), {"out": np.asarray(value, float)})


@pytest.mark.parametrize(
    ("value", "seconds", "crossings"),
    [
        ([0, 0, 0, 0, 0, 0], 0.0, 0),
        ([0, 1, 1, 1, 0, 0], 3.0, 2),  # between the half-way points 0.5 and 3.5
        ([0, 1, 0, 0, 1, 0], 2.0, 4),
        ([1, 1, 0, 0, 0, 0], 1.5, 1),  # high from the start
        ([0, 0, 0, 0, 1, 1], 1.5, 1),  # and to the end
    ],
)
def test_time_above_a_threshold_sums_over_pulses(value, seconds, crossings):
    found = time_high(waves(range(6), value), "out", 0.5)
    assert found == (pytest.approx(seconds), crossings)


def test_measured_charge_of_a_linear_cell_matches_the_closed_form():
    """A conductance G in place of the cell: charge G (v - v_mid) T, and no energy without current."""
    ctx = context()
    points = conditions(ctx, Values("stored", [0.0, 0.5, 1.0])).query("vdd == 0.99 and temperature == 27")
    points = points.reset_index(drop=True)
    g, width = 1e-6, ctx.condition.designs.clocking.t_pulse_max
    time = np.array([0.0, 1e-9, 1e-9 + 1e-15, 1e-9 + width, 1e-9 + width + 1e-15, width + 6e-9])
    on = np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    signals = {}
    for i, stored in enumerate(points["stored"]):
        current = g * 0.99 * (stored - 0.5) * on
        signals |= {f"i(vbl{i})": -current, f"i(vdd{i})": np.minimum(current, 0.0)}
        signals[f"v(sn{i})"] = np.full(6, stored * 0.99)
    found = find("cell_corners").measure(ctx, points, Waveforms("Transient", "time", time, signals))
    expected = g * 0.99 * np.array([-0.5, 0.0, 0.5]) * width
    np.testing.assert_allclose(found["q_bl"], expected, rtol=1e-6, atol=1e-24)
    np.testing.assert_allclose(found["e_read"], 0.99 * np.maximum(-expected, 0.0), rtol=1e-6, atol=1e-24)
    np.testing.assert_allclose(found["v_after"], points["stored"] * 0.99)


def test_write_error_is_stored_voltage_minus_target():
    ctx = context()
    points = conditions(
        ctx, Values("write_device", ["cmos"]), Values("before", [0.0]), Values("target", [0.0, 1.0])
    ).query("vdd == 0.81 and temperature == 27")
    signals = {"v(sn0)": np.array([0.4, 0.0]), "v(sn1)": np.array([0.4, 0.812])}
    found = find("write_corners").measure(
        ctx, points.reset_index(drop=True), Waveforms("Transient", "time", np.array([0.0, 1.0]), signals)
    )
    np.testing.assert_allclose(found["error"], [0.0, 0.002], atol=1e-12)


def test_cell_charge_follows_corner_supply_and_temperature():
    """The current rises for a fast corner, a high supply and (above threshold) a low temperature."""
    ctx = context(("tt", "ff", "ss"))
    points = conditions(ctx, Values("stored", [0.0, 1.0]))
    table = run(
        ctx, "cell_corners", points.query("temperature == 27 or corner == 'tt'").reset_index(drop=True)
    )
    span = table[table["stored"] == 1].set_index(CONDITION_AXES)["q_bl"]
    assert span["ss", 27.0, 0.9] < span["tt", 27.0, 0.9] < span["ff", 27.0, 0.9]
    assert span["tt", 27.0, 0.81] < span["tt", 27.0, 0.9] < span["tt", 27.0, 0.99]
    assert span["tt", 125.0, 0.9] < span["tt", 27.0, 0.9] < span["tt", -40.0, 0.9]
    hot = points.query("temperature == 125 and vdd == 0.9").reset_index(drop=True)
    assert condition_at(ctx, hot).temperature == 125.0


def small_signed_charges(ctx):
    charge = np.array([-0.05, 0.05]) * ctx.condition.designs.readout.i_ramp * 15e-9
    points = conditions(ctx, Values("signed", [True]), Values("charge", charge.tolist()))
    points = points.query("temperature == -40 and vdd == 0.81").reset_index(drop=True)
    return run(ctx, "converter_corners", points)


def test_signs_are_correct_at_low_supply_and_temperature():
    """The comparator is slowest there. Powered only 2 ns before the ramp, it gives the latch a wrong sign."""
    table = small_signed_charges(context(("ss",)))
    assert (np.sign(table["t_out"]) == np.sign(table["charge"])).all()
    assert (table["crossings"] == 2).all()
    late = replace(context(("ss",)), designs={"clocking": {"t_wake": 2e-9}})
    wrong = small_signed_charges(late)
    assert (np.sign(wrong["t_out"]) != np.sign(wrong["charge"])).any()


def test_settling_time_of_an_exponential_matches_the_closed_form():
    time = np.linspace(0, 20e-9, 4001)
    error = -0.3 * np.exp(-time / 2e-9)
    assert settling_time(time, error, 0.01) == pytest.approx(2e-9 * np.log(30), rel=1e-3)
    assert settling_time(time, error, 0.5) == 0.0
    assert settling_time(time, np.full_like(time, 0.2), 0.01) == time[-1], "it never does"


def test_designed_reset_settles_at_the_slowest_corner():
    """At ss, -40 C and the nominal supply the residue of both converters is below the limit of 1 %."""
    ctx = context(("tt", "ss"))
    points = conditions(ctx, Values("signed", [False, True]))
    slowest = points[(points["corner"] == "ss") & (points["temperature"] == -40) & (points["vdd"] == 0.9)]
    table = run(ctx, "reset_corners", slowest.reset_index(drop=True))
    assert len(table) == 2
    assert (table["error"].abs() < SETTLING_TOLERANCE).all()
    assert (table["t_settle"] < ctx.condition.designs.clocking.t_reset).all()


def test_reset_is_slower_at_low_supply_and_temperature():
    ctx = context(("tt", "ss"))
    points = conditions(ctx, Values("signed", [True]))
    chosen = (points["corner"] == "tt") & (points["temperature"] == 27) & (points["vdd"] == 0.9)
    chosen |= (points["corner"] == "ss") & (points["temperature"] == -40) & (points["vdd"] == 0.81)
    table = run(ctx, "reset_corners", points[chosen].reset_index(drop=True)).set_index("corner")
    designed = ctx.condition.designs.clocking.t_reset
    assert table.loc["tt", "t_settle"] < designed < table.loc["ss", "t_settle"]
    assert abs(table.loc["tt", "error"]) < 0.01 < abs(table.loc["ss", "error"])
