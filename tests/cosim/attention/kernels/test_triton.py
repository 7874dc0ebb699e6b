"""Triton kernels against the reference, on a GPU or else in Triton's interpreter on CPU tensors."""

import importlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils._pytree import tree_leaves

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import Effects, gain_cell_attention
from gaincell.cosim.attention import stages
from gaincell.cosim.attention.kernels.triton import attention as triton_attention
from gaincell.cosim.attention.kernels.triton import description
from gaincell.cosim.attention.operation import OperationContext
from gaincell.models import Polynomial

pytest.importorskip("triton", reason="the package triton is not installed: make kits")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PLAIN = Effects().without("quantise")


@pytest.fixture(scope="module", autouse=True)
def operator():
    """The operators; their kernels are interpreted if TRITON_INTERPRET is set at their import."""
    with pytest.MonkeyPatch.context() as patch:
        if DEVICE == "cpu":
            patch.setenv("TRITON_INTERPRET", "1")
        yield importlib.import_module("gaincell.cosim.attention.kernels.triton.operators")


def with_options(hardware, **update):
    return type(hardware).model_validate(hardware.model_dump() | update)


@pytest.fixture
def leroux8(leroux):
    """The published cells with sub-tiles of 8 keys."""
    return leroux.model_copy(update={"columns": 8})


def draw(hardware, *, batch=1, heads=2, kv_heads=1, queries=13, keys=None, depth=5, dtype=torch.float32):
    low = 0.0 if hardware.signed_query is None else -1.2
    keys = queries if keys is None else keys
    q = torch.rand(batch, heads, queries, depth) * (1.2 - low) + low
    k, v = (0.9 * torch.rand(2, batch, kv_heads, keys, depth)).unbind()
    return [x.to(DEVICE, dtype) for x in (q, k, v)]


def run(inputs, hardware, implementation, *, call=gain_cell_attention, **settings):
    """Output and the gradients of q, k and v."""
    inputs = [x.detach().requires_grad_() for x in inputs]
    out = call(*inputs, hardware, implementation=implementation, **settings)
    weight = torch.linspace(-1, 1, out.numel(), device=DEVICE).reshape(out.shape)
    (out.float() * weight).sum().backward()
    return out.detach(), *(x.grad for x in inputs)


def relative_error(found, expected):
    """Largest difference divided by the largest expected magnitude."""
    return float((found - expected).abs().max() / expected.abs().max())


def check_agreement(inputs, hardware, effects=PLAIN, **settings):
    out, *gradients = run(inputs, hardware, "triton", effects=effects, **settings)
    expected, *slopes = run(inputs, hardware, "reference", effects=effects, **settings)
    assert relative_error(out, expected) < 1e-5
    assert all(relative_error(found, slope) < 1e-4 for found, slope in zip(gradients, slopes, strict=True))


@pytest.mark.parametrize(("window", "queries"), [(None, 21), (40, 13), (20, 27), (13, 19), (5, 9), (1, 3)])
def test_windows_of_any_size_agree_with_the_reference(leroux8, window, queries):
    check_agreement(draw(leroux8, queries=queries, heads=1), leroux8, window=window)


@pytest.mark.parametrize("scheme", [None, "mirrored", "two-phase"])
@pytest.mark.parametrize("column", [True, False])
def test_every_effect_agrees_with_the_reference(full, scheme, column):
    swap_efficiency = 0.93 if scheme == "two-phase" else None
    normaliser = None if scheme is None else 0.8
    hardware = with_options(full, signed_query=scheme, swap_efficiency=swap_efficiency, normaliser=normaliser)
    effects = PLAIN if column else PLAIN.without("column")
    check_agreement(draw(hardware, heads=1), hardware, effects, window=10)


def test_heads_that_share_keys_agree_with_the_reference(leroux8):
    check_agreement(draw(leroux8, batch=2, heads=4, kv_heads=2, queries=6), leroux8)


def test_more_queries_than_a_block_agree_with_the_reference(leroux):
    check_agreement(draw(leroux, queries=70, heads=1), leroux, window=67)


@pytest.mark.parametrize("name", ["decay", "edge", "converter", "column", "write"])
def test_every_effect_can_be_switched_off(full, name):
    check_agreement(draw(full, queries=6, heads=1), full, PLAIN.without(name))


def test_deviations_of_a_chip_agree_with_the_reference(full):
    check_agreement(draw(full, heads=1), full, window=10, chip=full.chip(3), layer=1)


