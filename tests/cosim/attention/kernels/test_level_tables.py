"""Cells by level: as few terms as the ages need, and the charges of all of them."""

from dataclasses import replace

import pytest
import torch

from gaincell.cosim import Effects
from gaincell.cosim.attention.kernels import level_tables as by_level
from gaincell.cosim.attention.kernels.aging import EXPONENTIAL, NONE, TABLE, aging_of
from gaincell.cosim.attention.kernels.level_tables import (
    CLOSE,
    LITTLE,
    terms_by_level,
    with_fewer_terms,
    with_remainder,
)
from gaincell.cosim.attention.ring import positions_of
from gaincell.cosim.attention.stages import OperationContext, cell_terms
from gaincell.models import Hardware


def conditions(name: str, ages: int, token_period: float | None = None, gradient: str = "exact"):
    positions = positions_of(
        1, ages, window=None, columns=64, key_start=0, stored=None, device=torch.device("cpu")
    )
    hardware = Hardware.from_pretrained(name)
    return OperationContext(hardware, Effects(), positions, token_period, None, gradient=gradient)


def charges(aging, terms) -> torch.Tensor:
    """(levels, ages): what a cell of each level gives at each age, up to what all have in common."""
    return terms.table[: len(aging.kinds)].T @ aging.factors


@pytest.mark.parametrize(
    ("name", "token_period", "expected"),
    [("leroux2025", None, 3), ("generic28", 1e-6, 3), ("generic28", 1e-4, 3), ("generic28", 1e-14, 1)],
)
def test_fewer_terms_give_the_same_charges(name, token_period, expected):
    op = conditions(name, 512, token_period)
    whole = aging_of(op, drop=True)
    arrays = [terms_by_level(op, array, whole.dropped) for array in (1, 2)]
    aging, fewer = with_fewer_terms(whole, arrays, 512)
    assert len(aging.kinds) == len(aging.factors) == len(aging.lead) == expected
    for before, after in zip(arrays, fewer, strict=True):
        peak = before.table.abs().max()
        assert (charges(whole, before) - charges(aging, after)).abs().max() <= CLOSE * peak
        assert after.table.shape[0] - expected == before.table.shape[0] - len(whole.kinds)
    if expected < len(whole.kinds):
        assert aging.kinds[0] == NONE and aging.factors.abs().max() <= 1


@pytest.mark.parametrize("cell", ["table", "poly3", "poly5"])
@pytest.mark.parametrize("token_period", [1e-7, 7.4e-7, 3e-5])
@pytest.mark.parametrize("ages", [256, 1024, 4096])
def test_the_bound_is_kept(cell, token_period, ages):
    op = conditions("generic28", ages, token_period)
    op = replace(op, hardware=op.hardware.with_cell(cell))
    whole = aging_of(op, drop=True)
    arrays = [terms_by_level(op, array, whole.dropped) for array in (1, 2)]
    aging, fewer = with_fewer_terms(whole, arrays, ages)
    for before, after in zip(arrays, fewer, strict=True):
        peak = before.table.abs().max()
        assert (charges(whole, before) - charges(aging, after)).abs().max() <= CLOSE * peak


def test_terms_go_on_beyond_the_window():
    """A run's first key may be older than a window that its last keys are in."""
    op = conditions("generic28", 400, 1e-6)
    whole = aging_of(op, drop=True)
    arrays = [terms_by_level(op, array, whole.dropped) for array in (1, 2)]
    aging, fewer = with_fewer_terms(whole, arrays, 300)
    assert len(aging.kinds) < len(whole.kinds)
    peak = arrays[0].table.abs().max()
    assert (charges(whole, arrays[0]) - charges(aging, fewer[0]))[:, :364].abs().max() < 3 * CLOSE * peak


def test_the_charges_are_those_of_the_signal_path():
    op = conditions("generic28", 256, 1e-6)
    whole = aging_of(op, drop=True)
    aging, (keys, _) = with_fewer_terms(
        whole, [terms_by_level(op, array, whole.dropped) for array in (1, 2)], 256
    )
    hardware = op.hardware
    asked = torch.linspace(hardware.v_min, hardware.v_max, hardware.levels.key, dtype=torch.float64)
    cells = cell_terms(hardware.write(asked).reshape(1, 1, -1, 1), 1, op)
    expected = sum(
        response.reshape(-1, 1) * (1.0 if factor is None else factor) for response, factor in cells
    )
    torch.testing.assert_close(
        charges(aging, keys) + keys.constant, expected / hardware.q_sat_1, rtol=0, atol=1e-6
    )


def test_slopes_and_surrogates_are_mixed_alike():
    """Of published cells, whose terms are exponentials, at a rate at which two of them are enough."""
    op = conditions("leroux2025", 64, gradient="fixed-slope")
    slow = op.hardware.model_copy(update={"decay_per_token": 1e-5})
    op = replace(op, hardware=slow)
    whole = aging_of(op, drop=True)
    arrays = [terms_by_level(op, array, whole.dropped) for array in (1, 2)]
    aging, fewer = with_fewer_terms(whole, arrays, 64)
    assert len(aging.kinds) < len(whole.kinds)
    for name in ("slope", "gradient"):
        before, after = (getattr(terms[1], name) for terms in (arrays, fewer))
        error = before.T @ whole.factors - after.T @ aging.factors
        assert error.abs().max() <= CLOSE / by_level.SLOPES_COUNT * before.abs().max()


@pytest.mark.parametrize(("ages", "large"), [(64, 2), (256, 2), (1024, 3)])
@pytest.mark.parametrize("gradient", ["exact", "fixed-slope"])
def test_a_remainder_is_little_and_changes_no_charge(ages, large, gradient):
    op = conditions("leroux2025", ages, gradient=gradient)
    whole = aging_of(op, drop=True)
    arrays = [terms_by_level(op, array, whole.dropped) for array in (1, 2)]
    aging, terms = with_remainder(whole, arrays, ages)
    assert aging.kinds.tolist() == [EXPONENTIAL] * large + [TABLE] * (3 - large)
    for before, after in zip(arrays, terms, strict=True):
        for name in ("table", "slope", "gradient"):
            expected = getattr(before, name).T @ whole.factors
            peak = expected.abs().max()
            found = getattr(after, name).T @ aging.factors
            torch.testing.assert_close(found, expected, rtol=0, atol=float(1e-14 * peak))
            without = getattr(after, name)[:large].T @ aging.factors[:large]
            assert (without - expected).abs().max() <= LITTLE * peak
