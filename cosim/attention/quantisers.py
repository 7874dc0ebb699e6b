"""Anchored quantisers: n levels are n equally spaced values, both ends of the range included."""

from __future__ import annotations

import torch
from torch import Tensor


def straight_through(x: Tensor, rounded: Tensor) -> Tensor:
    """Value of `rounded` with the gradient of `x`.

    Args:
        x: exact value, any shape.
        rounded: rounded value, same shape and unit.
    """
    # The bracket is exactly zero, whereas x + (rounded - x) has a rounding error.
    return rounded.detach() + (x - x.detach())


def quantise(x: Tensor, low: float, high: float, levels: int) -> Tensor:
    """Nearest of equally spaced levels, both ends of the range included, with a straight-through gradient.

    Args:
        x: values in [low, high], any shape.
        low: lowest level, in the unit of `x`.
        high: highest level, in the unit of `x`.
        levels: number of levels.
    """
    span, steps = high - low, levels - 1
    return straight_through(x, low + span * (torch.round((x - low) / span * steps) / steps))


def count(width: Tensor, levels: int) -> Tensor:
    """Signed width as read by the counter: a sign and levels / 2 magnitudes, 0 and 1 included.

    Args:
        width: pulse width, any shape, fraction of T_max in [-1, 1].
        levels: number of levels of the counter, even.
    """
    steps = levels // 2 - 1
    return straight_through(width, torch.round(width * steps) / steps)
