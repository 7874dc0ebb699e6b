"""Mismatch: every transistor gets its drawn number, and the wrappers scale it by Pelgrom's law."""

import numpy as np
import pytest

from gaincell.circuits.designs import Designs
from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.mismatch import (
    Transistor,
    require_mismatch,
    standard_normals,
    transistors,
    with_mismatch,
)
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, cell_read, cell_write, conversion

WIDTH, LENGTH = 200e-9, 500e-9
AREA_ROOT = (WIDTH * LENGTH) ** 0.5


@pytest.fixture(scope="module")
def technology():
    return Technology.load("generic28")


def probes(technology, role, copies):
    """Transistors that carry 20 nA (5 nA for p) at a drain voltage of about 0.45 V. An ideal amplifier sets
    v(g<i>), so that a threshold shift appears there unchanged."""
    sign, current = (1, 20e-9) if role.startswith("n") else (-1, 5e-9)
    deck = ["* probes", technology.header("tt"), ".subckt inner g d", "* nested, to be found below"]
    deck += [f"xm d g 0 0 dev_{role} w={WIDTH!r} l={LENGTH!r}", ".ends inner"]
    deck += [".subckt probe g d", "xin g d inner", ".ends probe", f"vref ref 0 {sign * 0.45!r}"]
    for i in range(copies):
        deck += [f"xp{i} g{i} d{i} probe", f"i{i} 0 d{i} {sign * current!r}", f"eg{i} g{i} 0 d{i} ref 1e4"]
    deck += [".save " + " ".join(f"v(g{i})" for i in range(copies)), ".op", ".end"]
    return Simulation("\n".join(deck) + "\n")


def gates(simulation, copies):
    waves = simulate(simulation).require()
    return np.array([waves[f"v(g{i})"][0] for i in range(copies)])


@pytest.fixture(scope="module")
def raised(technology, tmp_path_factory):
    """The technology with 10 mV more (signed) threshold in every card."""
    library = tmp_path_factory.mktemp("raised") / "raised.lib"
    text = technology.library.read_text()
    library.write_text(text.replace("g28_dvth_n=0 g28_dvth_p=0", "g28_dvth_n=0.01 g28_dvth_p=-0.01"))
    return technology.model_copy(update={"library": library})


@pytest.mark.parametrize("role", ["nmos", "pmos_hvt"])
def test_threshold_shift_equals_the_drawn_number_times_sigma(technology, raised, role):
    copies = 400
    simulation = probes(technology, role, copies)
    devices = transistors(simulation.netlist, "probe")
    assert devices == (Transistor("xin.xm", role),)
    normals = standard_normals(3, "probe", devices, copies)
    normals[:, :, 1] = 0
    nominal = gates(simulation, copies)
    shift = gates(with_mismatch(simulation, "probe", normals), copies) - nominal
    sigma = technology.mismatch.a_vt / AREA_ROOT
    # The mobility of the cards falls with the threshold, so 10 mV of it need slightly more at the gate.
    gain = (gates(probes(raised, role, 1), 1) - nominal[:1])[0] / 0.01
    assert gain == pytest.approx(1, abs=0.1)
    assert shift / gain == pytest.approx(normals[:, 0, 0] * sigma, abs=0.02 * sigma)
    # The standard error of the standard deviation of 400 draws is 3.5 %.
    assert shift.std() / gain == pytest.approx(sigma, rel=4 * 0.035)


def test_mobility_scales_the_current(technology):
    """In deep triode the current is proportional to the mobility, except for the series resistance."""
    deck = ["* triode", technology.header("tt"), ".subckt probe d", "xm d g 0 0 dev_nmos w=200n l=2u"]
    deck += ["vg g 0 0.9", ".ends probe", *(f"v{i} d{i} 0 1m\nxp{i} d{i} probe" for i in range(3))]
    deck += [".save i(v0) i(v1) i(v2)", ".op", ".end"]
    simulation = Simulation("\n".join(deck) + "\n")
    normals = np.array([[[0.0, z]] for z in (0.0, 3.0, -3.0)])
    waves = simulate(with_mismatch(simulation, "probe", normals)).require()
    current = np.array([waves[f"i(v{i})"][0] for i in range(3)])
    expected = 3 * technology.mismatch.a_beta / (200e-9 * 2e-6) ** 0.5
    assert current[1:] / current[0] - 1 == pytest.approx([expected, -expected], rel=0.05)


def test_oxide_write_device_takes_a_threshold_shift(technology):
    cell = Designs().cell.model_copy(update={"write_device": "oxide", "v_write_on": 0.9})
    condition = Condition(technology, Designs(cell=cell))
    simulation = cell_write(condition, [0.9, 0.9], [0.0, 0.0])
    devices = transistors(simulation.netlist, "gain_cell_oxide")
    assert devices[0] == Transistor("xw", "oxide")
    normals = np.zeros((2, len(devices), 2))
    # The word line does not reach 0.9 V + threshold, so the node charges until the device cuts off.
    normals[1, 0, 0] = 3.0
    waves = simulate(with_mismatch(simulation, "gain_cell_oxide", normals)).require()
    shift = waves["v(sn0)"][-1] - waves["v(sn1)"][-1]
    assert shift == pytest.approx(3 * technology.mismatch.a_vt / (cell.w_ox * cell.l_ox) ** 0.5, rel=0.2)


def test_zero_deviations_change_nothing(technology):
    simulation = cell_read(Condition(technology), [0.0, 0.4, 0.9], 15e-9, [0.45] * 3)
    devices = transistors(simulation.netlist, "gain_cell")
    varied = with_mismatch(simulation, "gain_cell", np.zeros((3, len(devices), 2)))
    before, after = (simulate(s).require() for s in (simulation, varied))
    assert np.array_equal(before["i(vbl2)"], after["i(vbl2)"])


