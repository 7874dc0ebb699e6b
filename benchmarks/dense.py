"""The published attention in plain PyTorch with dense masks, the way its authors' public code computes it.

Source of the equations: N. Leroux et al., Nature Computational Science 5, 813-824 (2025), Methods; symbols
as in `gaincell.cosim.attention.reference`. Every (query, key) pair has a place in materialised T x S
tensors: the window is a mask, the decay of power i of the stored deviation is a matrix, the sub-tiles of
64 keys are a reshaped axis. It is what faster implementations are compared with, in value and in time.

The public code has had two forms of the products: a matrix product for each of the ten coefficients, or one
for each of the four powers and then ten sums. This has the second, which is the faster one on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from gaincell.models.published import CELL_COEFFICIENTS, DECAY_PER_TOKEN, LINEAR_SLOPE, V_IN, V_ZERO

COLUMNS = 64
"""Keys in a sub-tile."""
V_MAX = 0.9
SATURATION = (80.0, 40.0)
"""Charge that saturates the first and the second converter."""
LEVELS = {"query": 16, "key": 8, "value": 8, "output": 32}

TERMS = tuple(tuple(c * V_IN**j for j, c in enumerate(row)) for row in CELL_COEFFICIENTS)
"""C_ij V_in^j by power i of the stored deviation: ten numbers in four rows."""


@dataclass(frozen=True)
class Manner:
    """Choices that the equations leave open. The defaults give the values of `gain_cell_attention`."""

    terms: Literal["published", "collapsed"] = "published"
    """The ten terms C_ij added one after the other, as in the public code; or summed over j beforehand, since
    the amplitude V_in of a pulse is fixed. The values are the same but for rounding."""
    gradient: Literal["surrogate", "exact"] = "exact"
    """Of both products: those of the cell 19.3 x, which the public code takes, or the derivative."""
    output: Literal["anchored", "public"] = "anchored"
    """Output levels: a sign and 16 magnitudes up to 1, or the public code's multiples of 2 / 31, which are 33
    and go up to 1.032."""
    bfloat16_decay: bool = False
    """Whether the first product's decay is rounded to bfloat16, as in the public code."""


AS_PUBLIC = Manner(gradient="surrogate", output="public", bfloat16_decay=True)
"""Every choice of the public code."""