def test_padding_agrees_with_the_reference(leroux8):
    stored = torch.ones(2, 13, dtype=torch.bool, device=DEVICE)
    stored[0, :5] = False
    stored[1, 10:] = False
    check_agreement(draw(leroux8, batch=2, heads=1), leroux8, window=6, attention_mask=stored)
    # With fewer queries than keys, the query positions of two sequences are not contiguous in memory.
    check_agreement(
        draw(leroux8, batch=2, heads=1, queries=6, keys=13), leroux8, window=6, attention_mask=stored
    )


def test_decay_within_a_sub_tile_agrees_with_the_reference(leroux8):
    fast = leroux8.model_copy(update={"decay_per_token": 2.0})
    check_agreement(draw(fast), fast)


@pytest.mark.parametrize(
    "effects", [PLAIN, PLAIN.without("decay"), Effects()], ids=["aged", "young", "levels"]
)
def test_surrogate_gradient_agrees_with_the_reference(leroux8, effects):
    check_agreement(draw(leroux8, queries=9), leroux8, effects, gradient="fixed-slope")


@pytest.mark.parametrize("scheme", [None, "mirrored", "two-phase"])
def test_surrogate_gradient_keeps_the_exact_gradient_of_the_column(full, scheme):
    swap_efficiency = 0.93 if scheme == "two-phase" else None
    linear = Polynomial(coefficients=[1e-16, 4e-15], center=0.45)
    cells = full.cells | {"linear": linear}
    hardware = with_options(full, signed_query=scheme, swap_efficiency=swap_efficiency).model_copy(
        update={"cells": cells}
    )
    check_agreement(draw(hardware, queries=9, heads=1), hardware, gradient="fixed-slope", window=6)


def test_counter_steps_agree_with_the_reference(full, leroux8):
    for hardware in (full, leroux8):
        inputs = draw(hardware, queries=32, depth=16)
        settings = {"window": 20}
        out = gain_cell_attention(*inputs, hardware, implementation="triton", **settings)
        expected = gain_cell_attention(*inputs, hardware, implementation="reference", **settings)
        off = (out - expected).abs() * (hardware.levels.output // 2 - 1)
        assert (off > 0.01).float().mean() < 1e-3 and off.max() < 1.01


def test_straight_through_gradients_agree_with_the_reference(leroux8):
    check_agreement(draw(leroux8, heads=1), leroux8, Effects())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_error_is_below_one_step_of_the_dtype(leroux8, dtype):
    inputs = draw(leroux8, dtype=dtype)
    out, *gradients = run(inputs, leroux8, "triton", effects=PLAIN)
    expected, *slopes = run([x.float() for x in inputs], leroux8, "reference", effects=PLAIN)
    assert {out.dtype, *(x.dtype for x in gradients)} == {dtype}
    step = torch.finfo(dtype).eps
    assert relative_error(out, expected) < step
    assert all(relative_error(found, slope) < step for found, slope in zip(gradients, slopes, strict=True))


def test_decode_step_equals_the_last_row_of_prefill(leroux8):
    q, k, v = draw(leroux8, queries=150, heads=1)
    whole = gain_cell_attention(q, k, v, leroux8, implementation="reference", window=100)
    step = gain_cell_attention(
        q[:, :, -1:], k[:, :, 30:], v[:, :, 30:], leroux8, implementation="triton", window=100, key_start=30
    )
    torch.testing.assert_close(step, whole[:, :, -1:], rtol=0, atol=1e-5)


def test_nan_reaches_exactly_the_queries_that_see_it(leroux8):
    q, k, v = draw(leroux8, queries=20, heads=1)
    q[0, 0, 3, 0] = float("nan")
    k[0, 0, 9, 1] = float("nan")
    out = gain_cell_attention(q, k, v, leroux8, implementation="triton", window=4)
    rows = out.isnan().all(-1)[0, 0].nonzero().flatten().tolist()
    assert rows == [3, 9, 10, 11, 12] and not out[0, 0, [2, 4, 8, 13]].isnan().any()


@pytest.mark.parametrize("level", [0.0, 5.0, -5.0])
def test_zeros_and_saturation_agree_with_the_reference(full, level):
    inputs = [torch.full_like(x, level) for x in draw(full, queries=9, heads=1)]
    for found, expected in zip(run(inputs, full, "triton"), run(inputs, full, "reference"), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sizes", [{"batch": 0}, {"queries": 0, "keys": 3}, {"queries": 1}])
def test_empty_and_single_inputs_keep_their_shapes(leroux8, sizes):
    inputs = draw(leroux8, **sizes)
    found = run(inputs, leroux8, "triton")
    assert [x.shape for x in found] == [inputs[0].shape, *(x.shape for x in inputs)]


def test_non_contiguous_inputs_give_the_same_result(leroux8):
    q, k, v = draw(leroux8, queries=9)
    apart = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    for found, expected in zip(run(apart, leroux8, "triton"), run((q, k, v), leroux8, "triton"), strict=True):
        assert torch.equal(found, expected)


def test_results_are_reproducible(leroux8):
    inputs = draw(leroux8, queries=9)
    for once, again in zip(run(inputs, leroux8, "triton"), run(inputs, leroux8, "triton"), strict=True):
        assert torch.equal(once, again)


@pytest.mark.parametrize("normaliser", [None, 0.8])
def test_saved_tensors_are_the_inputs_alone(full, normaliser):
    """With a normaliser also the output and its divisor per query."""
    hardware = with_options(full, normaliser=normaliser)
    q, k, v = (x.requires_grad_() for x in draw(hardware))
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.shape) or x, lambda x: x):
        out = gain_cell_attention(q, k, v, hardware, implementation="triton")
    divisor = [] if normaliser is None else [out.shape, (*q.shape[:3], 1)]
    assert saved == [q.shape, k.shape, v.shape, *divisor]


