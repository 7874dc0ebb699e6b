"""Simulated devices of the shipped technologies against the ranges in the header of its library."""

import numpy as np
import pytest

from gaincell.characterization.measure import device_figures
from gaincell.circuits.designs import Designs
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import V_LINEAR, Condition, cell_read, cell_retention, device_transfer

WIDTH = 1e-6


@pytest.fixture(scope="module", params=["generic28", "generic28-ideal-gate"])
def core(request):
    return Technology.load(request.param)


@pytest.fixture(scope="module")
def technology():
    return Technology.load("generic28")


def figures(technology, role, corner="tt", length=30e-9, supply=None):
    condition = Condition(technology, corner=corner, supply=supply)
    waves = simulate(device_transfer(condition, role, [length], WIDTH)).require()
    linear, saturated = (np.abs(waves[f"i(v{region}0)"]) / WIDTH for region in ("lin", "sat"))
    found = device_figures(np.abs(waves.axis), linear, saturated)
    return found | {"dibl": (found["v_th_lin"] - found["v_th_sat"]) / (condition.vdd - V_LINEAR)}


@pytest.mark.parametrize(("role", "on_current"), [("nmos", (600, 900)), ("pmos", (300, 450))])
def test_core_devices_have_the_figures_of_a_28_nm_process(core, role, on_current):
    found = figures(core, role)
    assert on_current[0] <= found["i_on"] <= on_current[1]  # A/m is uA/um
    assert 1e-3 <= found["i_off"] <= 10e-3
    assert 80e-3 <= found["swing"] <= 95e-3
    assert 80e-3 <= found["dibl"] <= 120e-3


@pytest.mark.parametrize("role", ["nmos", "pmos"])
def test_high_threshold_devices_leak_less_than_a_tenth(core, role):
    assert figures(core, f"{role}_hvt")["i_off"] < 0.1 * figures(core, role)["i_off"]


@pytest.mark.parametrize("role", ["nmos", "pmos"])
def test_drive_and_leakage_follow_the_corners(core, role):
    fast, typical, slow = (figures(core, role, corner) for corner in ("ff", "tt", "ss"))
    for name in ("i_on", "i_off"):
        assert fast[name] > typical[name] > slow[name]
    skewed = figures(core, role, "fs")
    assert skewed["i_on"] == pytest.approx((fast if role == "nmos" else slow)["i_on"], rel=1e-6)


IO = [("nmos_read", (500, 650)), ("pmos_read", (200, 300))]


@pytest.mark.parametrize(("role", "on_current"), IO)
def test_thick_oxide_devices_have_the_figures_of_1v8_transistors(technology, role, on_current):
    found = figures(technology, role, length=150e-9, supply=1.8)
    assert on_current[0] <= found["i_on"] <= on_current[1]
    assert 1e-5 <= found["i_off"] <= 1e-4  # 10 to 100 pA/um
    assert 80e-3 <= found["swing"] <= 95e-3
    assert 0 < found["dibl"] < 50e-3


def device_currents(technology, role, v_drain, v_gate, *names, temperature=27.0, gmin=1e-21, length=1e-6):
    """Operating-point quantities of a 1 um wide device, by their BSIM4 names; "ig": current into the gate."""
    sign = 1 if technology.device(role).polarity == "n" else -1
    wanted = ["i(vg)" if name == "ig" else f"@m.x1.m0[{name}]" for name in names]
    kinds = {"igidl": "i({})", "ibd": "i({})", "ad": "v({})", "pd": "v({})"}  # ngspice's names of the results
    found = [kinds.get(name, "{}").format(vector) for name, vector in zip(names, wanted, strict=True)]
    deck = f"""* one device
{technology.header("tt", temperature)}
vd d 0 {sign * v_drain}
vg g 0 {sign * v_gate}
x1 d g 0 0 dev_{role} w=1u l={length!r}
.options gmin={gmin} abstol=1e-24
.op
.save {" ".join(wanted)}
.end
"""
    waves = simulate(Simulation(deck)).require()
    return [abs(float(waves[name][0])) for name in found]


CORE = ["nmos", "pmos", "nmos_hvt", "pmos_hvt"]


@pytest.mark.parametrize("role", CORE)
def test_gate_current_density_is_that_of_a_high_k_gate(technology, role):
    (current,) = device_currents(technology, role, 0.0, 0.9, "ig")
    assert 1e-2 <= current / 1e-8 <= 1  # A/cm2, of 1 um2


@pytest.mark.parametrize("role", ["nmos_read", "pmos_read", "nmos_write", "pmos_write"])
def test_gate_current_density_of_thick_oxide(technology, role):
    (current,) = device_currents(technology, role, 0.0, 0.9, "ig")
    assert 1e-7 <= current / 1e-8 <= 1e-4


@pytest.mark.parametrize("role", CORE)
def test_gidl_of_core_devices(technology, role):
    (current,) = device_currents(technology, role, 0.9, 0.0, "igidl")
    assert 1e-12 <= current <= 1e-10  # A per um
    (beyond,) = device_currents(technology, role, 0.9, -0.2, "igidl")
    assert 3 <= beyond / current <= 30, "a decade in 0.15 to 0.4 V"


