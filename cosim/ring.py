"""Where a key sits: the window is a ring of array columns that are overwritten in place.

A key at position p is written into column p % window, and its sub-tile is that column // 64. Positions count
stored tokens: a padding token is never written and takes no column, so a left-padded sequence gives what it
gives alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ring:
    """Positions of T queries and S keys. Keys are in packed order: stored ones first, padding last."""

    order: Tensor | None
    """(B, S) source index of each packed key; None when every key is stored, so nothing moves."""
    stored: Tensor | None
    """(B, S) bool, whether a packed key is stored; None when every key is."""
    valid: Tensor
    """(B or 1, 1, T, S) bool: the query sees the key (causal, inside the window, stored)."""
    age: Tensor
    """(B or 1, 1, T, S) integer tokens from key to query, 0 where not valid."""
    column: Tensor
    """(S,) ring column of each packed key."""
    sub_tiles: tuple[tuple[int, Tensor], ...]
    """(sub-tile number, packed indices of the keys in its columns), for every sub-tile that has keys."""

    def pack(self, x: Tensor) -> Tensor:
        """Keys or values (B, H, S, D) in packed order, padding as zeros."""
        if self.order is None or self.stored is None:
            return x
        packed = x.gather(2, self.order[:, None, :, None].expand(-1, x.shape[1], -1, x.shape[3]))
        # Nothing sees padding, but a weight of zero does not hide what is not a number.
        return packed.where(self.stored[:, None, :, None], 0.0)


def require_settings(window: int | None, token_period: float | None) -> None:
    """Raise `ValueError` for a window of no column or a token period (s) that is not positive."""
    if window is not None and window < 1:
        raise ValueError(f"window={window} must be at least 1; None keeps every key")
    if token_period is not None and not token_period > 0:
        raise ValueError(
            f"token_period={token_period} must be more than 0 s; None takes the hardware's latency"
        )


def ring_layout(
    queries: int,
    keys: int,
    *,
    window: int | None,
    columns: int,
    key_start: int,
    stored: Tensor | None,
    device: torch.device,
) -> Ring:
    """Place `keys` keys, the last `queries` of which are also the queries' positions.

    window None means a ring large enough that nothing is overwritten. `stored`: (B, keys) bool or None (all).
    """
    key_position = torch.arange(key_start, key_start + keys, device=device)
    if stored is None:
        order, stored_packed, query_position = None, None, key_position[None, -queries:]
    else:
        order = torch.argsort((~stored).to(torch.int8), dim=1, stable=True)
        stored_packed = stored.gather(1, order)
        query_position = (key_start + stored.long().cumsum(1) - 1)[:, -queries:]
    # Causality hides a padding key: it is packed behind the stored ones, at a position no query has reached.
    age = query_position[:, None, :, None] - key_position
    valid = age >= 0
    if window is not None:
        valid = valid & (age < window)
    column = key_position if window is None else key_position % window
    members: dict[int, list[int]] = {}
    for key in range(keys):
        slot = key_start + key if window is None else (key_start + key) % window
        members.setdefault(slot // columns, []).append(key)
    sub_tiles = tuple((j, torch.tensor(members[j], device=device)) for j in sorted(members))
    return Ring(order, stored_packed, valid, torch.where(valid, age, 0), column, sub_tiles)
