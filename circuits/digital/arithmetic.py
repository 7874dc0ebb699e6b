"""Python models of the blocks, in whole numbers: what the Verilog must give, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def counted(width: float, steps: int) -> int:
    """Rising edges inside a pulse that begins with the window.

    The edges are in the middle of the level steps, so the count is the nearest magnitude, as
    of `quantisers.count`; a pulse that ends with an edge is not counted.

    Args:
        width: pulse width, fraction of the window.
        steps: number of level steps in the window.
    """
    return max(0, int(np.ceil(abs(width) * steps - 0.5)))


def accumulated(counts: Sequence[int], negative: Sequence[bool], active: Sequence[bool]) -> int:
    """Sum of the signed read-outs of the active sub-tiles, in counts.

    Args:
        counts: magnitude of each sub-tile.
        negative: sign of each sub-tile.
        active: whether each sub-tile is operated.
    """
    return sum(
        -count if minus else count
        for count, minus, used in zip(counts, negative, active, strict=True)
        if used
    )


def divided(numerator: int, denominator: int, fraction: int) -> int:
    """numerator / max(denominator, 1/2), truncated towards zero, in units of 2^-fraction.

    Args:
        numerator: sum of a column, counts.
        denominator: sum of the normalising column, counts.
        fraction: bits after the point.
    """
    magnitude = (abs(numerator) << (fraction + 1)) // max(2 * denominator, 1)
    return -magnitude if numerator < 0 else magnitude


def scaled(x: int, a: int, b: int, fraction: int, low: int, high: int) -> int:
    """a x + b rounded to the nearest level, of two nearest ones to the even one, and clipped.

    Args:
        x: input, whole number.
        a: factor, units of 2^-fraction output levels.
        b: offset, units of 2^-fraction output levels.
        fraction: bits after the point.
        low: lowest level.
        high: highest level.
    """
    exact, half = a * x + b, 1 << (fraction - 1)
    level, rest = exact >> fraction, exact & ((1 << fraction) - 1)
    level += rest > half or (rest == half and level % 2 == 1)
    return min(max(level, low), high)


def ring_place(token: int, window: int, columns: int) -> tuple[int, int]:
    """Sub-tile and column within it of a stored token, as `ring.Positions`.

    Args:
        token: position of the token, in stored tokens.
        window: columns of the ring.
        columns: columns of a sub-tile.
    """
    return divmod(token % window, columns)