class DenseAttention:
    """Attention of the last T of S tokens, for one T, S and window (a multiple of 64, or at least S).

    Masks and decay matrices are made once, like the buffers of the public code, and shared by all heads.
    """

    def __init__(
        self,
        queries: int,
        keys: int,
        window: int,
        manner: Manner = Manner(),
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Raises `ValueError` for a window that neither is a multiple of 64 nor holds all keys."""
        if window < keys and window % COLUMNS:
            raise ValueError(
                f"window={window} must be a multiple of {COLUMNS}, or at least keys={keys}: the dense form "
                "cuts sub-tiles by position"
            )
        self.manner = manner
        self.tiles = min(-(-keys // COLUMNS), max(1, window // COLUMNS))
        """Sub-tiles of the ring."""
        self.padding = -keys % (self.tiles * COLUMNS)
        """Keys that fill up the last turn of the ring."""
        position = torch.arange(keys, device=device)
        age = position[-queries:, None] - position
        self.hidden = (age < 0) | (age >= window)
        """(T, S) bool."""
        decay = torch.exp(-DECAY_PER_TOKEN * age.clamp(min=0).to(dtype))
        self.decay_1 = decay.to(torch.bfloat16) if manner.bfloat16_decay else decay
        """(T, S), exp(-rate age)."""
        self.decay_2 = _tiled(pad(decay, (0, self.padding)), COLUMNS)
        """(tiles by position, T, 64)."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q: (B, H, T, D) pulse width / T_max; k, v: (B, H, S, D), V. Returns (B, H, T, D)."""
        widths = _quantised(q.clamp(0, 1), 1 / (LEVELS["query"] - 1))
        keys = _quantised(k.clamp(0, V_MAX), V_MAX / (LEVELS["key"] - 1)) - V_ZERO
        values = _quantised(v.clamp(0, V_MAX), V_MAX / (LEVELS["value"] - 1)) - V_ZERO
        phi = self._product(1, widths, keys.mT, self.decay_1).to(q.dtype) / SATURATION[0]
        phi = phi.masked_fill(self.hidden, 0.0).clamp(0, 1)
        phi, values = pad(phi, (0, self.padding)), pad(values, (0, 0, 0, self.padding))
        tiled = values.unflatten(2, (-1, COLUMNS))
        charge = self._per_ring_tile(self._product(2, _tiled(phi, COLUMNS), tiled, self.decay_2))
        return self._counted((charge / SATURATION[1]).clamp(-1, 1)).sum(2)

    def _product(self, array: int, pulses: Tensor, deviation: Tensor, decay: Tensor) -> Tensor:
        compute = CHARGE[self.manner.terms][array - 1]
        if self.manner.gradient == "exact":
            return compute(pulses, deviation, decay)
        return (Surrogate1 if array == 1 else Surrogate2).apply(compute, pulses, deviation, decay)

    def _per_ring_tile(self, charge: Tensor) -> Tensor:
        """(B, H, tiles by position, T, D) -> (B, H, tiles of the ring, T, D): a column is written again and
        again, and at most one of its keys is inside the window."""
        if charge.shape[2] == self.tiles:
            return charge
        return charge.unflatten(2, (-1, self.tiles)).sum(2)

    def _counted(self, width: Tensor) -> Tensor:
        levels = LEVELS["output"]
        step = 1 / (levels // 2 - 1) if self.manner.output == "anchored" else 2 / (levels - 1)
        return _quantised(width, step)


def _tiled(x: Tensor, columns: int) -> Tensor:
    """(..., T, S) -> (..., S / columns, T, columns), a view."""
    return x.unflatten(-1, (-1, columns)).transpose(-3, -2)


def published_1(widths: Tensor, deviation: Tensor, decay: Tensor) -> Tensor:
    """sum_ij C_ij V_in^j (widths @ deviation^i) decay^i: (B, H, T, D) and (B, H, D, S) -> (B, H, T, S)."""
    total = None
    for power, row in enumerate(TERMS):
        product = torch.matmul(widths, deviation.pow(power)) * decay.pow(power)
        for coefficient in row:
            total = _added(total, product * coefficient)
    return total


def published_2(phi: Tensor, deviation: Tensor, decay: Tensor) -> Tensor:
    """sum_ij C_ij V_in^j (phi decay^i) @ deviation^i in each tile: (B, H, tiles, T, 64) and (B, H, tiles, 64,
    D) -> (B, H, tiles, T, D)."""
    total = None
    for power, row in enumerate(TERMS):
        product = torch.matmul(phi * decay.pow(power), deviation.pow(power))
        for coefficient in row:
            total = _added(total, product * coefficient)
    return total


def collapsed_1(widths: Tensor, deviation: Tensor, decay: Tensor) -> Tensor:
    """`published_1` with one term for each power."""
    total = torch.matmul(widths, torch.full_like(deviation, sum(TERMS[0])))
    for power, row in enumerate(TERMS[1:], start=1):
        total = _added(total, torch.matmul(widths, deviation.pow(power) * sum(row)) * decay.pow(power))
    return total


def collapsed_2(phi: Tensor, deviation: Tensor, decay: Tensor) -> Tensor:
    """`published_2` with one term for each power."""
    total = torch.matmul(phi, torch.full_like(deviation, sum(TERMS[0])))
    for power, row in enumerate(TERMS[1:], start=1):
        total = _added(total, torch.matmul(phi * decay.pow(power), deviation.pow(power) * sum(row)))
    return total


def _added(total: Tensor | None, term: Tensor) -> Tensor:
    # In place: a sum of ten needs one T x S tensor, not ten, and no gradient needs the partial sums.
    return term if total is None else total.add_(term)


CHARGE = {"published": (published_1, published_2), "collapsed": (collapsed_1, collapsed_2)}


class Surrogate1(torch.autograd.Function):
    """The first product with the gradient of the linear cell, for which only its arguments are kept."""

    @staticmethod
    def forward(ctx, compute, widths, deviation, decay):
        ctx.save_for_backward(widths, deviation, decay)
        return compute(widths, deviation, decay)

    @staticmethod
    def backward(ctx, grad):
        widths, deviation, decay = ctx.saved_tensors
        aged = LINEAR_SLOPE * (grad * decay).to(widths.dtype)
        return None, torch.matmul(aged, deviation.mT), torch.matmul(widths.mT, aged), None


class Surrogate2(torch.autograd.Function):
    """The second product with the gradient of the linear cell."""

    @staticmethod
    def forward(ctx, compute, phi, deviation, decay):
        ctx.save_for_backward(phi, deviation, decay)
        return compute(phi, deviation, decay)

    @staticmethod
    def backward(ctx, grad):
        phi, deviation, decay = ctx.saved_tensors
        grad = LINEAR_SLOPE * grad
        return None, torch.matmul(grad, deviation.mT) * decay, torch.matmul((phi * decay).mT, grad), None


class Rounded(torch.autograd.Function):
    """Multiples of a step with the gradient of the argument."""

    @staticmethod
    def forward(ctx, x, step):
        return step * torch.round(x / step)

    @staticmethod
    def backward(ctx, grad):
        return grad, None


_quantised = Rounded.apply
