"""The dense transcription of the published equations is the reference, written the other way."""

import pytest
import torch

from gaincell.cosim import gain_cell_attention
from gaincell.models import Hardware

SHAPES = [
    # T, S, window
    (100, 100, 128),  # the window holds all, the last sub-tile is not full
    (200, 200, 128),  # the ring wraps
    (150, 150, 64),  # a ring of one sub-tile
    (1, 130, 1024),  # decode
    (5, 200, 128),  # a few queries on a cache that wrapped
]


@pytest.fixture(scope="module")
def dense(benchmark_module):
    return benchmark_module("dense")


def signals(queries, keys):
    torch.manual_seed(queries + keys)
    q = 0.5 + 0.3 * torch.randn(2, 3, queries, 32, dtype=torch.float64)
    k, v = 0.45 + 0.2 * torch.randn(2, 2, 3, keys, 32, dtype=torch.float64)
    return [x.requires_grad_() for x in (q, k, v)]


def gradients(out, inputs):
    torch.manual_seed(1)
    return torch.autograd.grad(out, inputs, torch.randn_like(out))


@pytest.mark.parametrize(("queries", "keys", "window"), SHAPES)
@pytest.mark.parametrize("terms", ["published", "collapsed"])
def test_outputs_and_gradients_are_the_reference_s(dense, queries, keys, window, terms):
    inputs = signals(queries, keys)
    hardware = Hardware.from_pretrained("leroux2025")
    expected = gain_cell_attention(*inputs, hardware, window=window, implementation="reference")
    manner = dense.Manner(terms=terms)
    out = dense.DenseAttention(queries, keys, window, manner, dtype=torch.float64)(*inputs)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-12)
    for mine, theirs in zip(gradients(out, inputs), gradients(expected, inputs), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("queries", "keys", "window"), SHAPES)
@pytest.mark.parametrize("implementation", ["reference", "torch"])
def test_surrogate_gradients_are_the_public_code_s(dense, queries, keys, window, implementation):
    inputs = signals(queries, keys)
    hardware = Hardware.from_pretrained("leroux2025")
    settings = {"window": window, "gradient": "fixed-slope", "implementation": implementation}
    out = gain_cell_attention(*inputs, hardware, **settings)
    manner = dense.Manner(gradient="surrogate")
    expected = dense.DenseAttention(queries, keys, window, manner, dtype=torch.float64)(*inputs)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-12)
    for mine, theirs in zip(gradients(out, inputs), gradients(expected, inputs), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6 * float(theirs.abs().max()))


@pytest.mark.parametrize("terms", ["published", "collapsed"])
@pytest.mark.parametrize("array", [1, 2])
def test_surrogate_is_the_gradient_of_the_linear_cell(dense, terms, array):
    torch.manual_seed(0)
    pulses = torch.rand(2, 5, 7, dtype=torch.float64, requires_grad=True)
    deviation = torch.randn(2, 7, 6, dtype=torch.float64, requires_grad=True)
    decay = torch.rand(5, 6 if array == 1 else 7, dtype=torch.float64)
    if array == 1:
        line = 19.3 * (pulses @ deviation) * decay
        surrogate = dense.Surrogate1
    else:
        line = 19.3 * (pulses * decay) @ deviation
        surrogate = dense.Surrogate2
    compute = dense.CHARGE[terms][array - 1]
    out = surrogate.apply(compute, pulses, deviation, decay)
    torch.testing.assert_close(out, compute(pulses, deviation, decay))
    inputs = (pulses, deviation)
    for mine, exact in zip(gradients(out, inputs), gradients(line, inputs), strict=True):
        torch.testing.assert_close(mine, exact)


def test_surrogate_points_where_the_exact_gradient_does(dense):
    inputs = signals(100, 100)
    exact, surrogate = (
        dense.DenseAttention(100, 100, 128, dense.Manner(gradient=gradient), dtype=torch.float64)(*inputs)
        for gradient in ("exact", "surrogate")
    )
    torch.testing.assert_close(exact, surrogate)
    for one, other in zip(gradients(exact, inputs), gradients(surrogate, inputs), strict=True):
        assert torch.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.8


def test_single_precision_agrees_but_for_few_bins(dense):
    inputs = [x.float() for x in signals(300, 300)]
    hardware = Hardware.from_pretrained("leroux2025")
    expected = gain_cell_attention(*inputs, hardware, window=128, implementation="reference")
    out = dense.DenseAttention(300, 300, 128)(*inputs)
    assert ((out - expected).abs() > 1e-5).float().mean() < 1e-3


def test_public_code_counts_33_levels_beyond_full_scale(dense):
    # One query whose sub-tile saturates in both directions.
    q = torch.ones(1, 1, 64, 64)
    k = torch.full((1, 1, 64, 64), 0.9)
    v = torch.where(torch.arange(64) % 2 == 0, 0.9, 0.0).expand(1, 1, 64, 64)
    public = dense.DenseAttention(64, 64, 64, dense.AS_PUBLIC)(q, k, v)
    anchored = dense.DenseAttention(64, 64, 64)(q, k, v)
    assert public.max() == -public.min() == pytest.approx(32 / 31)
    assert anchored.max() == -anchored.min() == 1.0
    counts = public * 31 / 2
    torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-5)


def test_a_window_that_cuts_a_sub_tile_is_refused(dense):
    with pytest.raises(ValueError, match="multiple of 64"):
        dense.DenseAttention(200, 200, 100)
    dense.DenseAttention(90, 90, 100)
