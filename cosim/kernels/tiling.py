"""Which queries meet which keys, as blocks that share one read-out of one sub-tile: plain integers.

A run is what one lap of the ring writes into one sub-tile: consecutive keys, at most as many as the sub-tile
has columns. A query sees the newest run of a sub-tile and, while that one is being written, what is left of
the run before it; their charges meet on the same bit lines and are read out together.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Block:
    """Queries that have the same runs of one sub-tile in reach."""

    tile: int
    """Which sub-tile of the ring."""
    rows: tuple[int, int]
    """First query and the one after the last."""
    runs: tuple[tuple[int, int], ...]
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
    """Blocks of the last `queries` of `keys` positions, by sub-tile; most_rows: longest block, None for any.

    lag: least and most that a query's position falls behind its index, because of padding before it.
    """
    # Index of the query that stands at the position of packed key 0.
    start = queries - keys
    spans: dict[int, list[tuple[int, int, tuple[int, int]]]] = {}
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


def _segments(spans: list[tuple[int, int, tuple[int, int]]], most_rows: int | None) -> list[tuple[int, int]]:
    """Stretches of queries that no run enters or leaves, where there is any."""
    cuts = sorted({cut for arrival, reach, _ in spans for cut in (arrival, reach)})
    segments = []
    for first, end in pairwise(cuts):
        if any(arrival <= first < reach for arrival, reach, _ in spans):
            step = most_rows or end - first
            segments += [(i, min(i + step, end)) for i in range(first, end, step)]
    return segments
