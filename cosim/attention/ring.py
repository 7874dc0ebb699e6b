"""Where a key sits: the window is a ring of array columns that are overwritten in place.

A key at position p is written into column p % window, and its sub-tile is that column // 64. Positions count
stored tokens: a padding token is never written and takes no column, so a left-padded sequence gives what it
gives alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Positions:
    """Positions of T queries and S keys. Keys are in packed order: stored ones first, padding last.

    A query at position t sees the key at position p where 0 <= t - p, and t - p < window where there is one.
    Padding hides itself: it is packed behind the stored keys, at positions that no query has reached.
    """

    order: Tensor | None
    """(B, S) source index of each packed key; None when every key is stored, so nothing moves."""
    stored: Tensor | None
    """(B, S) bool, whether a packed key is stored; None when every key is."""
    query_position: Tensor
    """(B or 1, T) stored tokens before each query's own; never falls along T."""
    keys: int
    """S, packed keys, whose positions follow each other."""
    window: int | None
    """Columns of the ring; None: as many as there are positions."""
    columns: int
    """Ring columns in a sub-tile."""
    ages: int
    """Ages, in tokens, that can occur: 0 to ages - 1."""
    key_start: int
    """Position of the first packed key."""

    @property
    def key_position(self) -> Tensor:
        """(S,) stored tokens before each packed key."""
        return torch.arange(self.key_start, self.key_start + self.keys, device=self.query_position.device)

    @property
    def column(self) -> Tensor:
        """(S,) ring column of each packed key."""
        return self.key_position if self.window is None else self.key_position % self.window

    def of_keys(self, first: int, end: int) -> Positions:
        """The same for the packed keys first .. end - 1 alone, which are not packed again."""
        return replace(self, order=None, stored=None, keys=end - first, key_start=self.key_start + first)

    def pack(self, x: Tensor) -> Tensor:
        """Keys or values (B, H, S, D) in packed order, padding as zeros."""
        if self.order is None or self.stored is None:
            return x
        packed = x.gather(2, self.order[:, None, :, None].expand(-1, x.shape[1], -1, x.shape[3]))
        # Nothing sees padding, but a weight of zero does not hide what is not a number.
        return packed.masked_fill(~self.stored[:, None, :, None], 0)


def require_settings(window: int | None, token_period: float | None) -> None:
    """Raise `ValueError` for a window of no column or a token period (s) that is not positive."""
    if window is not None and window < 1:
        raise ValueError(f"window={window} must be at least 1; None keeps every key")
    if token_period is not None and not token_period > 0:
        raise ValueError(
            f"token_period={token_period} must be more than 0 s; None takes the hardware's latency"
        )


def positions_of(
    queries: int,
    keys: int,
    *,
    window: int | None,
    columns: int,
    key_start: int,
    stored: Tensor | None,
    device: torch.device,
) -> Positions:
    """Place `keys` keys, the last `queries` of which are also the queries' positions.

    window None means a ring large enough that nothing is overwritten. `stored`: (B, keys) bool or None (all).
    """
    if stored is None:
        order, packed = None, None
        query_position = torch.arange(key_start + keys - queries, key_start + keys, device=device)[None]
    else:
        order = torch.argsort((~stored).to(torch.int8), dim=1, stable=True)
        packed = stored.gather(1, order)
        query_position = (key_start + stored.long().cumsum(1) - 1)[:, keys - queries :]
    return Positions(order, packed, query_position, keys, window, columns, keys, key_start)


@dataclass(frozen=True)
class DenseMasks:
    """Which of T queries sees which of S keys, spelt out."""

    positions: Positions
    valid: Tensor
    """(B or 1, 1, T, S) bool: the query sees the key (causal, inside the window, stored)."""
    age: Tensor
    """(B or 1, 1, T, S) integer tokens from key to query, 0 where not valid."""
    sub_tiles: tuple[tuple[int, Tensor], ...]
    """(sub-tile number, packed indices of the keys in its columns), for every sub-tile that has keys."""

    @property
    def column(self) -> Tensor:
        """(S,) ring column of each packed key."""
        return self.positions.column


def dense_masks(positions: Positions) -> DenseMasks:
    """The (T, S) tables of `positions`, for implementations that can afford them."""
    age = positions.query_position[:, None, :, None] - positions.key_position
    valid = age >= 0
    if positions.window is not None:
        valid = valid & (age < positions.window)
    tile = positions.column // positions.columns
    members = tuple((int(j), torch.nonzero(tile == j).flatten()) for j in tile.unique(sorted=True))
    return DenseMasks(positions, valid, torch.where(valid, age, 0), members)
