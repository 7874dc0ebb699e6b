"""Random stored values and pulses of columns and arrays, with the statistics of trained networks."""

from __future__ import annotations

import numpy as np

from ..circuits.designs import Designs, LevelCounts

FULL_SCALE_CELLS = {False: 8, True: 4}
"""Approximate number of cells at the full stored voltage and pulse that give the converter's full scale, by
`signed`."""


def signs_queries(designs: Designs) -> bool:
    """Whether the K array takes queries of both signs."""
    return designs.array.mirrored or designs.converter.phases == 2


def draw_column(
    rng: np.random.Generator,
    rows: int,
    signed: bool,
    levels: LevelCounts | None = None,
    *,
    negative: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the stored values and pulses of one column.

    In three draws out of four the stored values are levels of the write DAC; in the fourth they are
    continuous, since aged cells are not on levels. The widths of query pulses are those of the DAC; the
    widths of phi, the pulses of the V array, are continuous. The mean and spread of the stored values, the
    fraction of rows with a pulse, and the correlation between widths and stored values vary from draw to
    draw, since training aligns queries and keys. Draws far beyond the converter's range, which it would clip,
    are repeated.

    Args:
        rng: random generator.
        rows: number of cells in the column.
        signed: a column of the V array, read by the signed converter; otherwise of the K array.
        levels: number of levels of the DACs; the default design's if None.
        negative: queries have both signs, so that widths lie in [-1, 1].

    Returns:
        Stored values, shape (rows,), fractions of the supply; pulse widths, shape (rows,), fractions of the
        longest pulse.
    """
    levels = levels or LevelCounts()
    while True:
        mean, spread, lean = rng.normal(0.5, 0.12), rng.uniform(0.08, 0.9), rng.uniform(-0.9, 0.9)
        value, other = rng.standard_normal((2, rows))
        stored = np.clip(mean + spread * value, 0.0, 1.0)
        if rng.random() < 0.75:
            stored = round_to_levels(stored, levels.value if signed else levels.key)
        centre, reach = (rng.normal(0.0, 0.15), 0.5) if negative else (rng.uniform(0.0, 0.9), 0.35)
        width = centre + reach * (lean * value + np.sqrt(1 - lean**2) * other)
        width = np.clip(width, -1.0 if negative else 0.0, 1.0) * (rng.random(rows) < rng.uniform(0.05, 1.5))
        if not signed:
            width = round_to_levels(width, levels.query)
        charge = np.sum(width * (2 * stored - 1)) / FULL_SCALE_CELLS[signed]
        if (-1.4 if signed else 0.0) < charge < 1.4:
            return stored, np.where(np.abs(width) < 0.01, 0.0, width)


def draw_chain(
    rng: np.random.Generator, size: int, levels: LevelCounts | None = None, *, negative: bool = False
) -> dict[str, np.ndarray]:
    """Draw the query, keys and values of one chain.

    Keys are correlated with the query, so that an array with a fifth of the full array's cells still reaches
    the converters' full scale; the correlation is weaker for more rows. About half of the products are
    positive, as the threshold of phi requires.

    Args:
        rng: random generator.
        size: number of tokens and of dimensions.
        levels: number of levels of the DACs; the default design's if None.
        negative: make a random half of the query negative, in [-1, 0), and mirror its keys about 1/2.

    Returns:
        `query` of shape (size,), `key` and `value` of shape (size, size), levels in [0, 1].
    """
    levels = levels or LevelCounts()
    query = rng.beta(1.5, 1.5, size)
    reach = min(1.0, 16 / size)
    lean = reach * (rng.normal(0.0, 0.5, (1, size)) + 0.2)
    key = np.clip(0.5 + lean * rng.uniform(0.2, 1.0, (size, size)) + rng.normal(0, 0.2, (size, size)), 0, 1)
    value = np.clip(rng.normal(0.5, 0.35, (size, size)) + reach * rng.normal(0, 0.15, (1, size)), 0, 1)
    if negative:
        flipped = rng.random(size) < 0.5
        query = np.where(flipped, -query, query)
        key = np.where(flipped[:, None], 1 - key, key)
    return {
        "query": round_to_levels(query, levels.query),
        "key": round_to_levels(key, levels.key),
        "value": round_to_levels(value, levels.value),
    }


def round_to_levels(x: np.ndarray, levels: int) -> np.ndarray:
    """Round to equally spaced levels.

    Args:
        x: values in [-1, 1], any shape.
        levels: number of levels in [0, 1]; negative values use the negatives of the levels.

    Returns:
        Rounded values in the shape of `x`.
    """
    return np.round(x * (levels - 1)) / (levels - 1)
