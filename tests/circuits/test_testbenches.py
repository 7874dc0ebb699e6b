"""The testbenches against closed forms and against each other."""

import re
from dataclasses import replace

import numpy as np
import pytest

from gaincell.characterization.measure import energy, pulse_width
from gaincell.circuits.designs import OXIDE_CELL, Designs
from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import (
    Condition,
    ReadTiming,
    Schedule,
    cell_read,
    cell_retention,
    cell_write,
    chain,
    column,
    conversion,
    device_transfer,
    row_drive,
)

T_MAX = 15e-9


@pytest.fixture(scope="module")
def condition():
    return Condition(Technology.load("generic28"))


def read_charge(condition, v_store, t_pulse=T_MAX, v_bl=0.45):
    waves = simulate(cell_read(condition, v_store, t_pulse, [v_bl] * len(v_store))).require()
    return np.array(
        [-waves.integrate(f"i(vbl{i})", 0.5e-9, ReadTiming(t_pulse).end) for i in range(len(v_store))]
    )


def test_cell_sinks_above_mid_supply_and_sources_below(condition):
    low, middle, high = read_charge(condition, [0.0, 0.45, 0.9])
    assert low < -20e-15
    assert high > 20e-15
    assert abs(middle) < 0.02 * high


def test_charge_is_linear_in_pulse_width(condition):
    charge = np.array([read_charge(condition, [0.1, 0.8], t) for t in (2e-9, 4e-9, 8e-9)])
    slopes = np.diff(charge, axis=0) / np.array([[2e-9], [4e-9]])
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-4)


def test_cell_without_a_pulse_takes_no_charge(condition):
    assert np.abs(read_charge(condition, [0.0, 0.9], t_pulse=0.0)).max() < 1e-18


@pytest.mark.parametrize("overrides", [{}, OXIDE_CELL], ids=["cmos", "oxide"])
def test_write_is_independent_of_the_stored_voltage(condition, overrides):
    designs = condition.designs.model_copy(
        update={"cell": condition.designs.cell.model_copy(update=overrides)}
    )
    target = [0.0, 0.45, 0.9]
    waves = simulate(cell_write(replace(condition, designs=designs), target, [0.9, 0.0, 0.0])).require()
    np.testing.assert_allclose([waves[f"v(sn{i})"][-1] for i in range(3)], target, atol=7e-3)


def test_retention_is_independent_of_gmin(condition):
    aged = [
        simulate(cell_retention(condition, [0.2, 0.7], 0.0, 0.1, gmin=gmin)).require()
        for gmin in (1e-20, 1e-23)
    ]
    for node in ("v(sn0)", "v(sn1)"):
        first, second = (waves[node][-1] for waves in aged)
        assert abs(first - waves_start(aged[0], node)) > 5e-3
        assert abs(first - second) < 1e-5


def waves_start(waves, node):
    return waves[node][0]


def test_retention_of_a_known_leak_is_exponential(condition, tmp_path):
    """With a leakage far above that of the transistors the cell is an RC circuit with a known decay."""
    shipped = condition.technology
    text = shipped.library.read_text().replace("g_leak=1e-14", "g_leak=1e-5")
    assert text != shipped.library.read_text()
    (tmp_path / "generic28.lib").write_text(text)
    (tmp_path / "leaky.toml").write_text((shipped.library.parent / "generic28.toml").read_text())
    cell = condition.designs.cell.model_copy(update=OXIDE_CELL)
    designs = condition.designs.model_copy(update={"cell": cell})
    leaky = Condition(Technology.load(tmp_path / "leaky.toml"), designs)
    waves = simulate(cell_retention(leaky, [0.9], 0.3, 20e-3)).require()
    deviation = waves["v(sn0)"] - 0.3
    late = waves.axis > 1e-3
    tau = -1 / np.polyfit(waves.axis[late], np.log(deviation[late]), 1)[0]
    # The storage capacitor plus a few femtofarads of gates and junctions, against 1e-5 S/m x the width.
    assert cell.c_store < tau * 1e-5 * cell.w_ox < cell.c_store + 4e-15
    line = np.polyval(np.polyfit(waves.axis[late], np.log(deviation[late]), 1), waves.axis[late])
    np.testing.assert_allclose(np.log(deviation[late]), line, atol=0.01)


