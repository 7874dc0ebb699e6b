"""Anchors: charges and slopes of a block of queries from the keys at a few ages."""

from dataclasses import replace

import pytest
import torch

from gaincell.cosim import Effects, gain_cell_attention
from gaincell.cosim.attention.kernels.aging import TILE, aging_of
from gaincell.cosim.attention.kernels.cpp import build
from gaincell.cosim.attention.kernels.cpp.anchors import anchors_of, extended
from gaincell.cosim.attention.kernels.level_tables import CLOSE, terms_by_level
from gaincell.cosim.attention.ring import positions_of
from gaincell.cosim.attention.stages import OperationContext
from gaincell.models import Hardware


def described(hardware: Hardware, ages: int, gradient: str = "exact"):
    positions = positions_of(
        1, ages, window=None, columns=64, key_start=0, stored=None, device=torch.device("cpu")
    )
    op = OperationContext(hardware, Effects(), positions, None, None, gradient=gradient)
    aging = aging_of(op, drop=True)
    return extended(aging), [terms_by_level(op, array, aging.dropped) for array in (1, 2)]


@pytest.mark.parametrize("ages", [256, 1024])
@pytest.mark.parametrize("gradient", ["exact", "fixed-slope"])
def test_two_anchors_serve_three_exponentials(ages, gradient):
    """At every age of every key that a query of a block can see, of a key written within the block too."""
    aging, arrays = described(Hardware.from_pretrained("leroux2025"), ages, gradient)
    anchors = anchors_of(aging, arrays, ages)
    assert len(anchors.offsets) == 2 < len(aging.kinds)
    for array in arrays:
        for name in ("table", "slope", "gradient"):
            response = getattr(array, name).T
            read = response @ torch.cat([aging.factors[:, -2 * TILE :].flip(1), aging.factors], dim=1)
            exact = read[:, 2 * TILE : 2 * TILE + ages]
            for query in (0, 1, 31, 62, 63):
                # Age of the key at the block's first query.
                age = torch.arange(-query, ages - query)
                found = sum(
                    float(anchors.shares[j, query]) * read[:, 2 * TILE + age + offset]
                    for j, offset in enumerate(anchors.offsets.tolist())
                )
                assert (found - exact).abs().max() <= 1.1 * CLOSE * exact.abs().max()


@pytest.mark.parametrize("rate", [2e-3, 0.1, 0.9])
def test_fast_decay_has_no_anchors(rate):
    hardware = Hardware.from_pretrained("leroux2025").model_copy(update={"decay_per_token": rate})
    assert len(anchors_of(*described(hardware, 300), 300).offsets) == 0


@pytest.mark.skipif(build.missing_compiler() is not None, reason="no C++ compiler")
@pytest.mark.parametrize("gradient", ["exact", "fixed-slope"])
@pytest.mark.parametrize(("queries", "window"), [(140, None), (140, 100), (300, None)])
def test_gradients_are_exact_to_rounding(gradient, queries, window):
    """Of quantised published cells, whose charges are seldom beside a clip, against double precision."""
    hardware = Hardware.from_pretrained("leroux2025")
    torch.manual_seed(5)
    inputs = [torch.rand(1, 2, queries, 64) for _ in range(3)]
    direction = torch.randn(1, 2, queries, 64)
    found = []
    for implementation, dtype in (("reference", torch.float64), ("native", torch.float32)):
        x = [t.to(dtype).requires_grad_() for t in inputs]
        out = gain_cell_attention(
            *x, hardware, implementation=implementation, gradient=gradient, window=window
        )
        found.append(torch.autograd.grad(out, x, direction.to(dtype)))
    for expected, ours in zip(*found, strict=True):
        assert (ours.double() - expected).norm() <= 2e-6 * expected.norm()


def test_terms_that_do_not_age_need_none():
    aging, arrays = described(Hardware.from_pretrained("leroux2025"), 256)
    still = replace(aging, factors=torch.ones_like(aging.factors))
    assert len(anchors_of(still, arrays, 256).offsets) == 1
