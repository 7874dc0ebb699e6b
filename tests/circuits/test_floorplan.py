"""Areas and lengths against sums by hand."""

import pytest

from gaincell.circuits.designs import Designs
from gaincell.circuits.floorplan import CAPACITOR, FILL, branch_length, footprint, sub_tile_areas, tree_length
from gaincell.circuits.technology import Technology


@pytest.fixture(scope="module")
def technology():
    return Technology.load("generic28")


def test_inverter_takes_its_two_transistors(technology):
    """n of w_min and p of twice that, each (W + d) (L + 2 d)."""
    d, w, length = technology.l_diffusion, technology.w_min, technology.l_min
    expected = ((w + d) + (2 * w + d)) * (length + 2 * d) / FILL
    assert footprint("inv", technology, {"x": 1}).area == pytest.approx(expected)
    assert footprint("inv", technology, {"x": 2}).area > expected


def test_flip_flop_has_24_transistors_inside_its_sub_circuits(technology):
    d = technology.l_diffusion
    least = 24 * (technology.w_min + d) * (technology.l_min + 2 * d) / FILL
    assert least < footprint("dff_x1", technology, {}).area < 2 * least


def test_capacitors_follow_the_designs(technology):
    designs = Designs.of(technology)
    doubled = Designs.of(technology, converter={"c_int": 2 * designs.converter.c_int})
    before, after = (sub_tile_areas(one, technology) for one in (designs, doubled))
    grown = after["converters' capacitors"] - before["converters' capacitors"]
    assert grown == pytest.approx(designs.array.columns * designs.converter.c_int / CAPACITOR)
    assert before["cells' capacitors"] == pytest.approx(2 * 64 * 64 * designs.cell.c_store / CAPACITOR)
    others = before.keys() - {"converters' capacitors"}
    assert all(before[name] == after[name] for name in others)


def test_tree_and_branches_follow_their_pitch():
    assert tree_length(4e-8) == pytest.approx(1.5 * 2e-4)
    assert branch_length(70e-12, 100) == pytest.approx(2e-6)
