"""Sizes of the designs within the smallest and largest channels of a technology."""

import pytest

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.circuits.designs import Designs
from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.technology import Technology

LIMITS = "l_min = 150e-9\nl_max = 5e-6\nw_min = 420e-9\nw_max = 4e-6\n"


@pytest.fixture
def kit(tiny_technology):
    """TOML file of the tiny technology with core devices of 420 nm to 4 um by 150 nm to 5 um."""
    text = tiny_technology.read_text()
    tiny_technology.write_text(text.replace("l_min = 30e-9\nw_min = 80e-9\n", LIMITS))
    return tiny_technology


def test_default_sizes_become_the_nearest_ones_of_the_kit(kit):
    designs = Designs.of(Technology.load(kit))
    assert (designs.cell.w_rn, designs.cell.l_rn) == (420e-9, 780e-9)
    assert (designs.cell.w_sw, designs.cell.l_sw) == (420e-9, 150e-9)
    assert designs.converter.w_ramp_p == 4e-6  # 6 um by default
    assert designs.readout.w_ramp_p == 3e-6
    assert Designs.of(Technology.load("generic28")).converter.w_ramp_p == Designs().converter.w_ramp_p == 6e-6


def test_write_device_in_use_counts(kit):
    technology = Technology.load(kit)  # without high-threshold devices, with an oxide one
    designs = Designs.of(technology, cell={"write_device": "oxide"})
    assert designs.cell.w_ox == 60e-9
    with pytest.raises(
        TechnologyError, match=r"designs.cell.w_ox=5e-08.*devices.oxide of tiny\) is at least 6e-08"
    ):
        Designs.of(technology, cell={"write_device": "oxide", "w_ox": 50e-9})
    assert Designs.of(technology, cell={"w_ox": 50e-9}).cell.w_ox == 50e-9


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"cell": {"w_rn": 80e-9}},
            r"designs.cell.w_rn=8e-08: the width of tiny_n \(devices.nmos_read of tiny\) is 4.2e-07 to "
            "4e-06 m; set cell.w_rn within that",
        ),
        ({"cell": {"l_rp": 6e-6}}, r"designs.cell.l_rp=6e-06: the length of tiny_p .* is 1.5e-07 to 5e-06 m"),
        ({"readout": {"l_ramp": 100e-9}}, r"designs.readout.l_ramp=1e-07: the length of tiny_p"),
    ],
)
def test_sizes_outside_the_limits_are_named_before_anything_is_simulated(
    kit, tmp_path, monkeypatch, sizes, message
):
    with pytest.raises(TechnologyError, match=message):
        Designs.of(Technology.load(kit), **sizes)
    plan = Plan(name="a", technology=str(kit), procedures=("cell_transfer",), designs=sizes)
    monkeypatch.setattr(
        "gaincell.circuits.probe.simulate", lambda *_, **__: pytest.fail("something was simulated")
    )
    with pytest.raises(TechnologyError, match=message):
        characterize(plan, tmp_path / "out", cache=Cache(tmp_path / "cache"))


def test_sizes_of_the_technology_file_are_checked_as_well(kit):
    kit.write_text(kit.read_text() + "\n[designs.cell]\nl_sw = 130e-9\n")
    with pytest.raises(
        TechnologyError, match=r"designs.cell.l_sw=1.3e-07: the length of tiny_n \(devices.nmos"
    ):
        Designs.of(Technology.load(kit))


def test_limits_in_the_wrong_order_are_refused(kit):
    kit.write_text(kit.read_text().replace("l_max = 5e-6", "l_max = 100e-9", 1))
    with pytest.raises(TechnologyError, match="devices.nmos: .*l_max=1e-07 is less than l_min=1.5e-07"):
        Technology.load(kit)
