"""Random contents and pulses of columns and arrays, as trained networks use them."""

from __future__ import annotations

import numpy as np

from ..circuits.designs import Designs, LevelCounts

FULL_SCALE_CELLS = {False: 8, True: 4}
"""By `signed`: about how many cells, full and with a full pulse, make the converter's full scale."""


def signs_queries(designs: Designs) -> bool:
    """Whether the K array takes queries of either sign."""
    return designs.array.mirrored or designs.converter.phases == 2


def draw_column(
    rng: np.random.Generator,
    rows: int,
    signed: bool,
    levels: LevelCounts | None = None,
    *,
    negative: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Random contents and pulses of one column, as fractions of the supply and of the longest pulse.

    Stored values are levels of the write DAC in three draws out of four, and anything between the rails in
    the fourth (aged cells are not on levels). The query's pulses are on the DAC's widths; those of phi, which
    the signed converter's column sees, take any width. Mean and spread of the contents, the share of rows
    with a pulse, and how far long pulses meet high voltages vary from draw to draw, since a trained network
    aligns them. Draws far beyond the converter's range are drawn again: it would clip them.

    Args:
        rng: source of the draw.
        rows: cells in the column.
        signed: a column of the V array, read by the signed converter; otherwise of the K array.
        levels: of the DACs; the default's.
        negative: queries take both signs, so widths lie in [-1, 1].
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
    """Random levels of one chain: query (size,), key (size, size), value (size, size), each in [0, 1].

    Keys lean towards the query, so that a fifth of the full array's cells still reaches the converters' full
    scale, and less the more rows there are; about half of the products are positive, as phi's threshold
    wants. `negative`: a random half of the query is negative, in [-1, 0), and its keys are mirrored with it.
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
    """x on `levels` equally spaced values of [0, 1], and on their negatives."""
    return np.round(x * (levels - 1)) / (levels - 1)
