"""Which queries meet which keys, as blocks that fit a processor's cache.

A run is what one lap of the ring writes into one sub-tile: consecutive keys, at most as many as the sub-tile
has columns. Stored elements are laid out run by run, each with the same number of slots, so that one batched
product computes the second array for all runs of a block. Sub-tiles of a ring may hold two laps: their runs'
charges meet on the same bit lines and are read out together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...ring import Positions

NOWHERE = 2**40
"""Position of a slot without a key, later than any query's."""


@dataclass(frozen=True)
class Ring:
    """The keys of one call in slots, run by run."""

    columns: int
    """Slots of a run."""
    window: int | None
    """Columns of the ring; None: one per position."""
    tiles: int | None
    """Sub-tiles of the ring; None: as many as needed."""
    first: int
    """Number of the first run, counted from position 0."""
    runs: int
    """Number of runs."""
    keys: range
    """Positions of the keys."""
    index: Tensor | None
    """Packed index of each slot's key, shape (runs columns,), len(keys) for none; None: only the first and
    the last run may have slots without a key."""

    def span(self, run: int) -> tuple[int, int]:
        """Positions of a run's first key and after its last one; `run` counts from `first`."""
        run += self.first
        if self.tiles is None or self.window is None:
            return run * self.columns, (run + 1) * self.columns
        lap, tile = divmod(run, self.tiles)
        start = lap * self.window + tile * self.columns
        return start, min(start + self.columns, (lap + 1) * self.window)

    def slots(self, x: Tensor, dim: int) -> Tensor:
        """Numbers of the packed keys along `dim`, which is negative, by slot; zeros where there is no key."""
        if self.index is not None:
            shape = list(x.shape)
            shape[dim] = 1
            return torch.cat([x, x.new_zeros(shape)], dim).index_select(dim, self.index)
        before = self.keys.start - self.span(0)[0]
        after = self.runs * self.columns - before - len(self.keys)
        return x if before == after == 0 else pad(x, (-dim - 1) * (0, 0) + (before, after))

    def packed(self, x: Tensor, dim: int) -> Tensor:
        """Inverse of `slots`."""
        if self.index is None:
            return x.narrow(dim, self.keys.start - self.span(0)[0], len(self.keys))
        position = torch.arange(self.keys.start, self.keys.stop, device=x.device)
        run = _run_of(position, self.columns, self.window, self.tiles) - self.first
        return x.index_select(dim, run * self.columns + position % self.window % self.columns)


