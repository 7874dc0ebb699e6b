"""Technologies: loading, errors with a remedy, wrappers against bare devices, the digest."""

import shutil

import numpy as np
import pytest

from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.technology import Technology, kits, technologies


def current(technology, instance, *, corner="tt", temperature=None, bare="", volts=0.9):
    """Drain current (A) of one instance `<name> d g 0 0 ...` at `volts` on gate and drain."""
    netlist = (
        f"* one device\n{technology.header(corner, temperature)}"
        f"vd d 0 {volts}\nvg g 0 {volts}\n{instance}\n{bare}\n.op\n.save i(vd)\n.end\n"
    )
    return -simulate(Simulation(netlist)).require()["i(vd)"][0]


def test_wrapper_has_the_current_of_the_bare_device(tiny_technology):
    technology = Technology.load(tiny_technology)
    bare = current(technology, "m1 d g 0 0 tiny_n w=200n l=100n")
    wrapped = current(technology, "x1 d g 0 0 dev_nmos w=200n l=100n")
    # Level 1 in saturation: KP/2 W/L (Vgs - Vt)^2 (1 + lambda Vds)
    assert wrapped == pytest.approx(150e-6 * 2 * 0.6**2 * 1.09, rel=1e-3)
    assert wrapped == pytest.approx(bare, rel=1e-9)


@pytest.mark.parametrize("role", ["nmos", "oxide"])
def test_multiplier_counts_once(tiny_technology, role):
    technology = Technology.load(tiny_technology)
    one = current(technology, f"x1 d g 0 0 dev_{role} w=200n l=100n")
    three = current(technology, f"x1 d g 0 0 dev_{role} w=200n l=100n m=3")
    assert three == pytest.approx(3 * one, rel=1e-6)


def test_deviations_act_only_where_the_model_has_parameters():
    technology = Technology.load("generic28")
    plain = technology.device("nmos").model_copy(update={"threshold_shift": None, "mobility_scale": None})
    instance = "x1 d g 0 0 dev_nmos w=1u l=100n"
    nominal, shifted, faster = (current(technology, f"{instance} {z}") for z in ("", "zvt=9", "zmu=3"))
    assert shifted < 0.95 * nominal
    assert 1.01 * nominal < faster < 1.11 * nominal
    bare = technology.model_copy(update={"devices": {**technology.devices, "nmos": plain}})
    assert current(bare, instance) == current(bare, f"{instance} zvt=9 zmu=3") == nominal


def test_read_transistors_are_the_core_devices_unless_the_technology_names_others(tiny_technology):
    technology = Technology.load(tiny_technology)
    core = current(technology, "x1 d g 0 0 dev_nmos w=200n l=100n")
    assert current(technology, "x1 d g 0 0 dev_nmos_read w=200n l=100n") == core
    tiny_technology.write_text(
        tiny_technology.read_text()
        + """[devices.nmos_read]
model = "tiny_switch"
kind = "subckt"
polarity = "n"
l_min = 60e-9
w_min = 60e-9
ports = ["d", "g", "s"]
"""
    )
    named = Technology.load(tiny_technology)
    # The switch conducts w/l x 1e-4 A/V x V(gate): 0.9 V on its gate
    assert current(named, "x1 d g 0 0 dev_nmos_read w=200n l=100n") == pytest.approx(1.8e-4, rel=1e-6)
    assert current(named, "x1 d g 0 0 dev_nmos w=200n l=100n") == pytest.approx(core)


def test_gates_are_sized_by_the_coarser_core_device(tiny_technology):
    text = tiny_technology.read_text()
    pmos = text.index("[devices.pmos]")
    tiny_technology.write_text(text[:pmos] + text[pmos:].replace("l_min = 30e-9", "l_min = 45e-9", 1))
    technology = Technology.load(tiny_technology)
    assert (technology.l_min, technology.w_min) == (45e-9, 80e-9)
    sized = current(technology, "x1 d g 0 0 dev_nmos w={2*w_min} l={l_min}")
    assert sized == pytest.approx(current(technology, "x1 d g 0 0 dev_nmos w=160n l=45n"), rel=1e-9)


def test_corner_and_temperature_reach_the_simulator(tiny_technology):
    technology = Technology.load(tiny_technology)
    instance = "x1 d g 0 0 dev_nmos w=200n l=100n"
    nominal = current(technology, instance)
    assert current(technology, instance, corner="ss") == pytest.approx(nominal * (0.55 / 0.6) ** 2, rel=1e-3)
    assert current(technology, instance, temperature=125.0) < nominal


@pytest.mark.parametrize("name", technologies())
def test_every_shipped_technology_loads_and_simulates_in_every_corner(name):
    try:
        technology = Technology.load(name)
    except TechnologyError as error:
        if name in kits() and f"install --no-deps {kits()[name]}" in str(error):
            pytest.skip(str(error))
        raise
    assert technology.name == name
    assert technology.library.is_absolute()
    for corner in technology.corners:
        instance = f"x1 d g 0 0 dev_nmos w=1u l={technology.device('nmos').l_min!r}"
        assert 1e-4 < current(technology, instance, corner=corner, volts=technology.vdd) < 3e-3


