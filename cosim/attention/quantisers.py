"""Anchored quantisers: n levels are n equally spaced values, both ends of the range included."""

from __future__ import annotations

import torch
from torch import Tensor

JUST_BEYOND = 1e-30
"""Stands for the next number beyond 0."""


def straight_through(x: Tensor, rounded: Tensor) -> Tensor:
    """Value of `rounded` with the gradient of `x`.

    Args:
        x: exact value, any shape.
        rounded: rounded value, same shape and unit.
    """
    if not torch.is_grad_enabled():
        return rounded
    # The bracket is exactly zero, whereas x + (rounded - x) has a rounding error.
    return rounded.detach() + (x - x.detach())


def nearest_level(x: Tensor, low: float, high: float, levels: int) -> Tensor:
    """Number of the nearest of equally spaced levels, from 0 for `low`; of two nearest ones the even one.

    The division comes first and is rounded on its own, here as in every implementation: another order, or a
    product with the reciprocal, moves values midway between two levels to the other one.

    Args:
        x: values in [low, high], any shape, floating point.
        low: lowest level, in the unit of `x`.
        high: highest level, in the unit of `x`.
        levels: number of levels.

    Returns:
        Whole numbers, in the shape and dtype of `x`; NaN for NaN.
    """
    span: Tensor | float = high - low
    if x.is_cuda:
        # On CUDA, torch divides by a number through its reciprocal; by a tensor it divides.
        span = torch.full((), span, dtype=x.dtype, device=x.device)
    above = x - low if low else x
    return (above / span).mul_(levels - 1).round_()


def quantise(x: Tensor, low: float, high: float, levels: int) -> Tensor:
    """Nearest of equally spaced levels, both ends of the range included, with a straight-through gradient.

    Args:
        x: values in [low, high], any shape.
        low: lowest level, in the unit of `x`.
        high: highest level, in the unit of `x`.
        levels: number of levels.
    """
    level = nearest_level(x, low, high, levels)
    return straight_through(x, low + (high - low) * (level / (levels - 1)))


def count(width: Tensor, levels: int) -> Tensor:
    """Signed width as read by the counter: a sign and levels / 2 magnitudes, 0 and 1 included.

    Args:
        width: pulse width, any shape, fraction of T_max in [-1, 1].
        levels: number of levels of the counter, even.
    """
    steps = levels // 2 - 1
    return straight_through(width, torch.round(width * steps) / steps)


def clip_gradient(grad: Tensor, x: Tensor, low: float, high: float) -> Tensor:
    """Gradient by the argument of a clip: `grad` where low <= x <= high, 0 elsewhere, as of `torch.clamp`.

    Args:
        grad: gradient by the clipped numbers, broadcastable to `x`.
        x: numbers before the clip, any shape.
        low: lower limit.
        high: upper limit.
    """
    # One pass, where comparisons would be several; it leaves out both ends, hence the next numbers outside.
    spare = torch.finfo(x.dtype).eps
    low, high = low - (spare * abs(low) or JUST_BEYOND), high + (spare * abs(high) or JUST_BEYOND)
    return torch.ops.aten.hardtanh_backward(grad, x, low, high)
