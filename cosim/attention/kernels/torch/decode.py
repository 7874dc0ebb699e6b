"""One query against the whole ring, as a decoding step asks: all sub-tiles at once.

There is no loop over them, so that a compiled graph does not depend on how many keys the cache holds.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...ring import Positions
from ...signed_query import phases_of
from ...stages import OperationContext, chip_of, column_of, count, query_widths
from ...surrogate_gradient import product
from ..description import Cells, cells_of
from .operands import edges_of, folded_queries
from .stages import edge_of_pulses, first_pulses, is_ideal, second_width


def attention_of_one(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
    """Sum of all read-outs (B, H, 1, C), before the division by a normalising column; q (B, H, 1, D)."""
    dtype = torch.promote_types(q.dtype, torch.float32)
    slots, ring, index = _slots(op.positions)
    k, v = (_by_slot(x.to(dtype), index, op.positions) for x in (k, v))
    age = op.positions.query_position - slots
    seen = (age >= 0) & (slots >= op.positions.key_start)
    if op.positions.window is not None:
        seen = seen & (age < op.positions.window)
    seen, age = seen[:, None, None], age.clamp(0, op.positions.ages - 1)[:, None, None]
    op = replace(op, positions=ring)
    phi = torch.where(seen, _pulses(q.to(dtype), cells_of(k, 1, op), age, op), 0.0)
    width = _read_outs(phi, cells_of(v, 2, op), age, op)
    tiles = seen.unflatten(-1, (-1, ring.columns)).any(-1).mT
    return torch.where(tiles[..., None], width, 0.0).sum(2).reshape(*q.shape[:3], -1)


def _slots(positions: Positions) -> tuple[Tensor, Positions, Tensor | None]:
    """Position (B or 1, L) that each column of the sub-tiles in use holds (or would), what is in them as
    `Positions`, and the packed key (B or 1, L) of each, None where keys only need padding."""
    keys, device = positions.ages, positions.query_position.device
    first = positions.key_start // positions.columns * positions.columns
    last = positions.key_start + keys
    wrapped = positions.window is not None and last > positions.window
    if wrapped:
        first, last = 0, positions.window
    length = (last - first + positions.columns - 1) // positions.columns * positions.columns
    column = torch.arange(first, first + length, device=device)
    ring = replace(positions, order=None, stored=None, keys=length, key_start=first, window=None)
    if not wrapped:
        return column[None], ring, None
    op = positions.query_position
    position = op - (op - column) % positions.window
    # Columns that fill up the last sub-tile do not exist.
    position = torch.where(column < positions.window, position, -1)
    return position, ring, (position - positions.key_start).clamp(0, keys - 1)


def _by_slot(x: Tensor, index: Tensor | None, positions: Positions) -> Tensor:
    """Keys or values (B, Hkv, S, D) by column (B, Hkv, L, D)."""
    if index is not None:
        index = index.expand(x.shape[0], -1)[:, None, :, None]
        return x.gather(2, index.expand(-1, x.shape[1], -1, x.shape[3]))
    before = positions.key_start % positions.columns
    return pad(x, (0, 0, before, -(before + x.shape[2]) % positions.columns))


def _pulses(q: Tensor, cells: Cells, age: Tensor, op: OperationContext) -> Tensor:
    """(B, Hkv, G, L) pulses into the second array, whether or not the query sees the key."""
    parts = phases_of(query_widths(q, op), op.hardware)
    charges, loads = [], []
    for part in parts:
        pulses = folded_queries(part, op.kv_heads).unflatten(0, (q.shape[0], -1))
        sums = [product(pulses, *(stored.mT for stored in own)) for own in cells.operands()]
        charge = _faded(sums, cells, age)
        edge = edges_of(op)
        charges.append(charge if edge is None else charge + edge * (pulses > 0).sum(-1, keepdim=True))
        if cells.loading is not None:
            loads.append(pulses @ cells.loading.mT)
    if len(parts) == 2 and column_of(1, op) is None:
        charges = [charges[1] - charges[0]]
    if is_ideal(1, op):
        return charges[0].clamp(0, 1)
    return first_pulses(tuple(charges), tuple(loads), op)


def _faded(parts: list[Tensor], cells: Cells, age: Tensor) -> Tensor:
    """The sum of all terms, each (B, Hkv, G, L), with their factors."""
    return sum(
        part if factor is None else part * factor[age]
        for part, factor in zip(parts, cells.factors, strict=True)
    )


def _read_outs(phi: Tensor, cells: Cells, age: Tensor, op: OperationContext) -> Tensor:
    """(B, Hkv, sub-tiles, G, C) counted read-out of each sub-tile."""

    def tiled(pulses: Tensor, *stored: Tensor) -> Tensor:
        pulses = pulses.unflatten(-1, (-1, op.positions.columns)).transpose(2, 3)
        return product(pulses, *(x.unflatten(2, (-1, op.positions.columns)) for x in stored))

    charge = sum(
        tiled(phi if factor is None else phi * factor[age], *stored)
        for stored, factor in zip(cells.operands(), cells.factors, strict=True)
    )
    if is_ideal(2, op):
        width = charge.clamp(-1, 1)
        return count(width, op.hardware.levels.output) if op.effects.quantise else width
    charge = charge + edge_of_pulses(phi.unflatten(-1, (-1, op.positions.columns)).transpose(2, 3), op)
    load = None if cells.loading is None else tiled(phi, cells.loading)
    if chip_of(op) is None:
        flat = (charge.flatten(2, 3), () if load is None else (load.flatten(2, 3),))
        return second_width(*flat, op, 0).unflatten(2, charge.shape[2:4])
    first = op.positions.key_start // op.positions.columns
    return torch.stack(
        [
            second_width(charge[:, :, i], () if load is None else (load[:, :, i],), op, first + i)
            for i in range(charge.shape[2])
        ],
        dim=2,
    )
