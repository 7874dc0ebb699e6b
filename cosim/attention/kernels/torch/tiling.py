"""Which queries meet which keys, as blocks that share one read-out of one sub-tile: plain integers.

A run is what one lap of the ring writes into one sub-tile: consecutive keys, at most as many as the sub-tile
has columns. A query sees the newest run of a sub-tile and, while that one is being written, what is left of
the run before it; their charges meet on the same bit lines and are read out together.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise

Run = tuple[int, int]
"""First index and the one after the last."""


@dataclass(frozen=True)
class Block:
    """Queries that have the same runs of one sub-tile in reach."""

    tile: int
    """Which sub-tile of the ring."""
    rows: Run
    """First query and the one after the last."""
    runs: tuple[Run, ...]
    """First packed key of each run and the one after its last."""


def blocks_of(
    queries: int,
    keys: int,
    *,
    key_start: int,
    window: int | None,
    columns: int,
    lag: tuple[int, int] = (0, 0),
    most_rows: int | None = None,
) -> list[Block]:
    """Blocks of the last `queries` of `keys` positions, by sub-tile.

    most_rows: of a block, which then has none on both sides of a multiple of them; None for any.
    lag: least and most that a query's position falls behind its index, because of padding before it.
    """
    # Index of the query that stands at the position of packed key 0.
    start = queries - keys
    spans: dict[int, list[tuple[int, int, Run]]] = {}
    for tile, first, end in _runs(keys, key_start, window, columns):
        reach = queries if window is None else min(queries, start + end - 1 + window + lag[1])
        arrival = max(0, start + first + lag[0])
        if arrival < reach:
            spans.setdefault(tile, []).append((arrival, reach, (first, end)))
    return [
        Block(tile, rows, tuple(run for arrival, reach, run in found if arrival <= rows[0] < reach))
        for tile, found in spans.items()
        for rows in _segments(found, most_rows)
    ]


def stretches_of(blocks: list[Block], rows: int) -> list[list[Block]]:
    """The blocks of every so many rows, in that order; none of them has rows of two stretches."""
    ordered = sorted(blocks, key=lambda block: block.rows[0] // rows)
    return [list(own) for _, own in groupby(ordered, key=lambda block: block.rows[0] // rows)]


def reach_of(blocks: list[Block]) -> Run:
    """The keys from the first to the last that these blocks have in reach."""
    runs = [run for block in blocks for run in block.runs]
    return min(first for first, _ in runs), max(end for _, end in runs)


def _runs(keys: int, key_start: int, window: int | None, columns: int) -> list[tuple[int, int, int]]:
    """(sub-tile, first packed key, the one after the last) of every run."""
    runs, position, end = [], key_start, key_start + keys
    while position < end:
        lap = 0 if window is None else position // window * window
        tile = (position - lap) // columns
        until = min(end, lap + (tile + 1) * columns)
        if window is not None:
            until = min(until, lap + window)
        runs.append((tile, position - key_start, until - key_start))
        position = until
    return runs


def _segments(spans: list[tuple[int, int, Run]], most_rows: int | None) -> list[Run]:
    """Stretches of queries that no run enters or leaves, where there is any."""
    cuts = sorted({cut for arrival, reach, _ in spans for cut in (arrival, reach)})
    segments = []
    for first, end in pairwise(cuts):
        if any(arrival <= first < reach for arrival, reach, _ in spans):
            step = most_rows or end
            inner = range((first // step + 1) * step, end, step)
            segments += pairwise([first, *inner, end])
    return segments
