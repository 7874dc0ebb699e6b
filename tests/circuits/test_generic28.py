"""Simulated devices of the shipped technology against the ranges in the header of its library."""

import numpy as np
import pytest

from gaincell.characterization.measure import device_figures
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import V_LINEAR, Condition, device_transfer

WIDTH = 1e-6


@pytest.fixture(scope="module")
def technology():
    return Technology.load("generic28")


def figures(technology, role, corner="tt", length=30e-9):
    waves = simulate(device_transfer(Condition(technology, corner=corner), role, [length], WIDTH)).require()
    linear, saturated = (np.abs(waves[f"i(v{region}0)"]) / WIDTH for region in ("lin", "sat"))
    found = device_figures(np.abs(waves.axis), linear, saturated)
    return found | {"dibl": (found["v_th_lin"] - found["v_th_sat"]) / (technology.vdd - V_LINEAR)}


@pytest.mark.parametrize(("role", "on_current"), [("nmos", (600, 900)), ("pmos", (300, 450))])
def test_core_devices_have_the_figures_of_a_28_nm_process(technology, role, on_current):
    found = figures(technology, role)
    assert on_current[0] <= found["i_on"] <= on_current[1]  # A/m is uA/um
    assert 1e-3 <= found["i_off"] <= 10e-3
    assert 80e-3 <= found["swing"] <= 95e-3
    assert 80e-3 <= found["dibl"] <= 120e-3


@pytest.mark.parametrize("role", ["nmos", "pmos"])
def test_high_threshold_devices_leak_less_than_a_tenth(technology, role):
    assert figures(technology, f"{role}_hvt")["i_off"] < 0.1 * figures(technology, role)["i_off"]


@pytest.mark.parametrize("role", ["nmos", "pmos"])
def test_drive_and_leakage_follow_the_corners(technology, role):
    fast, typical, slow = (figures(technology, role, corner) for corner in ("ff", "tt", "ss"))
    for name in ("i_on", "i_off"):
        assert fast[name] > typical[name] > slow[name]
    skewed = figures(technology, role, "fs")
    assert skewed["i_on"] == pytest.approx((fast if role == "nmos" else slow)["i_on"], rel=1e-6)


def oxide_current(technology, v_gate, temperature=27.0, width=1e-6):
    """Drain current (A) of the oxide device at 0.9 V between drain and source."""
    deck = f"""* oxide device
{technology.header("tt", temperature)}
vd d 0 0.9
vg g 0 {v_gate}
x1 d g 0 0 dev_oxide w={width} l=60n
.options gmin=1e-24 abstol=1e-24
.dc vd 0.9 0.95 0.05
.save i(vd)
.end
"""
    return -simulate(Simulation(deck, end=0.95)).require()["i(vd)"][0]


def test_oxide_device_follows_its_equation(technology):
    # i = k (ln^2(1 + e^((vgs - vth)/(2 n vt))) - ln^2(1 + e^((vgd - vth)/(2 n vt)))), k = 2 n mu cox vt^2 w/l
    n, mobility, c_ox, threshold, thermal = 1.35, 15e-4, 0.014, 0.3, 0.025865
    k = 2 * n * mobility * c_ox * thermal**2 * 1e-6 / 60e-9

    def forward(v):
        return np.log1p(np.exp((v - threshold) / (2 * n * thermal))) ** 2

    for v_gate in (0.0, 0.4, 1.0, 1.8):
        expected = k * (forward(v_gate) - forward(v_gate - 0.9))
        assert oxide_current(technology, v_gate) == pytest.approx(expected, rel=1e-4)


def test_oxide_leakage_equals_its_parameter(technology):
    # Far below threshold only the leakage parameter counts: 1e-14 S/m of width, activation energy 0.3 eV.
    assert oxide_current(technology, -1.5) == pytest.approx(1e-14 * 1e-6 * 0.9, rel=1e-3)
    hot = oxide_current(technology, -2.0, temperature=85.0)
    activation = np.exp(0.3 / 0.025865 * (1 - 300.15 / 358.15))
    assert hot == pytest.approx(1e-14 * 1e-6 * 0.9 * activation, rel=1e-3)
