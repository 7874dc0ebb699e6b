"""An operation cut into parts: arrays that are computed together, few enough for the cache of a core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from ...stages import OperationContext
from .decay import Fading, fading_of
from .merged import Merged
from .merging import Merging, merging_of
from .parts import Part
from .powers import Powers, has_powers, plain_powers
from .stages import is_ideal
from .tiling import blocks_of, stretches_of
from .workspace import Scratch

ROWS = 1024
"""Queries, of all arrays of a part together, and most queries in a block, on a CPU."""
FEW_ROWS = 256
"""The same of a part, for each thread, where operands made by hand leave little to do for every part."""


def parts_of(
    q: Tensor, k: Tensor, op: OperationContext, scratch: Scratch, threads: int, back: bool
) -> list[Part]:
    """Every array of the operation, in one part or another.

    threads: that share one part; back: for gradients.
    """
    dtype = scratch.dtype
    at_once = q.device.type != "cpu" or torch.compiler.is_compiling()
    queries, keys, per_array = q.shape[2], k.shape[2], q.shape[1] // k.shape[1]
    fading = fading_of(op, torch.empty(0, dtype=dtype, device=q.device))
    counts = is_ideal(2, op) and op.effects.quantise
    # In counts, where there are any, so that they add up exactly.
    full_scale = float(op.hardware.levels.output // 2 - 1) if counts else 1.0
    by_hand = plain_powers(op, fading)
    merging = _merging(op, queries, dtype) if by_hand and not at_once else None
    most_rows = None if at_once else max(1, ROWS // per_array)
    if merging is not None:
        # Half of it, or a quarter: a stretch has whole blocks.
        most_rows = merging.rows
        while most_rows * per_array > ROWS and most_rows > 1:
            most_rows //= 2
    powers = None
    if by_hand and has_powers(op):
        powers = Powers.of(op, fading, full_scale, scratch, (most_rows or queries) * per_array)
    ring = {
        "key_start": op.positions.key_start,
        "window": op.positions.window,
        "columns": op.positions.columns,
    }
    blocks = blocks_of(queries, keys, **ring, lag=_lag(queries, keys, op), most_rows=most_rows)
    # Cut alike on both ways, for the one back to find what the other says of a block.
    stretches = [blocks] if merging is None else stretches_of(blocks, merging.rows)
    if merging is not None and back and op.gradient == "exact":
        powers = Merged.of(powers, merging, stretches, op, fading)
        fading = powers.fading
    ahead = torch.ones(op.positions.columns, op.positions.columns, dtype=torch.bool, device=q.device).triu(1)
    ahead = ahead.repeat_interleave(per_array, dim=0)[None]
    plainest = by_hand and op.positions.stored is None
    most = min(ROWS, FEW_ROWS * threads) if plainest else ROWS
    fit = q.shape[0] * k.shape[1] if at_once else max(1, most // (queries * per_array))
    parts, rows, shares = [], None, None
    for some, heads in _cuts(k, op, fit):
        own = _of_arrays(op, some, heads.stop - heads.start)
        if rows is None or (fading.rows is not None and fading.rows.shape[0] > 1):
            shares = _shares(fading, some, own.kv_heads, per_array)
            rows = (shares, shares) if powers is None else powers.rows(shares)
        asking = slice(heads.start * per_array, heads.stop * per_array)
        parts.append(
            Part(
                op=own,
                fading=fading,
                stretches=stretches,
                shares=shares,
                rows=rows,
                sequences=some,
                heads_of_inputs=(asking, heads, heads),
                depth=q.shape[3],
                dtype=dtype,
                powers=powers,
                ahead=ahead,
                scratch=scratch,
                counts=counts,
                full_scale=full_scale,
            )
        )
    return parts


def _merging(op: OperationContext, queries: int, dtype: torch.dtype) -> Merging | None:
    """None where every digit is wanted, or where positions do not follow each other."""
    if dtype != torch.float32 or op.positions.stored is not None:
        return None
    return merging_of(op.hardware, queries)


def _cuts(k: Tensor, op: OperationContext, fit: int) -> Iterator[tuple[slice, slice]]:
    """Sequences and key-value heads of each part; fit: arrays in a part."""
    batch, kv_heads = k.shape[:2]
    # A chip's deviations are drawn for all heads, from the first on.
    heads = kv_heads if op.chip is not None else min(fit, kv_heads)
    sequences = max(1, fit // kv_heads)
    for b in range(0, batch, sequences):
        for h in range(0, kv_heads, heads):
            yield slice(b, min(b + sequences, batch)), slice(h, min(h + heads, kv_heads))


def _lag(queries: int, keys: int, op: OperationContext) -> tuple[int, int]:
    """Least and most that a query's position falls behind its index."""
    positions = op.positions
    if positions.stored is None:
        return 0, 0
    if torch.compiler.is_compiling():
        return 0, keys
    first = positions.key_start + keys - queries
    behind = (
        torch.arange(first, first + queries, device=positions.query_position.device)
        - positions.query_position
    )
    return int(behind.min()), int(behind.max())


def _of_arrays(op: OperationContext, sequences: slice, heads: int) -> OperationContext:
    positions = op.positions
    if positions.query_position.shape[0] > 1:
        positions = replace(positions, query_position=positions.query_position[sequences])
    return replace(op, positions=positions, kv_heads=heads)


def _shares(fading: Fading, sequences: slice, heads: int, per_array: int) -> Tensor | None:
    """The queries' shares, for the arrays of some sequences and the rows of their pulses."""
    if fading.rows is None:
        return None
    shares = fading.rows
    if shares.shape[0] > 1:
        shares = shares[sequences].repeat_interleave(heads, dim=0)
    return shares if per_array == 1 else shares.repeat_interleave(per_array, dim=1)