@pytest.mark.parametrize("role", ["nmos_write", "pmos_write"])
def test_gidl_of_thick_oxide_devices(technology, role):
    assert device_currents(technology, role, 0.9, 0.0, "igidl")[0] <= 1e-13
    assert 1e-12 <= device_currents(technology, role, 1.8, 0.0, "igidl")[0] <= 1e-10


@pytest.mark.parametrize("role", [*CORE, "nmos_write", "pmos_write"])
def test_junction_current_and_capacitance(technology, role):
    def reverse(**conditions):
        return device_currents(technology, role, 0.9, 0.0, "ibd", **conditions)[0]

    area, perimeter, capacitance = device_currents(technology, role, 0.9, 0.0, "ad", "pd", "capbd")
    assert (area, perimeter) == pytest.approx((80e-15, 2.16e-6))
    assert 0.2e-15 <= capacitance <= 0.8e-15
    assert 1e-18 <= reverse() <= 1e-16
    assert reverse(gmin=1e-24) == pytest.approx(reverse(), rel=1e-3), "gmin of the retention bench"
    # T^3 exp(-Eg / kT) with Eg = 1.1156 eV at 27 C and 1.0993 eV at 85 C.
    growth = (358.15 / 300.15) ** 3 * np.exp(1.1156 / 0.025865 - 1.0993 / 0.030863)
    assert reverse(temperature=85.0) / reverse() == pytest.approx(growth, rel=0.05)


def test_variant_without_gate_leakage_is_otherwise_the_same(technology):
    ideal = Technology.load("generic28-ideal-gate")
    same = {"name", "description", "corners"}
    assert ideal.model_dump(exclude=same) == technology.model_dump(exclude=same)
    for role in ("nmos", "pmos_hvt", "pmos_read"):
        gate, drain = device_currents(ideal, role, 0.9, 0.0, "ig", "igidl")
        assert gate < 1e-20 and drain == 0
    leaky, tight = (figures(found, "nmos") for found in (technology, ideal))
    assert leaky["i_on"] == pytest.approx(tight["i_on"], rel=1e-3)


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


WINDOW_TIME = 1024 * 12 * 65e-9
"""Age of the oldest key of the published window, s: 1,024 tokens, 12 layers of 65 ns."""


def moved(technology, age, corner="tt", temperature=27.0, **cell):
    """Drift of each of the 8 levels at an age (s), in steps, with the bit line at half the supply."""
    condition = Condition(technology, Designs.of(technology, cell=cell), corner, temperature)
    levels = np.linspace(0.0, 0.9, 8)
    waves = simulate(cell_retention(condition, levels, 0.45, 10 * age)).require()
    return np.array([abs(waves.at(f"v(sn{i})", [age])[0] - v) for i, v in enumerate(levels)]) / (0.9 / 7)


@pytest.mark.parametrize("corner", ["tt", "ff", "ss", "fs", "sf"])
@pytest.mark.parametrize("temperature", [27.0, 85.0, 125.0])
def test_default_cell_holds_the_published_window(technology, corner, temperature):
    assert moved(technology, WINDOW_TIME, corner, temperature).max() < 0.5
    if temperature <= 85:
        assert moved(technology, 10 * WINDOW_TIME, corner, temperature).max() < 0.5


def test_oxide_write_device_holds_longer_and_is_limited_by_the_read_gates(technology):
    assert moved(technology, 30e-3, write_device="oxide", temperature=85.0).max() < 0.5
    assert moved(technology, 40e-3, write_device="oxide").max() > 0.5
    ideal = Technology.load("generic28-ideal-gate")
    assert moved(ideal, 1.0, write_device="oxide").max() < 0.05


def test_core_devices_around_the_storage_node_lose_it_in_microseconds(technology):
    core = {f"{c}mos_read": technology.devices[f"{c}mos"] for c in "np"}
    thin = technology.model_copy(update={"devices": technology.devices | core})
    assert moved(thin, 20e-6).max() > 0.5
    high = {f"{c}mos_write": technology.devices[f"{c}mos_hvt"] for c in "np"}
    gidl = technology.model_copy(update={"devices": technology.devices | high})
    small = {"w_wn": 80e-9, "w_wp": 80e-9, "l_w": 60e-9}
    assert moved(gidl, 0.3e-3, **small).max() > 0.5, "its GIDL, at the word line's -0.2 V"


def test_idle_cell_leaks_a_few_picowatts(technology):
    condition = Condition(technology, Designs.of(technology))
    waves = simulate(cell_read(condition, np.linspace(0, 0.9, 8), 1e-9, [0.45] * 8)).require()
    idle = -0.9 * np.array([waves.at(f"i(vdd{i})", [0.5e-9])[0] for i in range(8)])
    idle -= 0.45 * np.array([waves.at(f"i(vbl{i})", [0.5e-9])[0] for i in range(8)])
    assert 0.5e-12 < idle.max() < 6e-12