def test_digest_depends_on_file_contents_and_not_on_paths(tiny_technology, tmp_path):
    original = Technology.load(tiny_technology)
    assert [path.name for path in original.files] == ["tiny.lib", "tiny_cards.inc"]
    moved = shutil.copytree(tiny_technology.parent, tmp_path / "moved")
    assert Technology.load(moved / "tiny.toml").digest == original.digest
    cards = moved / "cards" / "tiny_cards.inc"
    cards.write_text(cards.read_text().replace("lambda=0.1", "lambda=0.2"))
    assert Technology.load(moved / "tiny.toml").digest != original.digest


def test_errors_for_unknown_names_list_the_known_ones(tiny_technology):
    with pytest.raises(TechnologyError, match="unknown technology 'nosuch'.*generic28"):
        Technology.load("nosuch")
    technology = Technology.load(tiny_technology)
    with pytest.raises(TechnologyError, match="no corner 'ff'; use one of tt, ss"):
        technology.header("ff")
    with pytest.raises(TechnologyError, match="no device 'npn'; it has nmos, pmos, oxide"):
        technology.device("npn")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("vdd = 0.9", "vdd = -0.9", "vdd: Input should be greater than 0"),
        ("vdd = 0.9", "vdd = 0.9\nvdc = 1", "vdc: Extra inputs are not permitted"),
        ('kind = "subckt"', 'kind = "bjt"', "devices.oxide.kind: "),
        ("[devices.pmos]", "[devices.pfet]", "missing pmos"),
        ('library = "tiny.lib"', 'library = "gone.lib"', "there is no file"),
        ("[corners]", "[corners", "not valid TOML"),
    ],
)
def test_error_for_a_malformed_technology_names_file_and_key(tiny_technology, old, new, message):
    tiny_technology.write_text(tiny_technology.read_text().replace(old, new))
    with pytest.raises(TechnologyError) as error:
        Technology.load(tiny_technology)
    assert message in str(error.value)
    assert str(tiny_technology) in str(error.value)


def test_missing_technology_file_is_a_technology_error(tmp_path):
    with pytest.raises(TechnologyError, match="cannot read technology file"):
        Technology.load(tmp_path / "nosuch.toml")


@pytest.fixture
def packaged(tiny_technology, tmp_path, monkeypatch):
    """The tiny technology with its library in an installed package that raises when it is imported."""
    site = tmp_path / "site"
    shutil.copytree(tiny_technology.parent, site / "tinykit")
    (site / "tinykit" / "__init__.py").write_text("raise ImportError('imported')")
    (site / "tiny_kit-1.2.dist-info").mkdir()
    (site / "tiny_kit-1.2.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-kit\nVersion: 1.2\n"
    )
    monkeypatch.syspath_prepend(str(site))
    text = tiny_technology.read_text()
    tiny_technology.write_text(text.replace('"tiny.lib"', '"package:tiny-kit/tinykit/tiny.lib"'))
    return tiny_technology


def test_library_in_a_package_is_found_without_importing_it(packaged):
    technology = Technology.load(packaged)
    assert technology.library == (packaged.parents[1] / "site/tinykit/tiny.lib").resolve()
    assert current(technology, "x1 d g 0 0 dev_nmos w=200n l=100n") > 1e-5


@pytest.mark.parametrize(
    ("library", "message"),
    [
        ("package:no-such-kit/a.lib", "install it with: pip install --no-deps no-such-kit"),
        ("package:tiny-kit/tinykit/gone.lib", "tiny-kit 1.2 has no file tinykit/gone.lib"),
    ],
)
def test_error_for_a_missing_package_or_file_has_the_remedy(packaged, library, message):
    packaged.write_text(packaged.read_text().replace("package:tiny-kit/tinykit/tiny.lib", library))
    with pytest.raises(TechnologyError) as error:
        Technology.load(packaged)
    assert message in str(error.value)


def test_currents_of_2000_wrapped_devices_add_up(tiny_technology):
    technology = Technology.load(tiny_technology)
    cells = "\n".join(f"x{i} d g 0 0 dev_nmos w=200n l=100n" for i in range(2000))
    one = current(technology, "x0 d g 0 0 dev_nmos w=200n l=100n")
    np.testing.assert_allclose(current(technology, cells), 2000 * one, rtol=1e-3)


def test_model_cards_without_a_length_of_their_junctions_are_refused(tiny_technology):
    tiny_technology.write_text(tiny_technology.read_text().replace("l_diffusion = 80e-9\n", ""))
    with pytest.raises(TechnologyError, match=r"devices\.nmos is a model card.*set l_diffusion"):
        Technology.load(tiny_technology)


def test_junctions_follow_the_width_of_model_cards_only(tiny_technology):
    header = Technology.load(tiny_technology).header("tt").splitlines()
    junctions = "ad={w*8e-08} as={w*8e-08} pd={2*(w+8e-08)} ps={2*(w+8e-08)}"
    assert next(line for line in header if " tiny_n " in line).endswith(junctions)
    assert not any("ad=" in line for line in header if " tiny_switch " in line)


def test_mismatch_of_a_device_takes_the_place_of_the_technologys():
    technology = Technology.load("generic28")
    read = technology.device("nmos_read")
    text = technology.header("tt")
    wrapper = text[text.index(".subckt dev_nmos_read") :].splitlines()[1]
    assert f"zvt*{read.mismatch.a_vt!r}/" in wrapper and read.mismatch.a_vt != technology.mismatch.a_vt
