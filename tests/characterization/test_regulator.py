"""Regulator of the supply: its bench against Blackman's formula, and its measurements of known waveforms."""

import numpy as np
import pytest

from gaincell.characterization.measure import pulse_width
from gaincell.characterization.procedure import Context, find
from gaincell.characterization.procedures.regulated_conversion import other_loads
from gaincell.characterization.procedures.regulator import STEP, STEP_END, operation_loads
from gaincell.circuits.errors import SimulationError, TechnologyError
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Schedule, conversion
from gaincell.circuits.testbench.regulated import regulated_conversion
from gaincell.circuits.testbench.regulator import GATE, changing_load, load_sweep, loop_gain, regulators

PROCEDURE = find("regulator")
GENERIC = Technology.load("generic28")
V_IN = 1.2


@pytest.fixture(scope="module")
def ctx():
    return Context(GENERIC)


def rows(ctx, analysis, waves, load="peak"):
    points = PROCEDURE.points(ctx)
    chosen = points[(points["analysis"] == analysis) & (points["v_in"] == V_IN) & (points["load"] == load)]
    return PROCEDURE.measure(ctx, chosen.iloc[:1].reset_index(drop=True), waves).iloc[0]


def test_output_resistance_follows_from_the_loop_gain(ctx):
    """Blackman: resistance with the loop closed = resistance with the loop open / (1 + loop gain)."""
    load = 10e-3
    deck = loop_gain(ctx.condition, V_IN, load)
    gain = -simulate(deck).require()["v(out)"][0].real
    fed = deck.netlist.replace("vfeed feed 0 dc 0 ac 1", "vfeed feed 0 dc 0")
    fed = fed.replace(f"il out 0 {load!r}", f"il out 0 dc {load!r} ac -1")
    assert fed.count(" ac ") == 1
    opened = simulate(type(deck)(fed, end=deck.end)).require()["v(out)"][0].real
    sweep = simulate(load_sweep(ctx.condition, V_IN, 2 * load, steps=40)).require()
    slope = (sweep.at("v(out)", load * 1.05) - sweep.at("v(out)", load * 0.95)) / (0.1 * load)
    assert gain > 100
    assert -slope == pytest.approx(opened / (1 + gain), rel=0.02)


def test_pass_device_carries_the_load_and_the_input_nothing_else(ctx):
    """The input's current is the load's and the bias's, whose resistor and mirror set it."""
    sweep = simulate(load_sweep(ctx.condition, V_IN, 20e-3)).require()
    design = ctx.condition.designs.regulator
    bled = sweep.at("v(out)", [1e-3, 19e-3]) / design.r_bleed
    own = -sweep.at("i(vchip)", [1e-3, 19e-3]) - [1e-3, 19e-3] - bled
    assert own[0] == pytest.approx(own[1], rel=0.01)
    branch = own[0] / (1 + design.w_tail / design.w_diode)
    assert V_IN - branch * design.r_bias == pytest.approx(0.55, abs=0.1)  # the diode's gate voltage


def test_slow_load_is_that_of_the_static_sweep(ctx):
    sweep = simulate(load_sweep(ctx.condition, V_IN, 20e-3)).require()
    loads = [(0.0, 1e-3), (1e-6, 1e-3), (3e-6, 15e-3), (4e-6, 15e-3)]
    slow = simulate(changing_load(ctx.condition, V_IN, loads, 4e-6)).require()
    for time, load in ((0.5e-6, 1e-3), (2e-6, 8e-3), (4e-6, 15e-3)):
        assert slow.at("v(out)", time) == pytest.approx(float(sweep.at("v(out)", load)), abs=0.1e-3)


def test_margin_and_crossover_of_two_poles_are_measured(ctx):
    """T = g / ((1 + jf/p)(1 + jf/r)): f_unity and margin in closed form."""
    gain, p, r = 300.0, 1e5, 5e7
    f = np.logspace(3, 11, 321)
    response = gain / ((1 + 1j * f / p) * (1 + 1j * f / r))
    # |T| = 1: a quadratic in f^2.
    b, c = 1 / p**2 + 1 / r**2, 1 - gain**2
    unity = np.sqrt((-b + np.sqrt(b * b - 4 * c / (p * r) ** 2)) / (2 / (p * r) ** 2))
    margin = 180 - np.degrees(np.arctan(unity / p) + np.arctan(unity / r))
    found = rows(ctx, "loop", Waveforms("AC Analysis", "frequency", f, {"v(out)": -response}))
    assert found["gain"] == pytest.approx(gain, rel=1e-3)
    assert found["f_unity"] == pytest.approx(unity, rel=1e-3)
    assert found["phase_margin"] == pytest.approx(margin, abs=0.1)


def test_loop_without_gain_is_unmeasured(ctx):
    f = np.logspace(3, 11, 9)
    with pytest.raises(SimulationError, match="widen the pass device"):
        rows(ctx, "loop", Waveforms("AC Analysis", "frequency", f, {"v(out)": -0.5 + 0j * f}))


