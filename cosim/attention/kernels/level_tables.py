"""Cells that hold one of a few levels: their terms as tables, as few of them as the ages in use need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torch import Tensor

from ..levels import levels_of
from ..operation import full_scale_of
from ..quantisers import clip_gradient, nearest_level
from ..stages import OperationContext, cell_terms, column_of
from ..surrogate_gradient import linear_cell, linear_term
from .aging import NONE, TABLE, TILE, Aging

CLOSE = 2e-6
"""Largest error of fewer terms, as a share of the largest response."""
LITTLE = 3e-5
"""Largest share of the largest response, and of the largest slope, that is a remainder."""
SLOPES_COUNT = 0.2
"""Weight of the slopes' error beside the responses' in `CLOSE`."""


@dataclass(frozen=True)
class LevelTerms:
    """Terms by level of one array, float64: (terms, levels), then the loading's row where there is one."""

    table: Tensor
    slope: Tensor
    """Derivative by the voltage asked for."""
    gradient: Tensor
    """Response in the gradient of the pulses."""
    constant: float
    """What every cell has in common, of any level and age."""
    gradient_constant: float
    """Its part in the gradient of the pulses."""

    def mixed(self, mix: Tensor) -> LevelTerms:
        """Terms that are sums of these: mix (terms, new terms)."""
        count = len(mix)
        rows = (self.table, self.slope, self.gradient)
        table, slope, gradient = (torch.cat([mix.T @ row[:count], row[count:]]) for row in rows)
        return replace(self, table=table, slope=slope, gradient=gradient)

    def tables(self) -> tuple[Tensor, Tensor, Tensor]:
        """As the operators take them: float32 with a last entry for what is not a number."""
        if self.table.numel() == 0:
            return self.table, self.slope, self.gradient
        return _with_missing(self.table), _with_missing(self.slope), _with_missing(self.gradient)


AS_THEY_COME = LevelTerms(torch.empty(0), torch.empty(0), torch.empty(0), 0.0, 0.0)
"""Of elements that come as terms."""


def terms_by_level(op: OperationContext, array: int, dropped: list[bool]) -> LevelTerms:
    """Response of every level, and its derivative by the voltage asked for."""
    hardware = op.hardware
    levels = hardware.levels.key if array == 1 else hardware.levels.value
    full_scale = full_scale_of(array, op)
    with torch.enable_grad():
        asked = torch.linspace(hardware.v_min, hardware.v_max, levels, dtype=torch.float64).requires_grad_()
        stored = hardware.write(asked) if op.effects.write and hardware.write is not None else asked
        terms = [r.flatten() / full_scale for r, _ in cell_terms(stored.reshape(1, 1, -1, 1), array, op)]
        acting = terms
        if op.gradient == "fixed-slope":
            line = linear_cell(hardware)(stored) / full_scale
            linear_index = linear_term(hardware, op.effects.decay, len(terms))
            acting = [line if i == linear_index else torch.zeros_like(line) for i in range(len(terms))]
        constant, responses = _split_off(terms, dropped)
        gradient_constant, acting = _split_off(acting, dropped)
        column = column_of(array, op)
        loading = [] if column is None else [column.loading(stored)]
        slopes = [_derivative(r, asked) for r in responses + loading]
    rows = (responses + loading, slopes, acting + loading)
    return LevelTerms(*(torch.stack([x.detach() for x in row]) for row in rows), constant, gradient_constant)


