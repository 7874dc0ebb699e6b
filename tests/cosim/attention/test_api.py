"""Attention function: shapes, caches, masks, gradients, refused inputs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import (
    Effects,
    GainCellAttention,
    convert,
    gain_cell_attention,
    gain_cell_layers,
    trace_attention,
)


def signals(batch=1, heads=2, kv_heads=None, length=30, depth=6, dtype=torch.float64):
    q = torch.rand(batch, heads, length, depth, dtype=dtype)
    k, v = 0.9 * torch.rand(2, batch, kv_heads or heads, length, depth, dtype=dtype)
    return q, k, v


@settings(deadline=None, max_examples=40)
@given(
    length=st.integers(1, 40),
    window=st.one_of(st.none(), st.integers(1, 45)),
    depth=st.integers(1, 16),
    heads=st.sampled_from([(1, 1), (2, 2), (4, 2), (3, 1)]),
    queries=st.integers(1, 40),
)
def test_decode_step_and_chunk_equal_the_rows_of_prefill(full, length, window, depth, heads, queries):
    q, k, v = signals(1, *heads, length, depth)
    prefill = gain_cell_attention(q, k, v, full, window=window, chip=full.chip(0))
    assert prefill.shape == q.shape
    assert torch.isfinite(prefill).all()
    queries = min(queries, length)
    chunk = gain_cell_attention(q[:, :, -queries:], k, v, full, window=window, chip=full.chip(0))
    torch.testing.assert_close(chunk, prefill[:, :, -queries:], rtol=1e-9, atol=1e-9)
    if window is not None and length > window:
        # A cache without the keys that the ring has overwritten.
        start = length - window
        late = gain_cell_attention(
            q[:, :, -1:],
            k[:, :, start:],
            v[:, :, start:],
            full,
            window=window,
            chip=full.chip(0),
            key_start=start,
        )
        torch.testing.assert_close(late, prefill[:, :, -1:], rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(
    padding=st.integers(0, 20),
    window=st.one_of(st.none(), st.integers(1, 30)),
    kind=st.sampled_from(["full", "ideal"]),
)
def test_left_padding_does_not_change_the_output(full, ideal, padding, window, kind):
    hardware = {"full": full, "ideal": ideal}[kind]
    q, k, v = signals(1, 2, 2, 25, 6)
    alone = gain_cell_attention(q, k, v, hardware, window=window, chip=full.chip(0))
    junk = signals(1, 2, 2, padding, 6)
    padded = [torch.cat([a, b], dim=2) for a, b in zip(junk, (q, k, v), strict=True)]
    mask = torch.arange(25 + padding)[None] >= padding
    out = gain_cell_attention(*padded, hardware, window=window, chip=full.chip(0), attention_mask=mask)
    torch.testing.assert_close(out[:, :, padding:], alone, rtol=1e-9, atol=1e-12)
    assert (out[:, :, :padding] == 0).all()


@pytest.mark.parametrize("window", [None, 1, 7, 64])
def test_ideal_hardware_equals_softmax_attention(ideal, window):
    q, k, v = torch.randn(3, 2, 4, 33, 16)
    position = torch.arange(33)
    age = position[:, None] - position
    mask = (age >= 0) & (age < (window or 99))
    expected = scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(
        gain_cell_attention(q, k, v, ideal, window=window), expected, rtol=0, atol=1e-5
    )
    if window is None:
        causal = scaled_dot_product_attention(q, k, v, is_causal=True)
        torch.testing.assert_close(gain_cell_attention(q, k, v, ideal), causal, rtol=0, atol=1e-5)


def test_query_heads_of_a_group_share_its_arrays(full):
    q, k, v = signals(1, 4, 2)
    shared = gain_cell_attention(q, k, v, full, window=9)
    repeated = gain_cell_attention(
        q, k.repeat_interleave(2, dim=1), v.repeat_interleave(2, dim=1), full, window=9
    )
    torch.testing.assert_close(shared, repeated)


@pytest.mark.parametrize("name", ["leroux", "full"])
def test_gradcheck_passes_without_quantisation(request, name):
    hardware = request.getfixturevalue(name)
    small = {"q_sat_1": 6.0, "q_sat_2": 8.0, "columns": 3} if name == "leroux" else {"columns": 3}
    hardware = hardware.model_copy(update=small)
    q, k, v = (x.clone().requires_grad_() for x in signals(1, 2, 1, 6, 3))
    chip = None if hardware.mismatch is None else hardware.chip(0)
    effects = Effects().without("quantise")

    def run(*x):
        return gain_cell_attention(*x, hardware, window=4, effects=effects, chip=chip)

    assert torch.autograd.gradcheck(run, (q, k, v), eps=1e-7, atol=1e-4)


def test_quantisers_pass_gradients_and_clipped_queries_block_them(leroux):
    q = torch.tensor([[-0.5, 0.3, 0.7, 1.5]]).reshape(1, 1, 1, 4).requires_grad_()
    k = torch.full((1, 1, 1, 4), 0.6).requires_grad_()
    v = torch.full((1, 1, 1, 4), 0.7).requires_grad_()
    gain_cell_attention(q, k, v, leroux).sum().backward()
    assert q.grad.flatten()[[0, 3]].tolist() == [0.0, 0.0]
    assert (q.grad.flatten()[1:3] > 0).all()
    assert (k.grad.flatten()[1:] > 0).all()
    assert (v.grad > 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_output_keeps_the_dtype_and_autocast_does_not_change_it(leroux, dtype):
    q, k, v = signals(dtype=dtype)
    out = gain_cell_attention(q, k, v, leroux)
    assert out.dtype == dtype
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(gain_cell_attention(q, k, v, leroux), out)


@pytest.mark.parametrize("name", ["leroux", "full"])
def test_float32_agrees_with_float64(request, name):
    hardware = request.getfixturevalue(name)
    signal = [x.requires_grad_() for x in signals(dtype=torch.float32)]
    exact = [x.detach().double().requires_grad_() for x in signal]
    effects = Effects().without("quantise")
    where = {"window": 20, "effects": effects, "chip": hardware.chip(0) if name == "full" else None}
    results = [gain_cell_attention(*x, hardware, **where) for x in (signal, exact)]
    torch.testing.assert_close(results[0].double(), results[1], rtol=0, atol=1e-5)
    for result in results:
        result.sum().backward()
    for x, y in zip(signal, exact, strict=True):
        assert (x.grad - y.grad).norm() < 1e-3 * y.grad.norm()


def test_nan_stays_in_its_row_and_head_and_an_empty_batch_is_accepted(full):
    q, k, v = signals()
    q[0, 0, 10, 2] = torch.nan
    out = gain_cell_attention(q, k, v, full)
    assert out[0, 0, 10].isnan().any()
    assert out[0, 1].isfinite().all()
    empty = [x[:0] for x in signals()]
    assert gain_cell_attention(*empty, full).shape == (0, 2, 30, 6)


@pytest.mark.parametrize(
    ("shapes", "options", "error", "message"),
    [
        (((1, 2, 4, 6), (1, 2, 5, 7)), {}, ValueError, r"need q \(B, H, T, D\)"),
        (((1, 3, 4, 6), (1, 2, 5, 6)), {}, ValueError, "H=3 must be a multiple of Hkv=2"),
        (((1, 2, 6, 6), (1, 2, 5, 6)), {}, ValueError, "T=6 at most S=5"),
        (((1, 2, 5, 6), (1, 2, 5, 6)), {"window": 0}, ValueError, "window=0"),
        (((1, 2, 5, 6), (1, 2, 5, 6)), {"attention_mask": torch.ones(1, 4)}, ValueError, r"\(1, 5\)"),
    ],
)
def test_inconsistent_shapes_raise_an_error_with_their_values(full, shapes, options, error, message):
    q, k = torch.rand(shapes[0]), torch.rand(shapes[1])
    with pytest.raises(error, match=message):
        gain_cell_attention(q, k, k, full, **options)


def test_additive_mask_raises_value_error(full):
    additive = torch.zeros(1, 30).masked_fill(torch.arange(30) < 5, -torch.inf)
    q, k, v = signals()
    with pytest.raises(ValueError, match="need bool or integers"):
        gain_cell_attention(q, k, v, full, attention_mask=additive)
    stored = (additive == 0).long()
    out = gain_cell_attention(q, k, v, full, attention_mask=stored)
    torch.testing.assert_close(out, gain_cell_attention(q, k, v, full, attention_mask=stored.bool()))


@pytest.mark.parametrize("name", ["full", "ideal"])
def test_unknown_implementation_and_gradient_raise_value_error(request, name):
    hardware = request.getfixturevalue(name)
    for wrong in ({"implementation": "fast"}, {"gradient": "steep"}):
        with pytest.raises(ValueError, match="must be"):
            gain_cell_attention(*signals(), hardware, **wrong)


def test_tracing_softmax_hardware_raises_hardware_error(ideal):
    with pytest.raises(HardwareError, match="exact softmax"):
        trace_attention(*signals(), ideal)


def test_non_contiguous_inputs_give_the_same_output(full):
    q, k, v = (x.transpose(1, 2) for x in (torch.rand(1, 30, 2, 6), *0.9 * torch.rand(2, 1, 30, 2, 6)))
    out = gain_cell_attention(q, k, v, full)
    torch.testing.assert_close(out, gain_cell_attention(q.contiguous(), k.contiguous(), v.contiguous(), full))
    assert np.isfinite(out.numpy()).all()


@pytest.mark.parametrize("kind", ["full", "ideal"])
def test_nan_in_padding_does_not_reach_stored_tokens(full, ideal, kind):
    hardware = {"full": full, "ideal": ideal}[kind]
    q, k, v = signals(2)
    stored = torch.ones(2, 30, dtype=torch.bool)
    stored[0, :7], stored[1, 25:] = False, False
    expected = gain_cell_attention(q, k, v, hardware, attention_mask=stored)
    spoiled = [x.masked_fill(~stored[:, None, :, None], torch.nan) for x in (q, k, v)]
    out = gain_cell_attention(*spoiled, hardware, attention_mask=stored)
    for sequence, valid in enumerate(stored):
        torch.testing.assert_close(out[sequence, :, valid], expected[sequence, :, valid], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"window": 0}, "window=0 must be at least 1"),
        ({"window": -4}, "window=-4 must be at least 1"),
        ({"token_period": 0.0}, "token_period=0.0 must be more than 0 s"),
        ({"token_period": -1e-6}, "token_period=-1e-06 must be more than 0 s"),
        ({"token_period": float("nan")}, "token_period=nan must be more than 0 s"),
        ({"token_period": "1e-6"}, "token_period='1e-6' must be more than 0 s"),
        ({"window": 16.0}, "window=16.0 must be a whole number"),
    ],
)
def test_window_below_one_and_token_period_not_positive_raise_value_error(full, tiny_gpt2, wrong, message):
    for use in (
        lambda: gain_cell_attention(*signals(), full, **wrong),
        lambda: trace_attention(*signals(), full, **wrong),
        lambda: GainCellAttention(full, 2, **wrong),
        lambda: convert(tiny_gpt2, full, **wrong),
    ):
        with pytest.raises(ValueError, match=message):
            use()
    assert not gain_cell_layers(tiny_gpt2)


@pytest.mark.parametrize(("heads", "kv_heads"), [(0, 0), (0, 1), (2, 0)])
@pytest.mark.parametrize("call", [gain_cell_attention, trace_attention])
def test_no_heads_are_refused(leroux, call, heads, kv_heads):
    q, k = torch.zeros(1, heads, 4, 8), torch.zeros(1, kv_heads, 4, 8)
    with pytest.raises(ValueError, match="at least one head"):
        call(q, k, k, leroux)


@pytest.mark.parametrize("shape", [(0, 2, 4, 8), (1, 2, 0, 8), (1, 2, 4, 0)])
@pytest.mark.parametrize("implementation", ["reference", "torch", "native"])
def test_no_sequences_tokens_or_elements_give_an_empty_result(leroux, shape, implementation):
    x = torch.zeros(shape)
    out = gain_cell_attention(x, x, x, leroux, implementation=implementation)
    assert out.shape == shape
    assert trace_attention(x, x, x, leroux)[0].shape == shape
