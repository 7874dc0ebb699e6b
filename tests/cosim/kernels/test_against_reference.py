"""Every fast implementation against the reference: shapes, windows, dtypes, circuits and edge cases."""

import re
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import Effects, gain_cell_attention
from gaincell.cosim.kernels.choice import KERNELS, KNOWN
from gaincell.cosim.ring import place
from gaincell.cosim.signals import Conditions
from gaincell.models import Hardware, Noise, Polynomial

FAST = [name for name in KNOWN if name not in ("auto", "reference")]
SWITCHES = ["column", "converter", "decay", "edge", "write"]
Tensors = tuple[torch.Tensor, ...]
PLAIN = Effects().without("quantise")


@pytest.fixture(params=FAST, scope="module")
def fast(request, leroux):
    """Name of a fast implementation that runs here, on CPU tensors."""
    places = place(1, 1, window=None, columns=64, key_start=0, stored=None, device=torch.device("cpu"))
    now = Conditions(leroux, PLAIN, places, None, None)
    reason = KERNELS[request.param].unavailable(now, torch.empty(1, 1, 1, 1))
    if reason is not None:
        pytest.skip(f"{request.param}: {reason}")
    return request.param


def circuits() -> dict[str, Hardware]:
    """Hardware by what is special about it; all have 128 rows."""
    published = Hardware.from_pretrained("leroux2025").model_copy(update={"rows": 128})
    fitted, signed = (
        Hardware.from_pretrained(name).model_copy(update={"rows": 128})
        for name in ("generic28", "generic28-sc")
    )
    two_phases = {"signed_query": "two-phase", "swap_retained": 0.93}
    return {
        "published": published,
        "small sub-tiles": published.model_copy(update={"columns": 12}),
        "fast decay": published.model_copy(update={"decay_per_token": 0.9}),
        "linear cell": published.with_cell("linear"),
        "two phases without a bit line": published.model_copy(update=two_phases),
        "mirrored polynomial": published.model_copy(update={"signed_query": "mirrored"}),
        "normalised": published.model_copy(update={"normaliser": 0.9}),
        "fitted": fitted,
        "fitted, small sub-tiles": fitted.model_copy(update={"columns": 12}),
        "poly3": fitted.with_cell("poly3"),
        "two phases": fitted.model_copy(update=two_phases),
        "mirrored and normalised": signed,
    }


CIRCUITS = circuits()