def test_charge_moves_the_integration_node_by_q_over_c(condition):
    charge = [40e-15, 200e-15]
    waves = simulate(conversion(condition, charge, signed=False)).require()
    schedule = Schedule.single(condition.designs, signed=False)
    for i, q in enumerate(charge):
        before, after = (
            waves.at(f"v(int{i})", t) for t in (schedule.integrate - 2e-10, schedule.ramp - 2e-10)
        )
        # The coupling capacitor of the comparator adds to the 1.7 pF.
        assert (before - after) == pytest.approx(q / condition.designs.converter.c_int, rel=0.02)


def test_pulse_width_is_charge_over_ramp_current(condition):
    charge = np.array([-50e-15, 100e-15, 250e-15, 500e-15])
    waves = simulate(conversion(condition, charge, signed=False)).require()
    width = [pulse_width(waves, f"v(out{i})", 0.45) for i in range(4)]
    expected = np.clip(charge / condition.designs.converter.i_ramp, 0, T_MAX)
    np.testing.assert_allclose(width, expected, atol=0.005 * T_MAX)
    assert width[0] == 0.0


def test_signed_converter_reports_sign_and_width(condition):
    charge = [-100e-15, 100e-15]
    waves = simulate(conversion(condition, charge, signed=True)).require()
    assert waves["v(sign0)"][-1] < 0.1 < 0.8 < waves["v(sign1)"][-1]
    width = [pulse_width(waves, f"v(out{i})", 0.45) for i in range(2)]
    np.testing.assert_allclose(width, 100e-15 / condition.designs.readout.i_ramp, atol=0.01 * T_MAX)


def test_column_with_one_pulse_equals_one_cell(condition):
    stored, width = np.full(64, 0.45), np.zeros(64)
    stored[5], width[5] = 0.9, T_MAX
    waves = simulate(column(condition, stored, width, signed=False)).require()
    expected = read_charge(condition, [0.9])[0] / condition.designs.converter.i_ramp
    assert pulse_width(waves, "v(out)", 0.45) == pytest.approx(expected, abs=0.01 * T_MAX)
    assert energy(waves, "ddc", 0.9) > 0


def test_row_driver_outputs_both_polarities_at_full_width(condition):
    waves = simulate(row_drive(condition, 5e-9, 16)).require()
    assert pulse_width(waves, "v(far)", 0.45) == pytest.approx(5e-9, abs=0.1e-9)
    assert waves["v(farb)"][0] > 0.85
    assert waves.at("v(farb)", 4e-9) < 0.05
    assert waves.at("v(far)", 4e-9) > 0.85


def test_chain_computes_the_signs_of_a_small_attention(condition):
    """Two keys with positive and one with a negative product; equal values for the first two."""
    query = np.full(8, T_MAX)
    key = np.column_stack([np.full(8, 0.9), np.full(8, 0.8), np.full(8, 0.0)])
    value = np.array([[0.9, 0.0], [0.9, 0.0], [0.0, 0.9]])
    waves = simulate(chain(condition, query, key, value)).require()
    phi = [pulse_width(waves, f"v(phi{t})", 0.45) for t in range(3)]
    assert phi[0] > phi[1] > 0.3 * T_MAX
    assert phi[2] == 0.0
    read = Schedule.of(condition.designs).ramp_2
    assert waves.at("v(sign0)", read) > 0.8
    assert waves.at("v(sign1)", read) < 0.1
    assert all(pulse_width(waves, f"v(out{d})", 0.45) > 1e-9 for d in range(2))


def test_phase_durations_add_up_to_the_operation():
    schedule = Schedule.of(Designs())
    assert sum(seconds for _, seconds in schedule.phases) == pytest.approx(schedule.end)


def test_unknown_sizes_are_refused_with_their_path():
    technology = Technology.load("generic28")
    with pytest.raises(TechnologyError, match=r"designs\.cell\.c_stor: there is no such size"):
        Designs.of(technology, cell={"c_stor": 1e-15})
    with pytest.raises(TechnologyError, match=r"designs\.cell: .*must exceed v_write_off"):
        Designs.of(technology, cell={"v_write_on": -1.0})