def test_droop_and_settling_of_an_exponential_are_measured(ctx):
    """A fall of 10 mV that decays to 4 mV with 3 ns crosses the band of 2 mV at 3 ns x ln 3."""
    time = np.linspace(0, STEP_END, 50001)
    after = np.clip(time - STEP, 0, None)
    out = np.where(time < STEP, 0.9, 0.896 - 6e-3 * np.exp(-after / 3e-9))
    waves = Waveforms("tran", "time", time, {"v(out)": out, GATE: np.full_like(time, 0.75)})
    found = rows(ctx, "step", waves)
    extremes = (found["v_out"], found["v_low"], found["v_high"])
    assert extremes == pytest.approx((0.9, 0.89, 0.9), abs=1e-5)
    assert found["t_settle"] == pytest.approx(3e-9 * np.log(3), abs=5e-12)
    assert found["v_stress"] == pytest.approx(V_IN - 0.75)


def test_dropout_of_a_corner_is_measured(ctx):
    """Below 1.05 V the output is the input less 0.15 V: 1 % of 0.9 V is lost at 1.041 V."""
    v_in = np.arange(0.9, 1.205, 0.01)
    out = np.minimum(0.9, v_in - 0.15)
    waves = Waveforms("dc", "v-sweep", v_in, {"v(out)": out, GATE: out})
    assert rows(ctx, "drop-out", waves)["v_dropout"] == pytest.approx(0.15, abs=1e-9)


def test_operation_carries_the_charge_of_its_phases(ctx):
    designs = ctx.condition.designs
    time, current = np.array(operation_loads(designs)).T
    assert (np.diff(time) > 0).all()
    design, clock = designs.regulator, designs.clocking
    charge = np.trapezoid(current / design.sub_tiles - design.i_idle, time)
    expected = 2 * design.i_reset * clock.t_reset + design.i_pulse * clock.t_pulse_max / 2
    expected += 2 * design.i_convert * clock.t_pulse_max
    schedule = Schedule.of(designs)
    expected += design.i_bias * (schedule.window_2_end - schedule.wake)
    assert charge == pytest.approx(expected, rel=0.02)
    assert current.max() <= design.sub_tiles * design.i_peak


def test_input_below_the_regulated_supply_is_refused():
    with pytest.raises(TechnologyError, match="set regulator.v_in above it"):
        PROCEDURE.points(Context(GENERIC, designs={"regulator": {"v_in": 0.9}}))


@pytest.mark.parametrize("signed", [False, True])
def test_conversion_on_an_ideal_supply_is_that_of_the_single_bench(ctx, signed):
    condition, charge = ctx.condition, 80e-15
    loads = other_loads(condition.designs, signed, quiet=False)
    deck = regulated_conversion(condition, charge, signed=signed, v_in=None, active=1.0, loads=loads)
    found, alone = (simulate(one).require() for one in (deck, conversion(condition, [charge], signed=signed)))
    widths = [pulse_width(waves, "v(out0)", condition.vdd / 2) for waves in (found, alone)]
    assert widths[0] == pytest.approx(widths[1], abs=1e-3 * condition.designs.clocking.t_pulse_max)
    assert found["v(rail)"].min() == found["v(rail)"].max() == condition.vdd


def test_loads_beside_a_bank_are_those_of_the_other_circuits(ctx):
    designs = ctx.condition.designs
    design, clock = designs.regulator, designs.clocking
    for signed in (False, True):
        time, current = np.array(other_loads(designs, signed, quiet=False)).T
        assert (np.diff(time) > 0).all()
        assert time[-1] == Schedule.single(designs, signed).end
        charge = np.trapezoid(current / design.sub_tiles - design.i_idle - design.i_bias / 2, time)
        left = (clock.t_reset - clock.t_guard) / clock.t_pulse_max
        pulses = design.i_pulse * clock.t_pulse_max / 2 * (left**2 if signed else 1)
        rest = design.i_convert * clock.t_pulse_max if signed else design.i_reset * clock.t_reset
        assert charge == pytest.approx(pulses + rest, rel=0.02)


def test_copies_of_the_regulator_have_the_output_of_one(ctx):
    sweep = simulate(load_sweep(ctx.condition, V_IN, 20e-3)).require()
    copies = simulate(regulators(ctx.condition, V_IN, 10e-3, 2)).require()
    for i in range(2):
        assert copies[f"v(out{i})"][0] == pytest.approx(float(sweep.at("v(out)", 10e-3)), abs=1e-6)


def test_mismatch_of_the_input_pair_is_that_of_its_area():
    """Sigma of a pair: sqrt(2) a_vt / sqrt(w l); the mirror adds to it."""
    context = Context(GENERIC, samples=100, seed=1)
    procedure = find("regulator_mismatch")
    points = procedure.points(context)
    outputs = []
    for batch in procedure.batches(context, points):
        own = points.iloc[batch.index]
        outputs += procedure.measure(context, own, simulate(batch.simulation).require())["v_out"].tolist()
    design = context.condition.designs.regulator
    pair = np.sqrt(2) * GENERIC.devices["nmos_read"].mismatch.a_vt / np.sqrt(design.w_in * design.l_in)
    assert pair < np.std(outputs) < 3 * pair