def levels_in_array(x: Tensor, array: int, op: OperationContext) -> Tensor:
    """Levels of all elements of an array: of complementary rows and of the normalising column too.

    Args:
        x: volts to store, or levels (uint8), shape (B, Hkv, S, D).
        array: 1 (keys) or 2 (values).
        op: settings of the operation.

    Returns:
        Shape (B, Hkv, S, R) or (B, Hkv, S, C), int32; for NaN the number of levels, which is one too many.
    """
    hardware = op.hardware
    levels = hardware.levels.key if array == 1 else hardware.levels.value
    if array == 2 and hardware.normaliser is not None:
        column = x.new_full((*x.shape[:-1], 1), hardware.normaliser, dtype=torch.float32)
        column = column.to(x.dtype) if x.is_floating_point() else levels_of(column, 2, hardware)
        x = torch.cat([x, column], dim=-1)
    if x.is_floating_point():
        x = x.clamp(hardware.v_min, hardware.v_max)
        level = (
            nearest_level(x, hardware.v_min, hardware.v_max, levels).nan_to_num_(nan=levels).to(torch.int32)
        )
    else:
        level = x.to(torch.int32).clamp_(max=levels)
    if array == 1 and hardware.signed_query == "mirrored":
        complement = levels - 1 - level
        level = torch.cat([level, complement.masked_fill(complement < 0, levels)], dim=-1)
    return level


def gradient_by_volts(grad: Tensor, x: Tensor, array: int, op: OperationContext) -> Tensor:
    """Gradient by volts; the quantiser is straight-through.

    Args:
        grad: gradient by the voltage of each element's level, in the shape of `levels_in_array`.
        x: volts, shape (B, Hkv, S, D).
        array: 1 (keys) or 2 (values).
        op: settings of the operation.
    """
    hardware, depth = op.hardware, x.shape[-1]
    own = grad[..., :depth]
    if array == 1 and hardware.signed_query == "mirrored":
        own = own - grad[..., depth:]
    return clip_gradient(own, x, hardware.v_min, hardware.v_max)


def with_fewer_terms(aging: Aging, arrays: list[LevelTerms], reach: int) -> tuple[Aging, list[LevelTerms]]:
    """The same charges at ages 0 .. reach - 1 by fewer terms, where that is possible.

    Within a window the decay has nearly two degrees of freedom, however many terms describe it. The new
    terms are the leading singular vectors of the charges, or their mean, which has no factor, and the leading
    vectors of the rest.
    """
    terms = len(aging.kinds)
    weights = torch.cat([shares_of(array, terms, SLOPES_COUNT) for array in arrays])
    mean = aging.factors[:, :reach].mean(1, keepdim=True)
    none = torch.empty(terms, 0, dtype=torch.float64)
    # A constant term costs less than one that ages, so that it comes first among equals.
    for count in range(terms - 1):
        for constant in (mean, none):
            moving = aging.factors[:, :reach] - constant.sum(1, keepdim=True)
            by_age = _leading(weights @ moving, count + 1 - constant.shape[1])
            if by_age is not None:
                return _mixed(aging, arrays, weights, constant, by_age, reach)
    return aging, arrays


def _leading(shape: Tensor, count: int) -> Tensor | None:
    """The `count` functions of age, (count, ages), closest to `shape` (rows, ages); None if not `CLOSE`."""
    by_age = torch.linalg.svd(shape, full_matrices=False).Vh[:count]
    return by_age if (shape - shape @ by_age.T @ by_age).abs().max() <= CLOSE else None


def _mixed(
    aging: Aging, arrays: list[LevelTerms], weights: Tensor, constant: Tensor, by_age: Tensor, reach: int
) -> tuple[Aging, list[LevelTerms]]:
    """The terms as sums of a constant one, (terms, 1) or (terms, 0), and of functions of age."""
    moving = aging.factors - constant.sum(1, keepdim=True)
    # Beyond the reach the same combinations go on. What no cell has much of must not count in them.
    mixed = moving[:, :reach] @ by_age.T
    by_age = torch.linalg.pinv(weights @ mixed) @ (weights @ moving)
    largest = by_age[:, :reach].abs().amax(1, keepdim=True)
    steady = constant.shape[1]
    factors = torch.cat([torch.ones(steady, aging.factors.shape[1], dtype=torch.float64), by_age / largest])
    mix = torch.cat([constant, mixed * largest.T], dim=1)
    kinds = torch.tensor(steady * [NONE] + len(by_age) * [TABLE], dtype=torch.int32)
    rates = steady * [0.0] + len(by_age) * [None]
    fewer = Aging(kinds, factors, torch.ones(len(kinds), TILE), aging.dropped, rates)
    return fewer, [array.mixed(mix) for array in arrays]