def test_word_line_delay_is_that_of_its_distributed_wire(condition):
    """The far end of a distributed RC line reaches half of a step after 0.38 R C (Elmore, 50 %)."""
    array = condition.designs.array.model_copy(update={"r_wire": 2000.0, "c_wire": 2e-15, "section": 4})
    slow = replace(condition, designs=condition.designs.model_copy(update={"array": array}))
    waves = simulate(row_drive(slow, 20e-9, 64)).require()
    near, far = (waves.axis[np.argmax(waves[name] > 0.45)] for name in ("v(row)", "v(far)"))
    # Gates add to the wire's 2 fF per cell, so the wire alone gives a lower bound.
    wire = 0.38 * (64 * 2000.0) * (64 * 2e-15)
    assert wire < far - near < 1.5 * wire


def test_idle_comparators_draw_no_current(condition):
    waves = simulate(conversion(condition, [100e-15], signed=False)).require()
    schedule = Schedule.single(condition.designs, signed=False)
    resetting = -waves.integrate("i(vdd0)", 2e-9, 6e-9) / 4e-9
    waiting = -waves.integrate("i(vdd0)", schedule.integrate + 4e-9, schedule.integrate + 8e-9) / 4e-9
    assert resetting > 5e-6
    assert waiting < 0.02 * resetting


TIGHT = "reltol=1e-5 abstol=1e-12 vntol=1e-8 chgtol=1e-18 gmin=1e-15 method=trap"


@pytest.mark.slow
@pytest.mark.parametrize("signed", [False, True], ids=["relu", "signed"])
def test_column_converges_at_tight_tolerances_to_the_same_pulse(condition, signed):
    rng = np.random.default_rng(1)
    for charge in (0.3, 0.7):
        v_store = rng.uniform(0.45, 0.9, 16)
        t_pulse = rng.uniform(0, 2 * charge * T_MAX, 16).clip(0, T_MAX)
        bench = column(condition, v_store, t_pulse, signed=signed)
        tight = replace(bench, netlist=re.sub(r"\.options .*", f".options {TIGHT}", bench.netlist))
        runs = (simulate(deck, retry=False).require() for deck in (bench, tight))
        found, expected = (pulse_width(waves, "v(out)", 0.45) for waves in runs)
        assert expected > 0.05 * T_MAX
        assert found == pytest.approx(expected, abs=3e-4 * T_MAX)


def test_resistance_of_a_shared_bias_line_delays_its_converters(condition):
    """A bank's ramps start together and pull the line."""
    charge = [0.5 * condition.designs.converter.i_ramp * T_MAX]
    widths = []
    for r_bias in (1e-3, 30.0, 100.0):
        array = condition.designs.array.model_copy(update={"r_bias": r_bias})
        own = replace(condition, designs=condition.designs.model_copy(update={"array": array}))
        waves = simulate(conversion(own, charge, signed=False)).require()
        widths.append(pulse_width(waves, "v(out0)", 0.45))
    ideal, some, more = widths
    assert 1e-3 * T_MAX < some - ideal < 5e-3 * T_MAX
    assert 1.5 < (more - ideal) / (some - ideal) < 3.4


BANKS = [("tt", 27.0, 0.9), ("ss", -40.0, 0.81), ("sf", 125.0, 0.81)]


@pytest.mark.slow
@pytest.mark.parametrize(("corner", "temperature", "vdd"), BANKS)
def test_a_converter_alone_in_its_bank_is_that_of_a_bank_in_which_all_convert(corner, temperature, vdd):
    """Single-converter decks have the bias of a whole bank, of which one ramp starts instead of all."""
    technology = Technology.load("generic28")
    condition = Condition(technology, Designs.of(technology), corner, temperature, vdd)
    charge = 0.25 * condition.designs.converter.i_ramp * T_MAX
    widths = []
    for copies in (1, condition.designs.array.columns):
        waves = simulate(conversion(condition, [charge] * copies, signed=False)).require()
        widths.append(pulse_width(waves, "v(out0)", vdd / 2))
    assert widths[1] == pytest.approx(widths[0], abs=5e-3 * T_MAX)


@pytest.mark.parametrize("vdd", [0.9, 0.875, 0.81])
def test_gate_sweep_ends_at_the_supply(vdd):
    """0.875 V is no multiple of 10 mV."""
    condition = Condition(Technology.load("generic28"), supply=vdd)
    for role, sign in (("nmos", 1), ("pmos", -1)):
        waves = simulate(device_transfer(condition, role, [30e-9])).require()
        assert waves.axis[-1] == pytest.approx(sign * vdd)
        assert abs(waves.axis[1]) <= 0.01 + 1e-12
