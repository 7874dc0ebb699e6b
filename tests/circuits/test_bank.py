"""Banks of converters: rails against the closed form of a loaded ladder, shared reference."""

from dataclasses import replace

import numpy as np
import pytest

from gaincell.characterization.measure import pulse_width
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, Schedule, bank_conversion, conversion
from gaincell.circuits.testbench.bench import close_circuit, open_circuit, supply
from gaincell.circuits.testbench.blocks import rails
from gaincell.circuits.testbench.converters import reference_line

VDD, LOAD = 0.9, 30e-6


@pytest.fixture(scope="module")
def condition():
    return Condition(Technology.load("generic28"))


def with_array(condition, **sizes):
    array = condition.designs.array.model_copy(update=sizes)
    return replace(condition, designs=condition.designs.model_copy(update={"array": array}))


def drops(condition, converters):
    """Drop and lift (V) of every converter of a bank that draws a constant current."""
    circuit = open_circuit("rails", condition)
    supply(circuit, "dd", VDD)
    fed = rails(circuit, "dd", converters, condition.designs.array)
    for i, (high, low) in enumerate(fed):
        circuit.I(str(i), high, low, LOAD)
    names = sorted({name for pair in fed for name in pair} - {circuit.gnd})
    deck = close_circuit(circuit, end=1e-9, save=[f"v({name})" for name in names])
    waves = simulate(deck).require()
    level = {name: float(waves[f"v({name})"][-1]) for name in names}
    return np.array([[VDD - level[high], level[low]] for high, low in fed]).T


@pytest.mark.parametrize("converters", [1, 7, 64])
def test_drop_of_equal_loads_is_a_parabola(condition, converters):
    """n loads in the middles of n pitches, fed at both ends: I r (x (n - x) / 2 + 1 / 8) at the place x."""
    drop, lift = drops(with_array(condition, r_supply=0.5, section=1), converters)
    x = np.arange(converters) + 0.5
    expected = LOAD * 0.5 * (x * (converters - x) / 2 + 1 / 8)
    np.testing.assert_allclose(drop, expected, rtol=1e-4)
    np.testing.assert_allclose(lift, expected, rtol=1e-4)


@pytest.mark.parametrize(("converters", "section"), [(64, 16), (20, 8)])
def test_lumped_sections_have_the_drop_of_their_total_currents(condition, converters, section):
    """Superposition of the loads, each seen through both arms of the rail."""
    drop, _ = drops(with_array(condition, r_supply=0.5, section=section), converters)
    starts = np.arange(0, converters, section)
    lengths = np.minimum(section, converters - starts)
    x = starts + lengths / 2
    seen = np.minimum.outer(x, x) * (converters - np.maximum.outer(x, x)) / converters
    np.testing.assert_allclose(drop, np.repeat(LOAD * 0.5 * seen @ lengths, lengths), rtol=1e-4)


def test_rails_without_resistance_are_the_source_and_ground(condition):
    circuit = open_circuit("rails", condition)
    assert (
        rails(circuit, "dd", 3, with_array(condition, r_supply=0.0).designs.array)
        == [("dd", circuit.gnd)] * 3
    )


@pytest.mark.parametrize("signed", [False, True])
def test_bank_sees_the_drop_of_its_own_currents(condition, signed):
    condition = with_array(condition, r_supply=0.1, section=16)
    design = condition.designs.readout if signed else condition.designs.converter
    full = design.i_ramp * condition.designs.clocking.t_pulse_max
    waves = simulate(bank_conversion(condition, 0.5 * full, signed=signed)).require()
    time = Schedule.single(condition.designs, signed).window + 3e-9
    x = np.arange(8, 64, 16)
    seen = 0.1 * 16 * np.minimum.outer(x, x) * (64 - np.maximum.outer(x, x)) / 64
    for node, source, rest in (("s", "vs", VDD), ("g", "vg", 0.0)):
        drop = np.abs([rest - float(waves.at(f"v({node}{i})", time)) for i in range(4)])
        current = np.array([float(waves.at(f"i({source}{i})", time)) for i in range(4)])
        assert current.min() > 0.5 * design.i_ramp
        np.testing.assert_allclose(drop, seen @ current, rtol=1e-3)


def test_converter_alone_has_the_pulse_of_one_on_an_ideal_supply(condition):
    charge = 250e-15
    plain = simulate(conversion(condition, [charge], signed=False)).require()
    expected = pulse_width(plain, "v(out0)", VDD / 2)
    for r_supply, tolerance in ((0.0, 1e-4), (0.02, 5e-4)):
        deck = bank_conversion(with_array(condition, r_supply=r_supply), charge, signed=False, alone=2)
        width = pulse_width(simulate(deck).require(), "v(out2)", VDD / 2)
        assert width == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("copies", [1, 16])
def test_reference_has_the_resistance_of_the_share_of_its_converters(condition, copies):
    """A converter alone on the line stands for a bank whose converters all draw the same current."""
    circuit = open_circuit("reference", condition)
    reference_line(circuit, with_array(condition, r_ref=2.0, columns=64), copies=copies)
    for i in range(copies):
        circuit.I(str(i), "ref", circuit.gnd, 1e-6)
    waves = simulate(close_circuit(circuit, end=1e-9, save=["v(ref)", "i(vref)"])).require()
    assert 0.45 - float(waves["v(ref)"][-1]) == pytest.approx(64 * 1e-6 * 2.0, rel=1e-6)
    assert -float(waves["i(vref)"][-1]) == pytest.approx(copies * 1e-6, rel=1e-6)
