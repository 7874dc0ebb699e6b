"""Attention function: shapes, caches, masks, effects, gradients."""

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

SWITCHES = {
    "edge": {"edge": None},
    "column": {"column_1": None, "column_2": None},
    "converter": {"phi": None, "readout": None},
    "write": {"write": None},
    "decay": {"aging": {}},
    "mismatch": {"mismatch": None},
    "noise": {"noise": None},
}


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


@pytest.mark.parametrize("name", SWITCHES)
def test_switching_an_effect_off_equals_hardware_without_it(full, name):
    q, k, v = signals()
    everything, chip = Effects(noise=True), full.chip(0)
    off = everything.without(name)

    def run(hardware, effects):
        torch.manual_seed(3)
        given = None if hardware.mismatch is None else chip
        return gain_cell_attention(q, k, v, hardware, effects=effects, chip=given)

    torch.testing.assert_close(run(full, off), run(full.model_copy(update=SWITCHES[name]), everything))
    assert not torch.allclose(run(full, off), run(full, everything), atol=1e-6)


def test_quantisation_puts_every_signal_on_its_levels(full):
    q, k, v = signals()
    exact = full.model_copy(update={"write": None})
    out, trace = trace_attention(q, k, v, exact)
    for values, levels, low, high in (
        (trace.widths, 16, 0.0, 1.0),
        (trace.key_volts, 8, 0.0, 0.9),
        (trace.value_volts, 8, 0.0, 0.9),
        (torch.stack([tile.output for tile in trace.sub_tiles]), 31, -1.0, 1.0),
    ):
        steps = (values - low) / (high - low) * (levels - 1)
        torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-9)
        assert values.min() >= low
        assert values.max() <= high
    assert not torch.allclose(out, gain_cell_attention(q, k, v, exact, effects=Effects().without("quantise")))


def test_quantisers_include_both_ends_of_their_range(leroux):
    q = torch.tensor([0.0, 1.0, 2.0, -1.0]).reshape(1, 1, 1, 4)
    k = torch.tensor([0.0, 0.9, 1.0, -1.0]).reshape(1, 1, 1, 4)
    _, trace = trace_attention(q, k, k, leroux)
    assert trace.widths.flatten().tolist() == [0.0, 1.0, 1.0, 0.0]
    torch.testing.assert_close(trace.key_volts.flatten(), torch.tensor([0.0, 0.9, 0.9, 0.0]))


def test_edge_charge_is_added_only_where_there_is_a_pulse(full):
    hardware = full.model_copy(update={"column_1": None, "column_2": None, "aging": {}})
    q = torch.tensor([0.0, 0.2, 1.0]).reshape(1, 1, 3, 1)
    k = torch.full((1, 1, 3, 1), 0.9)
    effects = Effects().without("write")
    _, trace = trace_attention(q, k, k, hardware, effects=effects)
    full_pulse = hardware.transfer(0.9).item()
    expected = torch.tensor([0.0, 0.2 * full_pulse + hardware.edge, full_pulse + hardware.edge])
    torch.testing.assert_close(trace.charge_1[0, 0, :, 0] / full_pulse, expected / full_pulse)


def test_first_charge_equals_the_column_model_of_the_cell_sum(full):
    q, k, v = signals()
    effects = Effects().without("edge", "decay", "write")
    _, trace = trace_attention(q, k, v, full, effects=effects)
    charge = trace.widths @ full.transfer(trace.key_volts).mT
    load = trace.widths @ full.column_1.loading(trace.key_volts).mT
    torch.testing.assert_close(trace.charge_1, full.column_1(charge, load), rtol=1e-9, atol=1e-24)


def test_age_in_seconds_follows_the_token_period(full):
    q, k, v = signals()
    effects = Effects().without("column", "edge")
    _, trace = trace_attention(q, k, v, full, effects=effects, token_period=2e-6)
    # Query 20 and key 5 are 15 tokens, 30 us, apart.
    charge = full.aging["table"](trace.key_volts[0, 1, 5], 30e-6) @ trace.widths[0, 1, 20]
    assert trace.charge_1[0, 1, 20, 5].item() == pytest.approx(charge.item(), rel=1e-9)
    by_latency = gain_cell_attention(q, k, v, full, effects=effects)
    torch.testing.assert_close(
        by_latency, gain_cell_attention(q, k, v, full, effects=effects, token_period=1e-6)
    )
    assert not torch.allclose(
        by_latency, gain_cell_attention(q, k, v, full, effects=effects, token_period=2e-6)
    )


def test_aging_in_seconds_without_timing_raises_hardware_error(full):
    with pytest.raises(HardwareError, match="token_period"):
        gain_cell_attention(*signals(), full.model_copy(update={"timing": None}))


def test_noise_has_the_stated_rms_and_follows_the_global_seed(full):
    q, k, v = signals(length=60)
    effects = Effects(**{**vars(Effects.none()), "noise": True})

    def charge(seed):
        torch.manual_seed(seed)
        return trace_attention(q, k, v, full, effects=effects)[1].charge_1

    clean = trace_attention(q, k, v, full, effects=Effects.none())[1].charge_1
    torch.testing.assert_close(charge(1), charge(1))
    assert not torch.equal(charge(1), charge(2))
    assert (charge(1) - clean).std().item() == pytest.approx(1e-16, rel=0.05)


def test_converter_offset_is_added_once_per_operated_sub_tile(full):
    # Without pulses, the output is the read-out's offset times the number of operated sub-tiles.
    q, k, v = signals(length=17)
    effects = Effects().without("quantise")
    _, trace = trace_attention(q * 0, k, v, full.model_copy(update={"phi": None}), effects=effects)
    out = sum(tile.output for tile in trace.sub_tiles)
    offset = full.readout(0.0).item()
    operated = torch.arange(17) // 8 + 1
    torch.testing.assert_close(out[0, 0, :, 0], operated * torch.tensor(offset, dtype=torch.float64))


def test_evaluations_outside_the_validity_boxes_are_counted(full):
    narrow = full.column_1.model_copy(update={"box": {"a": (-0.01, 0.01), "u": (0.0, 1.0)}})
    _, trace = trace_attention(*signals(), full.model_copy(update={"column_1": narrow}))
    # Only keys that the query sees count: itself and the earlier ones.
    assert 100 < trace.outside["column_1"] <= 2 * 30 * 31 // 2
    assert trace.outside["cell_1"] == 0
    _, late = trace_attention(*signals(), full, token_period=10e-6)
    # Ages beyond 100 us are more than 10 tokens: 30 queries see 19 + 18 + ... + 1 such keys.
    assert late.outside["age"] == 19 * 20 // 2


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
        (((1, 2, 5, 17), (1, 2, 5, 17)), {}, HardwareError, "17 exceeds the 16 rows"),
    ],
)
def test_inconsistent_shapes_raise_an_error_with_their_values(full, shapes, options, error, message):
    q, k = torch.rand(shapes[0]), torch.rand(shapes[1])
    with pytest.raises(error, match=message):
        gain_cell_attention(q, k, k, full, **options)


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