@dataclass(frozen=True)
class Case:
    circuit: str
    batch: int = 1
    heads: tuple[int, int] = (2, 2)
    queries: int = 40
    keys: int = 40
    depth: int = 32
    window: int | None = None
    key_start: int = 0
    padding: int = 0
    off: tuple[str, ...] = ()
    chip: bool = False
    gradient: str = "exact"
    dtype: torch.dtype = torch.float32
    seed: int = 0

    def hardware(self) -> Hardware:
        """With full scales that some charges exceed and most do not."""
        hardware = CIRCUITS[self.circuit]
        if hardware.charge_unit == "C":
            return hardware
        return hardware.model_copy(update={"q_sat_1": 0.4 * self.depth, "q_sat_2": 15.0})

    def inputs(self) -> list[torch.Tensor]:
        torch.manual_seed(self.seed)
        low = 0.0 if self.hardware().signed_query is None else -1.0
        shape = (self.batch, self.heads[1], self.keys, self.depth)
        q = low + (1.1 - low) * torch.rand(self.batch, self.heads[0], self.queries, self.depth)
        return [x.to(self.dtype) for x in (q, 0.95 * torch.rand(shape), 0.95 * torch.rand(shape))]

    def options(self, quantise: bool) -> dict:
        hardware = self.hardware()
        effects = Effects().without(*self.off, *(() if quantise else ("quantise",)))
        chip = hardware.chip(3) if self.chip and hardware.mismatch is not None else None
        mask = None
        if self.padding:
            mask = torch.ones(self.batch, self.keys, dtype=torch.bool)
            mask[0, : self.padding] = False
            mask[-1, self.keys // 2 : self.keys // 2 + self.padding // 3] = False
        return {
            "window": self.window,
            "effects": effects,
            "key_start": self.key_start,
            "attention_mask": mask,
            "chip": chip,
            "gradient": self.gradient,
        }

    def refused(self, implementation: str, quantise: bool = False) -> str | None:
        """Why the implementation does not compute it."""
        options, hardware = self.options(quantise), self.hardware()
        now = {name: options[name] for name in ("effects", "chip", "gradient")}
        places = place(1, 1, window=None, columns=64, key_start=0, stored=None, device=torch.device("cpu"))
        now = Conditions(hardware, places=places, token_period=None, outside=None, **now)
        return KERNELS[implementation].unavailable(now, self.inputs()[0])

    def run(self, implementation: str, quantise: bool = False, dtype: torch.dtype | None = None):
        """Output and gradients by q, k and v."""
        inputs = [x.to(dtype or self.dtype).requires_grad_() for x in self.inputs()]
        out = gain_cell_attention(
            *inputs, self.hardware(), implementation=implementation, **self.options(quantise)
        )
        torch.manual_seed(self.seed + 1)
        gradients = torch.autograd.grad(out, inputs, torch.randn(out.shape).to(self.dtype).to(out.dtype))
        return out.detach(), gradients


@st.composite
def cases(draw) -> Case:
    keys = draw(st.one_of(st.integers(1, 70), st.integers(100, 150)))
    queries = draw(st.one_of(st.just(keys), st.just(1), st.integers(1, keys)))
    padding = draw(st.sampled_from([0, 0, 0, keys // 4]))
    return Case(
        circuit=draw(st.sampled_from(sorted(CIRCUITS))),
        batch=2 if padding else draw(st.sampled_from([1, 1, 2, 3])),
        heads=draw(st.sampled_from([(1, 1), (2, 2), (4, 2), (3, 1)])),
        queries=queries,
        keys=keys,
        depth=draw(st.sampled_from([32, 33, 48, 64, 80, 128])),
        window=draw(st.one_of(st.none(), st.integers(1, 160), st.sampled_from([5, 64, 65, 70, 128]))),
        key_start=draw(st.sampled_from([0, 0, 1, 50, 200])),
        padding=padding,
        off=tuple(
            draw(st.sets(st.sampled_from(["edge", "decay", "column", "converter", "write"]), max_size=2))
        ),
        chip=draw(st.sampled_from([False, False, False, True])),
        gradient=draw(st.sampled_from(["exact", "exact", "fixed-slope"])),
        dtype=draw(st.sampled_from([torch.float32, torch.float32, torch.bfloat16, torch.float16])),
        seed=draw(st.integers(0, 99)),
    )


def close(
    found: torch.Tensor, expected: torch.Tensor, tolerance: float, dtype: torch.dtype, least: float = 0.0
) -> torch.Tensor:
    """Elementwise: off by no more than the tolerance of the largest, and what the dtype itself rounds.

    least: what "the largest" is at least.
    """
    own = 0.0 if dtype == torch.float32 else torch.finfo(dtype).eps
    allowed = tolerance * expected.abs().max().clamp(min=least) + own * expected.abs()
    return (found.double() - expected).abs() <= allowed


def check_values(case: Case, fast: str) -> None:
    """Outputs to 1e-5, gradients to 1e-4 of the largest; or the implementation says why not."""
    if (reason := case.refused(fast)) is not None:
        with pytest.raises(HardwareError, match=re.escape(reason)):
            case.run(fast)
        return
    # A charge within rounding of a clip may fall on its other side, where slopes differ: hardly twice.
    if not slopes_agree(case, fast):
        assert slopes_agree(replace(case, seed=case.seed + 1000), fast)


def slopes_agree(case: Case, fast: str) -> bool:
    """Whether gradients agree; outputs must."""
    expected, slopes = case.run("reference", dtype=torch.float64)
    found, gradients = case.run(fast)
    assert found.dtype == case.dtype
    assert found.shape == expected.shape
    # What a single key gives is small against the full scale of the read-out, 1.
    rows = close(found, expected, 1e-5, case.dtype, least=0.2).all(-1)
    # The polarities of a chip's converters do not meet at zero charge: there a rounding error is a step.
    assert (~rows).sum() <= (max(1, 0.01 * rows.numel()) if case.chip else 0)
    assert [x.dtype for x in gradients] == 3 * [case.dtype]
    return near(gradients, slopes, case.dtype)


def near(gradients: Tensors, expected: Tensors, dtype: torch.dtype) -> bool:
    """Whether gradients agree but for a few rows."""
    # A quotient that does not depend on a single pulse has a slope of nothing but rounding.
    pairs = zip(gradients, expected, strict=True)
    agree = [close(*pair, 1e-4, dtype, least=0.02).all(-1) for pair in pairs]
    return all((~rows).sum() <= max(2, 0.01 * rows.numel()) for rows in agree)


def check_bins(case: Case, fast: str) -> None:
    """Counts: at most one in a thousand differs, by one."""
    case = replace(case, dtype=torch.float32)
    (expected, _), (found, _) = case.run("reference", quantise=True), case.run(fast, quantise=True)
    hardware = case.hardware()
    differ = (found - expected).abs() > 1e-4 * expected.abs().clamp(min=1)
    if hardware.normaliser is not None:
        # A count more in the divisor changes the whole row.
        differ = differ.any(-1)
    share = 1e-3 if hardware.normaliser is None else 1e-2
    assert differ.sum() <= max(3, share * differ.numel())
    if hardware.normaliser is None:
        assert (found - expected).abs().max() < 1.01 / (hardware.levels.output // 2 - 1)


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
        Case("small sub-tiles", queries=90, keys=90, window=30, padding=20, batch=2),
        Case("mirrored and normalised", queries=90, keys=90, window=70, padding=20, batch=2, heads=(4, 1)),
        Case("two phases", queries=70, keys=70, chip=True, batch=2),
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


def test_noise_is_the_same_in_the_backward_pass(full):
    """The derivative for frozen noise is that of the computation which the seed repeats."""
    x = [torch.rand(1, 1, 5, 3), *0.9 * torch.rand(2, 1, 1, 5, 3)]
    x = [y.double().requires_grad_() for y in x]
    effects = replace(PLAIN, noise=True)

    def noisy(*x):
        torch.manual_seed(5)
        return gain_cell_attention(
            *x, full, window=4, effects=effects, chip=full.chip(0), implementation="torch"
        )

    assert torch.autograd.gradcheck(noisy, x, eps=1e-7, atol=1e-4)
    before = torch.get_rng_state()
    out = gain_cell_attention(*x, full, effects=effects, implementation="torch").sum()
    after = torch.get_rng_state()
    assert not torch.equal(before, after)
    out.backward()
    assert torch.equal(torch.get_rng_state(), after)


def test_the_surrogate_gradient_sees_the_noise_of_the_forward_pass(full):
    """With write noise alone, the linear cell's charge is that of the voltages that were written."""
    line = Polynomial(coefficients=[0.0, 4e-15], center=0.45)
    update = {
        "cells": full.cells | {"linear": line},
        "noise": Noise(charge_1=0, charge_2=0, write_volts=0.05),
    }
    hardware = full.model_copy(update=update)
    x = [torch.rand(1, 1, 9, 6), *0.9 * torch.rand(2, 1, 1, 9, 6)]
    settings = {"effects": replace(PLAIN, noise=True), "gradient": "fixed-slope"}
    results = []
    for implementation in ("reference", "torch"):
        inputs = [y.double().requires_grad_() for y in x]
        torch.manual_seed(5)
        out = gain_cell_attention(*inputs, hardware, implementation=implementation, **settings)
        results.append((out.detach(), *torch.autograd.grad(out.sum(), inputs)))
    for found, expected in zip(*reversed(results), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that any operation has given."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        sizes = [x.numel() for x in tree_leaves(result) if isinstance(x, torch.Tensor)]
        self.elements = max(self.elements, *sizes, 0)
        return result


@pytest.mark.parametrize("circuit", ["published", "fitted"])
def test_no_tensor_has_a_place_for_every_pair(circuit):
    length, depth = 1024, 32
    x = [torch.rand(1, 1, length, depth).requires_grad_() for _ in range(3)]
    with Largest() as mode:
        gain_cell_attention(*x, CIRCUITS[circuit], implementation="torch").sum().backward()
    # A cubic has four coefficients.
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


@pytest.mark.parametrize("circuit", sorted(CIRCUITS))
def test_the_surrogate_gradient_of_every_circuit(fast, circuit):
    case = Case(circuit, queries=40, keys=70, window=50, heads=(4, 2), gradient="fixed-slope")
    check_values(case, fast)
    check_values(replace(case, queries=1, off=("decay",)), fast)
    check_values(replace(case, batch=2, padding=10, chip=True), fast)


# Of a linear cell's levels many a charge is exactly zero, on the edge of a clip.
@pytest.mark.parametrize("circuit", sorted(set(CIRCUITS) - {"linear cell"}))
def test_the_surrogate_gradient_of_levels(fast, circuit):
    case = Case(circuit, queries=40, keys=70, window=50, heads=(4, 2), gradient="fixed-slope")
    (_, expected), (_, found) = (case.run(name, quantise=True) for name in ("reference", fast))
    assert near(found, expected, case.dtype)


def test_the_fixed_slope_is_that_of_the_linear_cell(leroux):
    """One key and one value: all derivatives are as if f(x) were 19.3 (x - 0.45); the output is the same."""
    hardware = leroux.model_copy(update={"q_sat_1": 10.0})
    outs, slopes = [], []
    for gradient in ("exact", "fixed-slope"):
        x = [torch.tensor(y).reshape(1, 1, 1, 1).requires_grad_() for y in (0.6, 0.8, 0.3)]
        settings = {"effects": PLAIN, "implementation": "reference"}
        out = gain_cell_attention(*x, hardware, gradient=gradient, **settings)
        outs.append(out.detach())
        slopes.append([float(y) for y in torch.autograd.grad(out, x)])
    assert torch.equal(*outs)
    phi = float(hardware.transfer(0.8)) * 0.6 / 10
    by_phi = 19.3 * (0.3 - 0.45) / hardware.q_sat_2
    by_query, by_key = by_phi * 19.3 * (0.8 - 0.45) / 10, by_phi * 19.3 * 0.6 / 10
    assert slopes[1] == pytest.approx([by_query, by_key, phi * 19.3 / hardware.q_sat_2], rel=1e-5)
    assert all(a != pytest.approx(b, rel=0.01) for a, b in zip(*slopes, strict=True))
