"""Equality and hashes of values follow from their content."""

import copy
import pickle

import numpy as np
import pytest

from gaincell.models import Chip, Hardware, Mismatch, Polynomial
from gaincell.models.values import FitError, Value


@pytest.fixture
def hardware():
    return Hardware.from_pretrained("generic28")


def test_hardware_of_equal_content_has_equal_hash(hardware):
    again = Hardware.from_pretrained("generic28")
    assert again is not hardware
    assert again == hardware
    assert hash(again) == hash(hardware)
    assert {hardware: "cached"}[again] == "cached"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))])
def test_copied_and_pickled_hardware_has_equal_hash(hardware, copied):
    digest = hardware.digest
    other = copied(hardware)
    assert (other, hash(other), other.digest) == (hardware, hash(hardware), digest)


def test_hardware_copy_with_an_update_has_a_new_digest(hardware):
    digest = hardware.digest
    changed = hardware.model_copy(update={"q_sat_1": hardware.q_sat_1 * (1 + 1e-15)})
    assert changed.digest != digest
    assert changed != hardware
    assert hash(changed) != hash(hardware)
    assert hardware.digest == digest
    back = changed.model_copy(update={"q_sat_1": hardware.q_sat_1})
    assert back.digest == digest


def test_hardware_with_another_cell_is_not_equal(hardware):
    assert hardware.with_cell("linear") != hardware
    assert hash(hardware.with_cell("linear")) != hash(hardware)


def test_provenance_does_not_change_hardware_equality(hardware):
    other = hardware.model_copy(update={"provenance": {"tables": "others"}})
    assert other == hardware
    assert hash(other) == hash(hardware)


def test_digest_is_computed_once_per_instance(hardware, monkeypatch):
    hardware.digest  # noqa: B018
    chip = hardware.chip(0)
    hash(chip)

    def refuse(*args, **kwargs):
        raise AssertionError("the content was serialised again")

    monkeypatch.setattr(Hardware, "model_dump_json", refuse)
    monkeypatch.setattr(Mismatch, "model_dump_json", refuse)
    assert hash(hardware) == hash(hardware.model_copy())
    assert hash(chip) == hash(chip)


def test_chips_of_equal_content_have_equal_hashes(hardware):
    other = Hardware.from_pretrained("generic28")
    assert hardware.mismatch is not other.mismatch
    assert hardware.chip(3) == other.chip(3)
    assert hash(hardware.chip(3)) == hash(other.chip(3))


def test_chips_of_other_seed_columns_or_mismatch_differ(hardware):
    chip = hardware.chip(3)
    mismatch = hardware.mismatch.model_copy(update={"write": None})
    others = [
        hardware.chip(4),
        Chip(chip.mismatch, 3, chip.columns * 2),
        Chip(mismatch, 3, chip.columns),
    ]
    assert len({chip, *others}) == 4


def test_pickled_chip_draws_the_same_deviations(hardware):
    chip = hardware.chip(5)
    other = pickle.loads(pickle.dumps(chip))
    assert other == chip
    ring = np.arange(4)
    np.testing.assert_array_equal(other.relus(0, 2, ring), chip.relus(0, 2, ring))


def test_values_with_arrays_compare_by_content():
    one, same, other = (Polynomial(coefficients=c) for c in ([1, 2], [1, 2], [1, 3]))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other


def test_values_of_different_types_are_not_equal():
    class Error(FitError):
        pass

    fields = {"rms": 0.1, "worst": 0.2, "unit": "V", "held_out_points": 3}
    assert FitError(**fields) != Error(**fields)
    assert FitError(**fields) != fields


def test_equal_values_have_equal_hashes_despite_negative_zero():
    one, other = Polynomial(coefficients=[0.0]), Polynomial(coefficients=[-0.0])
    assert one != other or hash(one) == hash(other)


def test_digest_leaves_out_the_declared_fields():
    class Named(Value):
        outside_digest = frozenset({"name"})
        name: str
        size: int

    assert Named(name="a", size=1).digest == Named(name="b", size=1).digest
    assert Named(name="a", size=1).digest != Named(name="a", size=2).digest