def with_remainder(aging: Aging, arrays: list[LevelTerms], reach: int) -> tuple[Aging, list[LevelTerms]]:
    """Exactly the same charges, by terms of which some are so little that they need few digits.

    What ages says much the same in several terms: of exp(-r a), exp(-2 r a) and exp(-3 r a) the second is
    nearly a sum of the others. It is written as that sum, by which their responses grow, and a remainder that
    is at most `LITTLE`. Products in split numbers compute that with one digit.
    """
    terms = len(aging.kinds)
    weights = torch.cat([shares_of(array, terms) for array in arrays])
    for count in range(1, terms):
        for kept in combinations(range(terms), count):
            others = [term for term in range(terms) if term not in kept]
            base, rest = aging.factors[list(kept)], aging.factors[others]
            shares = torch.linalg.lstsq(base[:, :reach].T, rest[:, :reach].T).solution.T
            remainder = rest - shares @ base
            if (weights[:, others] @ remainder[:, :reach]).abs().max() <= LITTLE:
                return _split(aging, arrays, list(kept), others, shares, remainder)
    return aging, arrays


def _split(
    aging: Aging,
    arrays: list[LevelTerms],
    kept: list[int],
    others: list[int],
    shares: Tensor,
    remainder: Tensor,
) -> tuple[Aging, list[LevelTerms]]:
    """The kept terms with the others' shares in them, then what remains of the others."""
    largest = remainder.abs().amax(1, keepdim=True).clamp_min(1e-300)
    mix = torch.zeros(len(kept) + len(others), len(kept) + len(others), dtype=torch.float64)
    mix[kept, range(len(kept))] = 1.0
    mix[others, : len(kept)] = shares
    mix[others, range(len(kept), len(mix))] = largest.squeeze(1)
    kinds = torch.cat([aging.kinds[kept], aging.kinds.new_full((len(others),), TABLE)])
    lead = torch.cat([aging.lead[kept], torch.ones(len(others), TILE)])
    factors = torch.cat([aging.factors[kept], remainder / largest])
    rates = [aging.rates[term] for term in kept] + len(others) * [None]
    return Aging(kinds, factors, lead, aging.dropped, rates), [array.mixed(mix) for array in arrays]


def shares_of(array: LevelTerms, terms: int, slopes: float = 1.0) -> Tensor:
    """What is to be kept of an array's terms, in shares of its largest number, (rows, terms).

    Args:
        array: responses, slopes and responses in the gradient.
        terms: number of terms, without the loading.
        slopes: weight of the slopes.
    """
    rows = (array.table, array.gradient, array.slope)
    peaks = [row[:terms].abs().max().clamp_min(1e-300) for row in rows]
    shares = [row[:terms].T / peak for row, peak in zip(rows, peaks, strict=True)]
    return torch.cat([*shares[:2], slopes * shares[2]])


def _split_off(terms: list[Tensor], dropped: list[bool]) -> tuple[float, list[Tensor]]:
    """What the dropped terms, the same at every level, give; and the others."""
    given = sum(float(r[0]) for r, left_out in zip(terms, dropped, strict=True) if left_out)
    return given, [r for r, left_out in zip(terms, dropped, strict=True) if not left_out]


def _with_missing(rows: Tensor) -> Tensor:
    return torch.cat([rows, rows.new_full((len(rows), 1), torch.nan)], dim=1).float().contiguous()


def _derivative(y: Tensor, x: Tensor) -> Tensor:
    if not y.requires_grad:
        return torch.zeros_like(x)
    found = torch.autograd.grad(y.sum(), x, retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(x) if found is None else found
