"""What is compared in benchmarks/attention.py: shapes, and the ways of computing attention on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from dense import DenseAttention, Manner
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from gaincell.cosim import Effects, gain_cell_attention, levels_of
from gaincell.models import Hardware

LAYERS = 12
"""Layers that a token passes, which sets the time between tokens."""


@dataclass(frozen=True)
class Case:
    """One shape: the last `queries` of `keys` tokens attend within a window."""

    queries: int
    keys: int
    window: int
    batch: int = 1
    heads: int = 12
    head_dim: int = 64

    @property
    def name(self) -> str:
        if self.queries == 1:
            return f"decode/{self.keys}"
        return f"{self.queries}/{self.window}"

    @property
    def windowed(self) -> bool:
        """Whether some causal pairs lie outside the window."""
        return self.keys > self.window

    @property
    def pairs(self) -> int:
        """(query, key) pairs inside the window, of one head."""
        first = self.keys - self.queries
        return sum(min(position + 1, self.window) for position in range(first, self.keys))


CASES = (
    Case(256, 256, 256),
    Case(1024, 1024, 1024),
    Case(2048, 2048, 1024),
    Case(2048, 2048, 256),
    Case(1, 1024, 1024),
)
GPU_CASES = tuple(replace(case, batch=8) for case in CASES)


@dataclass(frozen=True)
class Signals:
    """Inputs of one case: q (B, H, T, D) pulse widths, k and v (B, H, S, D) in V, and dL/d(output)."""

    q: Tensor
    k: Tensor
    v: Tensor
    grad: Tensor

    @classmethod
    def draw(cls, case: Case, device: torch.device, dtype: torch.dtype, seed: int = 0) -> Signals:
        """Spread over the converters' ranges, a few per cent of it beyond them."""
        generator = torch.Generator().manual_seed(seed)
        new = partial(torch.randn, generator=generator)
        stored = (case.batch, case.heads, case.keys, case.head_dim)
        asked = (case.batch, case.heads, case.queries, case.head_dim)
        tensors = 0.5 + 0.25 * new(asked), 0.45 + 0.2 * new(stored), 0.45 + 0.2 * new(stored), new(asked)
        q, k, v, grad = (tensor.to(device, dtype) for tensor in tensors)
        return cls(*(x.requires_grad_() for x in (q, k, v)), grad)

    def forward(self, attention: Attention) -> Tensor:
        """Inference."""
        with torch.no_grad():
            return attention(self.q, self.k, self.v)

    def training(self, attention: Attention) -> tuple[Tensor, ...]:
        """Forward and backward."""
        return torch.autograd.grad(attention(self.q, self.k, self.v), (self.q, self.k, self.v), self.grad)


Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
Build = Callable[[Case, torch.device, torch.dtype], Attention]


@dataclass(frozen=True)
class Contender:
    """One way of computing attention."""

    build: Build
    """Attention for one case. It raises at its first use where it does not exist here."""
    windowed_only: bool = False
    decode_only: bool = False
    published: bool = False
    """Whether it computes the published equations with decay, so that the outputs must agree."""

    def fits(self, case: Case) -> bool:
        """Whether there is anything to compare in this case."""
        return (case.windowed or not self.windowed_only) and (case.queries == 1 or not self.decode_only)


def dense(terms: str) -> Build:
    """The plain transcription with the public code's gradient."""

    def build(case: Case, device: torch.device, dtype: torch.dtype) -> Attention:
        manner = Manner(terms=terms, gradient="surrogate")
        return DenseAttention(case.queries, case.keys, case.window, manner, device=device, dtype=dtype)

    return build


def exact_causal(case: Case, device: torch.device, dtype: torch.dtype) -> Attention:
    """Exact softmax without a window, in torch's fastest way: flash attention."""
    kernel = partial(scaled_dot_product_attention, is_causal=case.queries > 1)

    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return kernel(q, k, v)

    # Flash attention on a GPU takes half precision only, and choosing a kernel by hand costs time.
    return attention if device.type == "cuda" and dtype != torch.float32 else kernel


def exact_band(case: Case, device: torch.device, dtype: torch.dtype) -> Attention:
    """Exact softmax with the window as a mask."""
    position = torch.arange(case.keys, device=device)
    age = position[-case.queries :, None] - position
    return partial(scaled_dot_product_attention, attn_mask=(age >= 0) & (age < case.window))


def ours(implementation: str, hardware: str = "leroux2025", *, decay: bool = True) -> Build:
    """`gain_cell_attention` by one of its implementations."""

    def build(case: Case, device: torch.device, dtype: torch.dtype) -> Attention:
        chip = Hardware.from_pretrained(hardware)
        return partial(
            gain_cell_attention,
            hardware=chip,
            window=case.window,
            effects=Effects() if decay else Effects().without("decay"),
            token_period=None if chip.timing is None else LAYERS * chip.timing.latency,
            implementation=implementation,
        )

    return build


def on_levels(implementation: str, hardware: str = "leroux2025") -> Build:
    """The same on what a `LevelCache` holds, which was written before."""

    def build(case: Case, device: torch.device, dtype: torch.dtype) -> Attention:
        chip = Hardware.from_pretrained(hardware)
        attention = ours(implementation, hardware)(case, device, dtype)
        asked: tuple[Tensor, ...] = ()
        written: tuple[Tensor, ...] = ()

        def read(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            nonlocal asked, written
            if not asked or asked[0] is not k or asked[1] is not v:
                asked, written = (k, v), (levels_of(k, 1, chip), levels_of(v, 2, chip))
            return attention(q, *written)

        return read

    return build


def reading(case: Case, device: torch.device, dtype: torch.dtype) -> Attention:
    """No attention: every key and value is added up, which is the least that reading them takes."""
    return lambda q, k, v: q + (k.sum() + v.sum())


DENSE, DENSE_FOUR, EXACT, BAND = "dense", "dense, four terms", "sdpa", "sdpa band"
REFERENCE = "reference"
"""The oracle, slow and with T x S tensors: only where it is asked for."""
STEADY = " without decay"
"""Suffix of the contenders that leave decay out."""
LEVELS = " on levels"
"""Suffix of the contenders whose cache holds levels."""


def contenders(device: torch.device) -> dict[str, Contender]:
    """By name, in the order of the table."""
    fast = "triton" if device.type == "cuda" else "native"
    found = {
        DENSE: Contender(dense("published"), published=True),
        DENSE_FOUR: Contender(dense("collapsed"), published=True),
        EXACT: Contender(exact_causal),
        BAND: Contender(exact_band, windowed_only=True),
    }
    found["reading alone"] = Contender(reading, decode_only=True)
    for name in (REFERENCE, "torch", fast):
        found[name] = Contender(ours(name), published=True)
    found[fast + LEVELS] = Contender(on_levels(fast), published=True, decode_only=True)
    for name in ("torch", fast):
        found[name + STEADY] = Contender(ours(name, decay=False))
    for name in ("torch", fast):
        found[f"{name}, generic28"] = Contender(ours(name, "generic28"))
    return found