def ring_of(positions: Positions) -> Ring:
    """The slots of the keys of one call."""
    window, keys = positions.window, range(positions.key_start, positions.key_start + positions.keys)
    columns = positions.columns if window is None else min(positions.columns, window)
    tiles = None if window is None else -(-window // columns)
    first, last = (_run_of(position, columns, window, tiles) for position in (keys.start, keys.stop - 1))
    ring = Ring(columns, window, tiles, first, last + 1 - first, keys, None)
    if window is None or window % columns == 0:
        return ring
    position = positions_of_slots(ring, positions.query_position.device)
    return replace(ring, index=torch.where(position == NOWHERE, len(keys), position - keys.start))


def positions_of_slots(ring: Ring, device: torch.device) -> Tensor:
    """Position of each slot's key, shape (runs columns,); NOWHERE for none."""
    run = torch.arange(ring.first, ring.first + ring.runs, device=device)
    if ring.window is None or ring.tiles is None:
        start, end = run * ring.columns, (run + 1) * ring.columns
    else:
        start = run // ring.tiles * ring.window + run % ring.tiles * ring.columns
        end = torch.minimum(start + ring.columns, (run // ring.tiles + 1) * ring.window)
    position = start[:, None] + torch.arange(ring.columns, device=device)
    nowhere = (position >= end[:, None]) | (position < ring.keys.start) | (position >= ring.keys.stop)
    return torch.where(nowhere, NOWHERE, position).flatten()


def _run_of(position: Any, columns: int, window: int | None, tiles: int | None) -> Any:
    """Number of the run that holds a position, counted from position 0."""
    if window is None or tiles is None:
        return position // columns
    return position // window * tiles + position % window // columns


@dataclass(frozen=True)
class Piece:
    """Consecutive runs that a block's queries meet."""

    queries: int
    """Number t of queries."""
    first: int
    """First run, counted from the ring's first."""
    end: int
    """Run after the last."""
    offset: int
    """The first run's sub-tile, counted from the group's first."""
    slots: slice
    """The runs' slots."""
    unseen: Tensor | None
    """Which keys of the runs from `hidden` a query does not see, (t, 1, runs, columns); None: none."""
    hidden: slice
    """Runs with a key that some query does not see, counted from `first`."""
    tables: tuple[Tensor, ...]
    """Factor of each term with a table for all pairs, (t, 1, runs, columns)."""

    @property
    def runs(self) -> int:
        """Number of runs."""
        return self.end - self.first

    def by_run(self, x: Tensor) -> Tensor:
        """Numbers (n, t G, slots) as (n, t, G, runs, columns)."""
        return x.view(len(x), self.queries, -1, self.runs, x.shape[2] // self.runs)

    def hide_(self, x: Tensor, value: float) -> None:
        """Set x, (n, t G, slots), to a value where a query does not see the key."""
        if self.unseen is not None:
            self.by_run(x)[..., self.hidden, :].masked_fill_(self.unseen, value)


@dataclass(frozen=True)
class Group:
    """Consecutive sub-tiles and all their runs that a block's queries meet."""

    first: int
    """First sub-tile."""
    end: int
    """Sub-tile after the last."""
    pieces: list[Piece]
    operated: Tensor | None
    """Which sub-tiles hold a key that a query sees, (tiles, 1, t, 1, 1); None: all do."""

    @property
    def tiles(self) -> int:
        """Number of sub-tiles."""
        return self.end - self.first


@dataclass(frozen=True)
class Block:
    """Consecutive queries against a group of sub-tiles."""

    first: int
    """First query."""
    end: int
    """Query after the last."""
    group: Group

    def rows(self, x: Tensor) -> Tensor:
        """The block's rows, (n, t G, ..), of x, (n, T, G, ..)."""
        return x[:, self.first : self.end].flatten(1, 2)


def bounds_of(positions: Positions) -> tuple[list[int], list[int]]:
    """Lowest and highest position that each query may have; the same number where that is known."""
    number = positions.query_position.shape[1]
    end = positions.key_start + positions.keys
    highest = list(range(end - number, end))
    if positions.stored is None:
        return highest, highest
    if torch.compiler.is_compiling():
        # Padding before a query lowers its position, by how much is in a tensor.
        return number * [positions.key_start - 1], highest
    known = positions.query_position[0].tolist()
    return known, known


def blocks_of(
    ring: Ring, positions: Positions, tables: tuple[Tensor, ...], sizes: tuple[int, int]
) -> list[Block]:
    """All blocks of one sequence.

    Args:
        ring: the slots of the keys.
        positions: positions of the queries, of shape (1, T), and of the keys.
        tables: factors by age, each (ages,).
        sizes: numbers of queries and keys of a block, about.
    """
    # Blocks end where runs end, so that few pairs are computed in vain.
    rows, keys = (max(1, size // ring.columns) * ring.columns for size in sizes)
    exact = positions.stored is None
    if exact:
        # A run may begin before the first key.
        ages = positions.keys + ring.columns
        tables = tuple(_strip(table, ages, rows, keys) for table in tables)
    slots = positions_of_slots(ring, positions.query_position.device)
    make = _Blocks(ring, slots, positions.query_position[0], *bounds_of(positions), tables, exact)
    most = keys // ring.columns
    blocks = [block for cut in make.cuts((0, len(make.highest)), rows) for block in make.blocks(cut, most)]
    # All queries pass a group of keys while it is in the cache.
    return sorted(blocks, key=lambda block: block.group.pieces[0].first // most)


def _strip(table: Tensor, ages: int, rows: int, slots: int) -> Tensor:
    """Factors by age as a strip of which every block of consecutive queries and keys is a part.

    Returns:
        Shape (rows, ages + rows + slots): entry (i, j) is the factor at age ages - 1 + i - j, or the nearest.
    """
    age = torch.arange(ages - 1, ages - 1 + rows, device=table.device)[:, None]
    age = age - torch.arange(ages + rows + slots, device=table.device)
    return table[age.clamp_(0, len(table) - 1)]


@dataclass(frozen=True)
class _Blocks:
    """Makes blocks."""

    ring: Ring
    slots: Tensor
    """Position of each slot's key, (runs columns,); NOWHERE for none."""
    position: Tensor
    """Position of each query, (T,)."""
    lowest: list[int]
    highest: list[int]
    tables: tuple[Tensor, ...]
    """Strips where positions are consecutive, else factors by age."""
    exact: bool
    """Queries' positions are consecutive."""

    def cuts(self, queries: tuple[int, int], rows: int) -> Iterator[tuple[int, int]]:
        """First query of each block of at most `rows` and the one after its last."""
        first, highest = queries[0], self.highest
        for end in range(queries[0] + 1, queries[1] + 1):
            over = end == queries[1] or highest[end] // rows != highest[first] // rows
            if over or end - first == rows:
                yield first, end
                first = end

    def blocks(self, queries: tuple[int, int], most: int) -> Iterator[Block]:
        """The blocks of some queries, with groups of at most `most` sub-tiles."""
        ring, (begin, end) = self.ring, self._reach(queries)
        first, last = (begin + ring.first, end + ring.first) if ring.tiles is None else (0, ring.tiles)
        for tile in range(first, last, most):
            group = self._group(queries, (tile, min(tile + most, last)))
            if group.pieces:
                yield Block(*queries, group)

    def _reach(self, queries: tuple[int, int]) -> tuple[int, int]:
        """First run that some query meets, and the one after the last, counted from the ring's first."""
        ring, low, high = self.ring, self.lowest[queries[0]], self.highest[queries[1] - 1]
        oldest = ring.keys.start if ring.window is None else max(ring.keys.start, low - ring.window + 1)
        newest = min(high, ring.keys.stop - 1)
        if newest < oldest:
            return 0, 0
        shape = ring.columns, ring.window, ring.tiles
        begin, last = (_run_of(position, *shape) - ring.first for position in (oldest, newest))
        return begin, last + 1

    def _group(self, rows: tuple[int, int], tiles: tuple[int, int]) -> Group:
        """The group of some sub-tiles, of the runs that some query meets."""
        ring, reach, found = self.ring, self._reach(rows), []
        laps = range(1)
        if ring.tiles is not None:
            laps = range((reach[0] + ring.first) // ring.tiles, (reach[1] - 1 + ring.first) // ring.tiles + 1)
        for lap in laps:
            start = lap * (ring.tiles or 0) - ring.first  # the run of this lap in sub-tile 0
            first, end = max(reach[0], start + tiles[0]), min(reach[1], start + tiles[1])
            if first < end:
                found.append((first, end, start))
        if not found:
            return Group(*tiles, [], None)
        # Sub-tiles that hold no key yet have no deviations.
        tiles = min(first - start for first, _, start in found), max(end - start for _, end, start in found)
        pieces = [self._piece(rows, first, end, first - start - tiles[0]) for first, end, start in found]
        return Group(*tiles, pieces, self._operated(rows, tiles, pieces))

    def _piece(self, rows: tuple[int, int], first: int, end: int, offset: int) -> Piece:
        slots = slice(first * self.ring.columns, end * self.ring.columns)
        hidden = [run - first for run in range(first, end) if not self._all_seen(run, rows)]
        own, unseen = slice(0), None
        if hidden:
            own = slice(hidden[0], hidden[-1] + 1)
            age = self._age(rows, slots).unflatten(1, (1, end - first, -1))[:, :, own]
            unseen = age < 0 if self.ring.window is None else (age < 0) | (age >= self.ring.window)
        tables = tuple(
            self._factor(table, rows, slots).unflatten(1, (1, end - first, -1)) for table in self.tables
        )
        return Piece(rows[1] - rows[0], first, end, offset, slots, unseen, own, tables)

    def _age(self, rows: tuple[int, int], slots: slice) -> Tensor:
        return self.position[slice(*rows), None] - self.slots[slots]

    def _factor(self, table: Tensor, rows: tuple[int, int], slots: slice) -> Tensor:
        """Factor for all pairs, (t, slots)."""
        if not self.exact:
            return table[self._age(rows, slots).clamp(0, len(table) - 1)]
        distance = self.highest[rows[0]] - self.ring.span(slots.start // self.ring.columns)[0]
        first = len(self.ring.keys) + self.ring.columns - 1 - distance
        return table[: rows[1] - rows[0], first : first + slots.stop - slots.start]

    def _all_seen(self, run: int, rows: tuple[int, int]) -> bool:
        """Whether all queries see every slot of a run."""
        ring, low, high = self.ring, self.lowest[rows[0]], self.highest[rows[1] - 1]
        start, end = ring.span(run)
        full = end - start == ring.columns and start >= ring.keys.start and end <= ring.keys.stop
        return full and end - 1 <= low and (ring.window is None or high - start < ring.window)

    def _operated(self, rows: tuple[int, int], tiles: tuple[int, int], pieces: list[Piece]) -> Tensor | None:
        if len(pieces) == 1 and pieces[0].unseen is None and pieces[0].runs == tiles[1] - tiles[0]:
            return None
        operated = torch.zeros(
            tiles[1] - tiles[0], rows[1] - rows[0], dtype=torch.bool, device=self.position.device
        )
        for piece in pieces:
            own = torch.ones_like(operated[: piece.runs])
            if piece.unseen is not None:
                own[piece.hidden] = ~piece.unseen.all(-1)[:, 0].T
            operated[piece.offset : piece.offset + piece.runs] |= own
        return operated[:, None, :, None, None]