def operation(hardware, inputs=None):
    from gaincell.cosim.attention.api import place_keys

    q, k, v = inputs or draw(hardware, queries=3)
    positions = place_keys(q, k, v, hardware, window=None, key_start=0, attention_mask=None)
    return OperationContext(hardware, PLAIN, positions, None, None, None, 0, 1)


def arguments(hardware):
    """Arguments of the operators for one operation."""
    inputs = draw(hardware, queries=3)
    op = operation(hardware, inputs)
    return triton_attention._arguments(triton_attention._operands(*inputs, op), op)


def test_operators_pass_opcheck(operator, leroux8):
    given = arguments(leroux8)
    torch.library.opcheck(operator.sums, given)
    torch.library.opcheck(operator.gradients, (torch.rand(1, 2, 3, 5, device=DEVICE), *given))


def test_cached_constants_made_in_inference_mode_are_not_inference_tensors(full):
    hardware = full.model_copy(update={"name": "first used in inference mode"})
    with torch.inference_mode():
        gain_cell_attention(*draw(hardware, queries=3), hardware, implementation="triton", effects=PLAIN)
    cached = [x for x in tree_leaves(arguments(hardware)[4:]) if isinstance(x, torch.Tensor)]
    assert len(cached) > 3 and not any(x.is_inference() for x in cached)


def test_constants_are_cached_by_content_and_their_number_is_bounded(full):
    device = torch.device(DEVICE)
    op = operation(full)
    copy = type(full).model_validate(full.model_dump())
    constants = description.constants_of(op, device)
    assert description.constants_of(replace(op, hardware=copy), device) is constants
    for period in range(description.CACHE_ENTRIES):
        description.constants_of(replace(op, token_period=1.0 + period), device)
    again = description.constants_of(op, device)
    assert again is not constants and again.circuit.first.edge == constants.circuit.first.edge


def test_a_factor_that_is_no_exponential_is_looked_up_on_hardware_that_decays_exponentially(
    leroux8, monkeypatch
):
    plain = stages.aged_terms

    def disturbed(volts, ages, op):
        return [
            (r, factor if factor is None else factor / (1 + 0.1 * ages))
            for r, factor in plain(volts, ages, op)
        ]

    monkeypatch.setattr(stages, "aged_terms", disturbed)
    hardware = leroux8.model_copy(update={"name": "disturbed"})
    assert not description.constants_of(operation(hardware), torch.device(DEVICE)).exponential
    check_agreement(draw(hardware), hardware)


def test_unsupported_operations_raise_hardware_error_with_the_reason(full):
    q, k, v = draw(full)
    for inputs, effects, reason in (
        ((q, k, v), Effects(noise=True), "no noise"),
        ([x.double() for x in (q, k, v)], Effects(), "single precision"),
    ):
        with pytest.raises(HardwareError, match=reason):
            gain_cell_attention(*inputs, full, effects=effects, implementation="triton")


COMPILE = Path(__file__).with_name("compile_kernels.py")


@pytest.mark.slow
@pytest.mark.parametrize("options", [("80",), ("90",), ("90", "leroux2025", "64", "fixed-slope")])
def test_kernels_compile_for_absent_gpus(tmp_path, options):
    """The compiler is stricter than the interpreter and needs no GPU."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(COMPILE), *options], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("cubin") == 3


# torch.compile instantiates every autograd function that it traces, which torch deprecates.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_torch_compile_gives_one_graph_with_the_same_result(full):
    inputs = draw(full, queries=3, heads=1)
    compiled = torch.compile(gain_cell_attention, fullgraph=True, backend="aot_eager")
    found = run(inputs, full, "triton")
    for eager, traced in zip(found, run(inputs, full, "triton", call=compiled), strict=True):
        torch.testing.assert_close(traced, eager)