def test_every_transistor_of_a_nested_circuit_gets_its_parameters(technology):
    """Four levels of sub-circuits, some of which occur several times."""
    simulation = conversion(Condition(technology), [200e-15], signed=False)
    devices = transistors(simulation.netlist, "charge_to_pulse")
    paths = [device.path for device in devices]
    assert len(set(paths)) == len(paths) == 29
    assert {"xrst.xn", "xcmp.xz.xp", "xcmp.xi2.xn", "xcmp.xi5.xn", "xramp.xsrc"} <= set(paths)
    normals = np.arange(2.0 * len(devices)).reshape(1, len(devices), 2) + 1
    netlist = with_mismatch(simulation, "charge_to_pulse", normals).netlist
    instance = next(line for line in netlist.splitlines() if line.startswith("Xconv0"))
    assert f"zvt_xcmp_xi5_xn={float(2 * paths.index('xcmp.xi5.xn') + 1)!r}" in instance
    source = netlist[netlist.index(".subckt comparator_varied") :]
    handed = next(line for line in source.splitlines() if line.startswith("xi5"))
    assert handed.endswith("inv_varied x=1 zvt_xn={zvt_xi5_xn} zmu_xn={zmu_xi5_xn} "
                           "zvt_xp={zvt_xi5_xp} zmu_xp={zmu_xi5_xp}")  # fmt: skip


def test_draws_are_equal_for_all_designs_and_sample_counts():
    six = [Transistor(p, "nmos") for p in ("xwn", "xwp", "xread.xrn", "xread.xrp")]
    other = [Transistor(p, "nmos") for p in ("xw", "xread.xrn")]
    long, short = standard_normals(7, "cell", six, 50), standard_normals(7, "cell", other, 20)
    assert np.array_equal(long[:20, 2], short[:, 1])
    assert np.array_equal(standard_normals(7, "cell", six, [40, 3]), long[[40, 3]])
    assert not np.array_equal(standard_normals(8, "cell", six, 50), long)
    assert not np.array_equal(standard_normals(7, "converter", six, 50), long)


def test_shift_scales_with_the_inverse_root_of_the_area(technology):
    normals = standard_normals(3, "probe", [Transistor("xin.xm", "nmos")], 5)
    normals[:, :, 1] = 0
    shifts = []
    for scale in (1, 4):
        text = probes(technology, "nmos", 5).netlist.replace(f"l={LENGTH!r}", f"l={LENGTH * scale!r}")
        simulation = Simulation(text)
        shifts.append(gates(with_mismatch(simulation, "probe", normals), 5) - gates(simulation, 5))
    assert shifts[0] == pytest.approx(2 * shifts[1], rel=0.02)


def test_wrong_shapes_and_names_are_refused(technology):
    simulation = cell_read(Condition(technology), [0.1, 0.2], 15e-9, [0.45] * 2)
    with pytest.raises(ValueError, match=r"\(2, 6, 2\) for 2 copies of gain_cell with 6 transistors"):
        with_mismatch(simulation, "gain_cell", np.zeros((3, 6, 2)))
    with pytest.raises(ValueError, match="no sub-circuit 'nosuch'"):
        transistors(simulation.netlist, "nosuch")


def test_device_without_a_threshold_parameter_is_refused(technology):
    plain = technology.device("nmos").model_copy(update={"threshold_shift": None})
    bare = technology.model_copy(update={"devices": {**technology.devices, "nmos": plain}})
    require_mismatch(bare, [Transistor("xp", "pmos")])
    with pytest.raises(TechnologyError, match="nmos names no threshold_shift"):
        require_mismatch(bare, [Transistor("xn", "nmos")])


@pytest.mark.parametrize("name", ["freepdk45", "gf180mcu"])
def test_foundry_models_apply_threshold_and_mobility_deviations(name):
    """A threshold shift has the same effect on the current as the opposite change of the gate voltage."""
    try:
        kit = Technology.load(name)
    except TechnologyError as error:
        pytest.skip(str(error))
    device, vdd = kit.device("nmos"), kit.vdd
    width, length = 10 * device.w_min, 4 * device.l_min
    sigma = kit.mismatch.a_vt / (width * length) ** 0.5
    deck = ["* three gates", kit.header("tt"), ".subckt probe d g"]
    deck += [f"xm d g 0 0 dev_nmos w={width!r} l={length!r}", ".ends probe"]
    for i, gate in enumerate((0.5 * vdd, 0.5 * vdd, 0.5 * vdd, 0.5 * vdd - 3 * sigma)):
        deck += [f"vd{i} d{i} 0 {vdd!r}", f"vg{i} g{i} 0 {gate!r}", f"xp{i} d{i} g{i} probe"]
    deck += [".save " + " ".join(f"i(vd{i})" for i in range(4)), ".op", ".end"]
    normals = np.array([[[0.0, 0.0]], [[3.0, 0.0]], [[0.0, 3.0]], [[0.0, 0.0]]])
    waves = simulate(with_mismatch(Simulation("\n".join(deck) + "\n"), "probe", normals)).require()
    nominal, shifted, faster, lower = (-waves[f"i(vd{i})"][0] for i in range(4))
    assert nominal - shifted == pytest.approx(nominal - lower, rel=0.2)
    scale = 3 * kit.mismatch.a_beta / (width * length) ** 0.5
    assert faster / nominal - 1 == pytest.approx(scale, rel=0.35)
