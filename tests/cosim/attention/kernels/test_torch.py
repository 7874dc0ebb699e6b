"""The PyTorch implementation: many blocks, decoding, threads, and descriptions kept between calls."""

import threading

import pytest
import torch

from gaincell.cosim import gain_cell_attention, levels_of

from .cases import CIRCUITS, Case, close, near


@pytest.mark.parametrize(
    "case",
    [
        Case("published", queries=530, keys=530, depth=64),
        Case("published", queries=300, keys=700, window=150, key_start=900),
        Case("published", queries=270, keys=270, heads=(4, 2), batch=2, window=100),
        Case("published", queries=270, keys=270, dtype=torch.bfloat16),
        Case("published", queries=300, keys=300, gradient="fixed-slope"),
        Case("small sub-tiles", queries=300, keys=300, window=77),
        Case("published", queries=300, keys=300, heads=(16, 2)),
        Case("published", batch=6, queries=300, keys=300, padding=40, gradient="fixed-slope"),
        Case("bent line", queries=700, keys=700, gradient="fixed-slope"),
        Case("fast decay", queries=600, keys=600),
        Case("fitted", queries=330, keys=330, off=("converter",)),
    ],
    ids=lambda case: f"{case.circuit}-{case.queries}-{case.window}-{case.gradient}",
)
def test_many_blocks_agree_with_the_reference(case):
    out, gradients = case.run("torch")
    expected, slopes = case.run("reference", dtype=torch.float64)
    assert close(out, expected, 1e-5, case.dtype).all()
    assert near(gradients, slopes, case.dtype)


@pytest.mark.parametrize("circuit", sorted(CIRCUITS))
@pytest.mark.parametrize(
    "shape",
    [
        {"keys": 1},
        {"keys": 100},
        {"keys": 130, "window": 70, "key_start": 300, "heads": (4, 2)},
        {"keys": 600, "window": 500, "batch": 2},
        {"keys": 150, "window": 110, "padding": 20, "batch": 2},
        {"keys": 90, "off": ("column", "edge", "decay")},
        {"keys": 70, "window": 5},
    ],
    ids=str,
)
def test_decoding_from_volts_and_from_levels_agrees_with_the_reference(circuit, shape):
    case = Case(circuit, queries=1, **shape)
    hardware, (q, k, v), options = case.hardware(), case.inputs(), case.options(quantise=True)
    expected = gain_cell_attention(
        *(x.double() for x in (q, k, v)), hardware, implementation="reference", **options
    )
    levels = levels_of(k, 1, hardware), levels_of(v, 2, hardware)
    for stored in ((k, v), levels):
        out = gain_cell_attention(q, *stored, hardware, implementation="torch", **options)
        apart = (out - expected).abs() > 1e-4 * expected.abs().clamp(min=1)
        assert apart.sum() <= max(1, 0.01 * out.numel())


@pytest.mark.parametrize("circuit", ["published", "fitted", "mirrored and normalised"])
def test_prefill_from_levels_equals_prefill_from_volts(circuit):
    case = Case(circuit, queries=90, keys=130, heads=(4, 2))
    hardware, (q, k, v) = case.hardware(), case.inputs()
    levels = levels_of(k, 1, hardware), levels_of(v, 2, hardware)
    expected = gain_cell_attention(q, k, v, hardware, implementation="torch")
    assert torch.equal(gain_cell_attention(q, *levels, hardware, implementation="torch"), expected)


@pytest.mark.parametrize("circuit", ["published", "fitted", "mirrored and normalised"])
def test_exact_gradients_are_off_by_no_more_than_those_of_the_reference(circuit):
    """No term is left out: in single precision both differ from double precision by rounding alone."""
    case = Case(circuit, queries=100, keys=100)
    _, expected = case.run("reference", dtype=torch.float64)
    errors = []
    for implementation in ("torch", "reference"):
        _, found = case.run(implementation)
        pairs = zip(found, expected, strict=True)
        errors.append([float((x - y).norm() / y.norm()) for x, y in pairs])
    assert all(own <= max(3 * other, 2e-6) for own, other in zip(*errors, strict=True)), errors


def test_operations_in_turn_give_what_each_gives_alone():
    cases = [
        Case("published", queries=100, keys=100),
        Case("published", queries=100, keys=100, off=("decay",)),
        Case("published", queries=70, keys=130, batch=2, heads=(4, 2), gradient="fixed-slope"),
        Case("fitted", queries=80, keys=80),
        Case("fitted", queries=80, keys=80, off=("edge",)),
    ]
    alone = [case.run("torch", quantise=True) for case in cases]
    for case, (out, gradients) in zip(cases, alone, strict=True):
        other, others = case.run("torch", quantise=True)
        assert torch.equal(out, other) and all(map(torch.equal, gradients, others)), case


def test_threads_do_not_disturb_each_other():
    hardware = CIRCUITS["published"]
    inputs = [[torch.rand(1, 2, 100 + i, 32) for _ in range(3)] for i in range(3)]
    expected = [gain_cell_attention(*x, hardware, implementation="torch") for x in inputs]
    found = {}

    def work(i):
        found[i] = [gain_cell_attention(*inputs[i], hardware, implementation="torch") for _ in range(10)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, out in enumerate(expected):
        for own in found[i]:
            torch.testing.assert_close(own, out, rtol=0, atol=1e-6)


def test_training_after_a_first_use_in_inference_mode():
    # A hardware of its own, so that its description is made in inference mode.
    case, hardware = Case("published", queries=60, keys=60), CIRCUITS["published"]
    hardware = hardware.model_copy(update={"decay_per_token": 3.1e-4})
    x = [x.requires_grad_() for x in case.inputs()]
    with torch.inference_mode():
        ahead = gain_cell_attention(*x, hardware, implementation="torch")
    out = gain_cell_attention(*x, hardware, implementation="torch")
    assert torch.equal(out, ahead)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(out.sum(), x))


@pytest.mark.parametrize("quantise", [False, True])
def test_double_precision_is_that_of_the_reference(quantise):
    for circuit in ("published", "fitted", "mirrored and normalised"):
        case = Case(circuit, queries=70, keys=90, window=70, dtype=torch.float64)
        (out, found), (expected, gradients) = (
            case.run(name, quantise=quantise) for name in ("torch", "reference")
        )
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
        for gradient, other in zip(found, gradients, strict=True):
            torch.testing.assert_close(gradient, other, rtol=0, atol=1e-9 * float(other.abs().max()))


def test_memory_grows_linearly_with_the_sequence():
    """Elements of the largest tensor, at a fixed window and without one."""
    from .test_against_reference import Largest

    sizes = {}
    for window in (None, 100):
        for length in (512, 1024):
            x = [torch.rand(1, 1, length, 32).requires_grad_() for _ in range(3)]
            with Largest() as mode:
                out = gain_cell_attention(*x, CIRCUITS["published"], implementation="torch", window=window)
                out.sum().backward()
            sizes[window, length] = mode.elements
    assert sizes[None, 1024] <= 2 * sizes[None, 512]
    assert sizes[100, 1024] <= 2 * sizes[100, 512]
