"""Positions of keys in the ring: the window is a ring of array columns that are overwritten in place.

A key at position p is written into column p % window of sub-tile (p % window) // columns, with 64 columns in
a sub-tile of the published array. Positions count stored tokens: a padding token is not written and takes no
column, so a left-padded sequence gives the same output as the sequence alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Positions:
    """Positions of T queries and S keys. Keys are in packed order: stored ones first, padding last.

    A query at position t sees the key at position p if 0 <= t - p, and t - p < window if there is a window.
    Padding needs no mask: it is packed after the stored keys, at positions beyond every query's.
    """

    order: Tensor | None
    """Source index of each packed key, shape (B, S); None: every key is stored and the order is unchanged."""
    stored: Tensor | None
    """Whether each packed key is stored, shape (B, S), bool; None: every key is."""
    query_position: Tensor
    """Position of each query, shape (B or 1, T), in stored tokens; does not decrease along T."""
    keys: int
    """Number S of packed keys, at consecutive positions."""
    window: int | None
    """Number of columns of the ring; None: one per position."""
    columns: int
    """Number of ring columns in a sub-tile."""
    ages: int
    """Number of ages that can occur: 0 to ages - 1 tokens."""
    key_start: int
    """Position of the first packed key, in stored tokens."""

    @property
    def key_position(self) -> Tensor:
        """Position of each packed key, shape (S,), in stored tokens."""
        return torch.arange(self.key_start, self.key_start + self.keys, device=self.query_position.device)

    @property
    def column(self) -> Tensor:
        """Ring column of each packed key, shape (S,)."""
        return self.key_position if self.window is None else self.key_position % self.window

    def of_keys(self, first: int, end: int) -> Positions:
        """Positions of the packed keys first .. end - 1 alone; `pack` of the result is the identity.

        Args:
            first: index of the first packed key.
            end: index after the last packed key.
        """
        return replace(self, order=None, stored=None, keys=end - first, key_start=self.key_start + first)

    def pack(self, x: Tensor) -> Tensor:
        """Keys or values in packed order, with zeros for padding.

        Args:
            x: keys or values, shape (B, Hkv, S, D).
        """
        if self.order is None or self.stored is None:
            return x
        packed = x.gather(2, self.order[:, None, :, None].expand(-1, x.shape[1], -1, x.shape[3]))
        # Padding has weight 0, but 0 times NaN is NaN.
        return packed.masked_fill(~self.stored[:, None, :, None], 0)


LAST_POSITION = 2**31 - 1
"""Largest position and largest window: back ends count in 32 bits."""


def require_start(key_start: int, keys: int) -> None:
    """Check where the keys of an operation begin.

    Args:
        key_start: position of the first key, in tokens.
        keys: number of keys.

    Raises:
        ValueError: no whole number, a negative one, or keys beyond `LAST_POSITION`.
    """
    _require_whole("key_start", key_start)
    if not 0 <= key_start <= LAST_POSITION - keys:
        raise ValueError(f"key_start={key_start} must be between 0 and {LAST_POSITION - keys}")


def _require_whole(name: str, value: object) -> None:
    if not isinstance(value, int | torch.SymInt):
        raise ValueError(f"{name}={value!r} must be a whole number")


def require_settings(window: int | None, token_period: float | None) -> None:
    """Check the settings of an operation.

    Args:
        window: number of columns of the ring; None: no limit.
        token_period: time between tokens, s; None: the hardware's latency.

    Raises:
        ValueError: a window that is no whole number from 1 to `LAST_POSITION`, or a token period that is not
            a positive number.
    """
    if window is not None:
        _require_whole("window", window)
        if window < 1:
            raise ValueError(f"window={window} must be at least 1; None keeps every key")
        if window > LAST_POSITION:
            raise ValueError(f"window={window} must be between 1 and {LAST_POSITION}; None keeps every key")
    if token_period is not None and not (isinstance(token_period, float | int) and token_period > 0):
        raise ValueError(
            f"token_period={token_period!r} must be more than 0 s; None takes the hardware's latency"
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
    """Positions of keys and of queries, which share the last positions.

    Args:
        queries: number T of queries, at most `keys`.
        keys: number S of keys.
        window: number of columns of the ring; None: large enough that no key is overwritten.
        columns: number of ring columns in a sub-tile.
        key_start: position of the first key, in stored tokens.
        stored: whether each key is stored, shape (B, S), bool; None: every key is.
        device: device of the result's tensors.
    """
    if stored is None:
        order, packed = None, None
        last = key_start + keys - 1
        query_position = (
            torch.full((1, 1), last, device=device)  # in half the time
            if queries == 1
            else torch.arange(last + 1 - queries, last + 1, device=device)[None]
        )
    else:
        order = torch.argsort((~stored).to(torch.int8), dim=1, stable=True)
        packed = stored.gather(1, order)
        query_position = (key_start + stored.long().cumsum(1) - 1)[:, keys - queries :]
    return Positions(order, packed, query_position, keys, window, columns, keys, key_start)


def visible(positions: Positions) -> Tensor:
    """Whether each query sees each key (causal, inside the window, stored), shape (B or 1, 1, T, S), bool.

    Args:
        positions: positions of queries and keys.
    """
    age = _ages(positions)
    return age >= 0 if positions.window is None else (age >= 0) & (age < positions.window)


def _ages(positions: Positions) -> Tensor:
    """Tokens from each key to each query, shape (B or 1, 1, T, S), integer."""
    return positions.query_position[:, None, :, None] - positions.key_position


@dataclass(frozen=True)
class DenseMasks:
    """Masks of T queries against S keys, with (T, S) memory."""

    positions: Positions
    valid: Tensor
    """Whether the query sees the key (causal, inside the window, stored), shape (B or 1, 1, T, S), bool."""
    age: Tensor
    """Tokens from key to query, shape (B or 1, 1, T, S), integer; 0 where not valid."""
    sub_tiles: tuple[tuple[int, Tensor], ...]
    """(number of the sub-tile, packed indices of its keys), for every sub-tile that holds keys."""

    @property
    def column(self) -> Tensor:
        """Ring column of each packed key, shape (S,)."""
        return self.positions.column


def dense_masks(positions: Positions) -> DenseMasks:
    """Masks and ages of every query and key, for implementations with (T, S) memory.

    Args:
        positions: positions of queries and keys.
    """
    age, valid = _ages(positions), visible(positions)
    tile = positions.column // positions.columns
    sub_tiles = tuple((int(j), torch.nonzero(tile == j).flatten()) for j in tile.unique(sorted=True))
    return DenseMasks(positions, valid, torch.where(valid, age, 0), sub_tiles)
