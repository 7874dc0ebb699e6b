"""Every fast implementation against the reference: shapes, windows, dtypes, circuits and edge cases."""

import pytest
import torch
from hypothesis import given, settings
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import Effects, gain_cell_attention

from .cases import CIRCUITS, Case, cases, check_bins, check_values


@settings(deadline=None, max_examples=24, derandomize=True)
@given(case=cases())
def test_values_and_gradients(fast, case):
    check_values(case, fast)


@settings(deadline=None, max_examples=24, derandomize=True)
@given(case=cases())
def test_bins(fast, case):
    check_bins(case, fast)


@pytest.mark.parametrize(
    "case",
    [
        Case("published", queries=1, keys=1),
        Case("published", queries=1, keys=130, window=100, heads=(4, 2)),
        Case("published", queries=1, keys=600, depth=64, window=500, heads=(4, 2)),
        Case("fitted", queries=1, keys=130, window=70, key_start=300, chip=True),
        Case("published", queries=20, keys=20),
        Case("published", queries=150, keys=150, window=20),
        Case("published", queries=200, keys=200, window=100),
        Case("fitted", queries=140, keys=140, window=100),
        # A ring whose last sub-tiles hold no key yet.
        Case("fitted", queries=30, keys=80, window=300, chip=True),
        # Heads that do not share out evenly among what is computed together.
        Case("published", queries=100, keys=100, batch=2, heads=(3, 3)),
        Case("published", queries=90, keys=110, batch=2, heads=(10, 5), gradient="fixed-slope"),
        Case("small sub-tiles", queries=90, keys=90, window=30, padding=20, batch=2),
        Case("mirrored and normalised", queries=90, keys=90, window=70, padding=20, batch=2, heads=(4, 1)),
        Case("two phases", queries=70, keys=70, chip=True, batch=2),
        Case("fitted, columns of keys alone", queries=70, keys=90, chip=True, gradient="exact"),
        Case("fitted, columns of values alone", queries=70, keys=90, chip=True),
        # Converters whose range is 1e-14 of the charges.
        Case("published, fitted converters", queries=1, keys=1),
        Case("fitted, all of it ages", queries=70, keys=150, window=110, chip=True, heads=(4, 2)),
    ],
    ids=lambda case: f"{case.circuit}-{case.queries}-{case.keys}-{case.window}",
)
def test_edges_of_the_ring(fast, case):
    check_values(case, fast)
    check_bins(case, fast)


@pytest.mark.parametrize("circuit", ["published", "fitted", "mirrored and normalised"])
@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
def test_zeros_and_saturation(fast, circuit, value):
    """Every signal at a clip: value and slope are those of the reference."""
    hardware = CIRCUITS[circuit]
    results = []
    for implementation in ("reference", fast):
        x = [torch.full((1, 2, 70, 32), value).requires_grad_() for _ in range(3)]
        out = gain_cell_attention(*x, hardware, implementation=implementation, window=66)
        results.append((out.detach(), *torch.autograd.grad(out.sum(), x)))
    for ours, theirs in zip(*reversed(results), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.parametrize("which", ["q", "k", "v"])
@pytest.mark.parametrize("circuit", ["published", "fitted"])
def test_not_a_number_reaches_who_sees_it(fast, circuit, which):
    case = Case(circuit, queries=150, keys=150, window=100)
    x = dict(zip("qkv", case.inputs(), strict=True))
    x[which][0, 0, 70, 3] = torch.nan
    for quantise in (False, True):
        out = gain_cell_attention(*x.values(), case.hardware(), implementation=fast, **case.options(quantise))
        spoiled = out[0, 0].isnan().any(-1)
        assert out[0, 1].isfinite().all()
        # Position 70 sits in the second sub-tile, whose columns 64 to 99 nobody before 64 sees.
        assert not spoiled[:64].any()
        if which == "q":
            assert spoiled.tolist() == [t == 70 for t in range(150)]
        else:
            assert spoiled[70:].all()


def test_strides_do_not_matter(fast):
    case = Case("published", queries=70, keys=70, heads=(4, 2))
    inputs = case.inputs()
    expected = gain_cell_attention(*inputs, case.hardware(), implementation=fast)
    turned = [x.transpose(1, 2).contiguous().transpose(1, 2).requires_grad_() for x in inputs]
    wide = [torch.stack([x, x], dim=-1)[..., 0] for x in inputs]
    out = gain_cell_attention(*turned, case.hardware(), implementation=fast)
    torch.testing.assert_close(out, expected, rtol=0, atol=0)
    torch.testing.assert_close(
        gain_cell_attention(*wide, case.hardware(), implementation=fast), expected, rtol=0, atol=0
    )
    # A gradient that is the same everywhere has no strides at all.
    out.sum().backward()
    straight = [x.detach().clone().requires_grad_() for x in inputs]
    gain_cell_attention(*straight, case.hardware(), implementation=fast).sum().backward()
    for a, b in zip(turned, straight, strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize(("batch", "queries"), [(0, 30), (2, 0)])
def test_nothing_gives_nothing(fast, leroux, batch, queries):
    q = torch.rand(batch, 2, queries, 16, requires_grad=True)
    k, v = (torch.rand(batch, 2, 30, 16, requires_grad=True) for _ in range(2))
    out = gain_cell_attention(q, k, v, leroux, implementation=fast)
    assert out.shape == q.shape
    out.sum().backward()
    assert q.grad.shape == q.shape


def test_a_seed_gives_the_same_bits(fast):
    case = Case("fitted", queries=80, keys=80, chip=True)
    first, second = case.run(fast, quantise=True), case.run(fast, quantise=True)
    for a, b in zip((first[0], *first[1]), (second[0], *second[1]), strict=True):
        assert torch.equal(a, b)


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that any operation has given; bytes are room for several."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves(result) if isinstance(x, torch.Tensor)]
        sizes = [x.numel() for x in tensors if x.dtype != torch.uint8]
        self.elements = max(self.elements, *sizes, 0)
        return result


@pytest.mark.parametrize("circuit", ["published", "fitted"])
def test_no_tensor_has_a_place_for_every_pair(circuit):
    length, depth = 1024, 32
    x = [torch.rand(1, 1, length, depth).requires_grad_() for _ in range(3)]
    with Largest() as mode:
        gain_cell_attention(*x, CIRCUITS[circuit], implementation="torch").sum().backward()
    # A block of some queries, by all ages.
    assert mode.elements <= length * 64 * 4


def test_what_cannot_compute_it_says_so(full):
    x = [torch.rand(1, 1, 3, 4) for _ in range(3)]
    with pytest.raises(HardwareError, match="'native' cannot be used: .*; use implementation='auto'"):
        gain_cell_attention(*x, full, effects=Effects(noise=True), implementation="native")
    with pytest.raises(ValueError, match="implementation='fast' must be one of auto, reference"):
        gain_cell_attention(*x, full, implementation="fast")
    with pytest.raises(ValueError, match="gradient='no' must be"):
        gain_cell_attention(*x, full, gradient="no")
    with pytest.raises(HardwareError, match="no polynomial cell 'linear'"):
        gain_cell_attention(*x, full, gradient="fixed-slope")
