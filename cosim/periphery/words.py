"""Words of the scalers: x, a and b as whole numbers of a given length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...circuits.digital.blocks import REACH, fraction_of
from .activations import Scaling

TINY = 1e-30
"""Smallest divisor: a head may have a factor of 0, or elements that are all 0."""


@dataclass(frozen=True)
class Words:
    """Whole numbers that a scaler computes with: level = (a x + b) / 2^fraction, rounded and clipped."""

    x: np.ndarray
    """Elements, shape (n, D)."""
    a: np.ndarray
    """Factors, shape (n,)."""
    b: np.ndarray
    """Offsets, shape (n,)."""
    fraction: int
    """Bits after the point of a and b."""

    def levels(self, low: int, high: int) -> np.ndarray:
        """Levels that the scaler gives, shape (n, D).

        Args:
            low: lowest level.
            high: highest level.
        """
        exact = self.a[:, None] * self.x + self.b[:, None]
        return np.clip(np.rint(exact / 2**self.fraction), low, high).astype(int)


def words_of(scaling: Scaling, word: int) -> Words:
    """Words of a scaler's inputs.

    The step of x is that of the largest element in `word` bits; a smaller one where the factor would not fit,
    which cuts off elements that are far beyond the levels.

    Args:
        scaling: inputs of the scaler.
        word: bits of x and a; b has twice as many.
    """
    largest, fraction = 2 ** (word - 1) - 1, fraction_of(word, word, REACH)
    step = np.maximum(np.abs(scaling.x).max(1) / largest, TINY)
    step = np.minimum(step, largest / 2**fraction / np.maximum(np.abs(scaling.scale), TINY))
    x = np.clip(np.rint(scaling.x / step[:, None]), -largest - 1, largest)
    a = np.rint(scaling.scale * step * 2**fraction)
    limit = 2 ** (2 * word - 1)
    b = np.clip(np.rint(scaling.shift * 2**fraction), -limit, limit - 1)
    return Words(*(values.astype(int) for values in (x, a, b)), fraction)


def output_words(scaling: Scaling, a: int, x: int, y: int) -> Words:
    """Words of the output's scaler, whose x is the sum of counts as it is.

    The step of the output is the one with which each operation's largest element fills `y` bits.

    Args:
        scaling: inputs of the scaler, in the network's unit.
        a: bits of the factor.
        x: bits of the sum.
        y: bits of the output.
    """
    fraction = fraction_of(a, x, y - 1)
    exact = scaling.x * scaling.scale[:, None] + scaling.shift[:, None]
    step = np.maximum(np.abs(exact).max(1) / (2 ** (y - 1) - 1), TINY)
    step = np.maximum(step, np.abs(scaling.scale) * 2**fraction / (2 ** (a - 1) - 1))
    factor, offset = (np.rint(values / step * 2**fraction) for values in (scaling.scale, scaling.shift))
    limit = 2 ** (a + x - 1)
    return Words(
        scaling.x.astype(int), factor.astype(int), np.clip(offset, -limit, limit - 1).astype(int), fraction
    )
