"""Operations to compare implementations on, and what counts as agreement."""

from dataclasses import dataclass, replace

import torch
from hypothesis import strategies as st

from gaincell.cosim import Effects, gain_cell_attention
from gaincell.cosim.attention.kernels.dispatch import KNOWN
from gaincell.models import Exponential, Hardware

FAST = [name for name in KNOWN if name not in ("auto", "reference")]
SWITCHES = ["column", "converter", "decay", "edge", "write"]
Tensors = tuple[torch.Tensor, ...]
PLAIN = Effects().without("quantise")
MOVES = 8
"""Draws of inputs within rounding."""


def circuits() -> dict[str, Hardware]:
    """Hardware by what is special about it; all have 128 rows."""
    published = Hardware.from_pretrained("leroux2025").model_copy(update={"rows": 128})
    fitted, signed = (
        Hardware.from_pretrained(name).model_copy(update={"rows": 128})
        for name in ("generic28", "generic28-sc")
    )
    # A chip's deviations find no term there that does not age.
    first, *others = fitted.aging[fitted.cell].terms
    terms = first.model_copy(update={"factor": Exponential(rate=2e4)}), *others
    aging = {fitted.cell: fitted.aging[fitted.cell].model_copy(update={"terms": terms})}
    bent = {"coefficients": [0.0, 19.3, 0.5]}
    two_phases = {"signed_query": "two-phase", "swap_efficiency": 0.93}
    return {
        "published": published,
        "small sub-tiles": published.model_copy(update={"columns": 12}),
        "fast decay": published.model_copy(update={"decay_per_token": 0.9}),
        "linear cell": published.with_cell("linear"),
        "bent line": published.model_copy(
            update={"cells": published.cells | {"linear": published.cells["linear"].model_copy(update=bent)}}
        ),
        "two phases without a bit line": published.model_copy(update=two_phases),
        "mirrored polynomial": published.model_copy(update={"signed_query": "mirrored"}),
        "normalised": published.model_copy(update={"normaliser": 0.9}),
        "published, fitted converters": published.model_copy(
            update={"phi": fitted.phi, "readout": fitted.readout}
        ),
        "published, columns": published.model_copy(
            update={"column_1": fitted.column_1, "column_2": fitted.column_2}
        ),
        "fitted": fitted,
        "fitted, columns of keys alone": fitted.model_copy(update={"column_2": None}),
        "fitted, columns of values alone": fitted.model_copy(update={"column_1": None}),
        "fitted, small sub-tiles": fitted.model_copy(update={"columns": 12}),
        "fitted, all of it ages": fitted.model_copy(update={"aging": fitted.aging | aging}),
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

    def run(
        self,
        implementation: str,
        quantise: bool = False,
        dtype: torch.dtype | None = None,
        inputs: list[torch.Tensor] | None = None,
    ):
        """Output and gradients by q, k and v; inputs: others than `self.inputs()`."""
        inputs = [x.to(dtype or self.dtype).requires_grad_() for x in inputs or self.inputs()]
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
    """Outputs to 1e-5, gradients to 1e-4 of the largest; both no worse than the reference in float32."""
    expected, slopes = case.run("reference", dtype=torch.float64)
    found, gradients = case.run(fast)
    assert found.dtype == case.dtype
    assert found.shape == expected.shape
    assert [x.dtype for x in gradients] == 3 * [case.dtype]
    # What a single key gives is small against the full scale of the read-out, 1.
    rows = close(found, expected, 1e-5, case.dtype, least=0.2).all(-1)
    # The polarities of a chip's converters do not meet at zero charge: there a rounding error is a step.
    allowed = max(1, 0.01 * rows.numel()) if case.chip else 0
    if (~rows).sum() > allowed or not near(gradients, slopes, case.dtype):
        # A quotient of two small charges has their relative error; a charge beside a clip has either slope.
        plain, rounded = case.run("reference", dtype=torch.float32)
        own = 3 * float((plain.double() - expected).abs().max())
        rows = close(found, expected, 1e-5, case.dtype, least=max(0.2, own / 1e-5)).all(-1)
        assert (~rows).sum() <= allowed
        assert near(gradients, slopes, case.dtype, within_rounding(case, slopes), rounded)


def within_rounding(case: Case, slopes: Tensors) -> Tensors:
    """How much the reference's gradients change where inputs move within rounding: beside a
    clip, by the slope on its other side."""
    generator = torch.Generator().manual_seed(case.seed)
    changes = [torch.zeros_like(x) for x in slopes]
    for _ in range(MOVES):
        inputs = [x.double() for x in case.inputs()]
        moved = [x * (1 + 1e-6 * torch.randn(x.shape, generator=generator).double()) for x in inputs]
        _, others = case.run("reference", dtype=torch.float64, inputs=moved)
        changes = [change + (a - b).abs() for change, a, b in zip(changes, others, slopes, strict=True)]
    return tuple(changes)


def near(
    gradients: Tensors,
    expected: Tensors,
    dtype: torch.dtype,
    changes: Tensors | None = None,
    rounded: Tensors | None = None,
) -> bool:
    """Whether gradients agree but for a few rows: 1 in 100, or twice as many as of `rounded`, those of the
    reference in float32. They may differ by twice what they change within rounding."""
    for i, (found, wanted) in enumerate(zip(gradients, expected, strict=True)):
        # A quotient that does not depend on a single pulse has a slope of nothing but rounding.
        agree = close(found, wanted, 1e-4, dtype, least=0.02)
        if changes is not None:
            agree |= (found.double() - wanted).abs() <= 2 * changes[i]
        rows = agree.all(-1)
        allowed = max(2, 0.01 * rows.numel())
        if rounded is not None:
            apart = ~close(rounded[i], wanted, 1e-4, torch.float32, least=0.02).all(-1)
            allowed = max(allowed, 2 * int(apart.sum()))
        if (~rows).sum() > allowed:
            return False
    return True


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
