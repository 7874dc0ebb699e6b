"""An operation cut into arrays that are computed together, few enough for the cache of a processor core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..signals import Conditions, noise_of
from .fading import Fading, fading_of
from .group import Group
from .operands import Pulses, Stored, pulses_of, stored_of
from .powers import Back, Operands, plain_powers, plain_pulses, powers_of_pulses, stored_powers
from .scratch import Scratch
from .stages import is_ideal
from .tiling import Block, blocks_of

ROWS = 1024
"""Queries, of all arrays of a part together, and most queries in a block, on a CPU."""


@dataclass(frozen=True)
class Part:
    """Arrays of some sequences and some key-value heads, with their query heads."""

    now: Conditions
    """Of these arrays alone: their query positions, their number in a sequence as `kv_heads`."""
    fading: Fading
    blocks: list[Block]
    rows: Tensor | None
    """(n or 1, T G, separable) the queries' share of the decay; None for 1."""
    sequences: slice
    heads_of_inputs: tuple[slice, slice, slice]
    """Of q, k and v."""
    dtype: torch.dtype
    """What is computed in."""
    ahead: Tensor
    """As in `Group`."""
    scratch: Scratch

    @property
    def heads(self) -> slice:
        """Query heads."""
        return self.heads_of_inputs[0]

    @property
    def counts(self) -> bool:
        """Whether a counter follows ideal converters."""
        return is_ideal(2, self.now) and self.now.effects.quantise

    @property
    def scale(self) -> float:
        """Full scale of the read-out: in counts, so that they add up exactly, where there are any."""
        return float(self.now.hardware.levels.output // 2 - 1) if self.counts else 1.0

    def of(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """This part of q, k and v."""
        pairs = zip(inputs, self.heads_of_inputs, strict=True)
        return tuple(x[self.sequences, heads].to(self.dtype) for x, heads in pairs)

    def pulses(self, q: Tensor) -> tuple[Operands, Back]:
        """`wide` and `plain` of each phase, one after the other, and the way back from their gradient."""
        if self.by_hand and plain_pulses(self.now):
            return powers_of_pulses(q, self.now, self.fading, self.rows)

        def make(q: Tensor) -> Operands:
            phases = pulses_of(q, self.now, self.fading, self.rows)
            return tuple(x for phase in phases for x in (phase.wide, phase.plain))

        return _with_back(make, q, self.now)

    def stored(self, x: Tensor, array: int) -> tuple[Operands, Back]:
        """`Stored.tensors` of array 1 (keys) or 2 (values), and the way back from their gradient."""
        scale = 1.0 if array == 1 else self.scale
        if self.by_hand:
            return stored_powers(x, array, self.now, self.fading, scale)
        return _with_back(lambda x: stored_of(x, array, self.now, self.fading, scale).tensors(), x, self.now)

    @property
    def by_hand(self) -> bool:
        """Whether `powers.py` has these operands."""
        return plain_powers(self.now, self.fading)

    def group(self, q: Tensor, pulses: Operands, keys: Operands, values: Operands) -> Group:
        """The operands together."""
        tabled = len(self.fading.tabled)
        return Group(
            now=self.now,
            batch=q.shape[0],
            per_array=q.shape[1] // self.now.kv_heads,
            fading=self.fading,
            rows=self.rows,
            pulses=tuple(Pulses(*pulses[i : i + 2]) for i in range(0, len(pulses), 2)),
            keys=Stored.of(keys, tabled),
            values=Stored.of(values, tabled),
            depth=q.shape[3] + (self.now.hardware.normaliser is not None),
            full_scale=self.scale,
            ideal=(is_ideal(1, self.now), is_ideal(2, self.now)),
            exact=self.now.places.stored is None,
            ahead=self.ahead,
            scratch=self.scratch,
            counts=self.counts,
        )


def _with_back(make: Callable[[Tensor], Operands], x: Tensor, now: Conditions) -> tuple[Operands, Back]:
    """make(x), and the way back from its gradient, for which it is made again, unless it is noisy."""
    if noise_of(now) is not None:
        made, pull = torch.func.vjp(make, x)
        return made, lambda grads: pull(grads)[0]
    return make(x), lambda grads: torch.func.vjp(make, x)[1](grads)[0]


def parts_of(q: Tensor, k: Tensor, now: Conditions) -> list[Part]:
    """Every array of the operation, in one part or another."""
    dtype = torch.promote_types(q.dtype, torch.float32)
    at_once = q.device.type != "cpu" or torch.compiler.is_compiling()
    batch, kv_heads, keys = k.shape[:3]
    queries, per_array = q.shape[2], q.shape[1] // kv_heads
    fit = batch * kv_heads if at_once else max(1, ROWS // (queries * per_array))
    # A chip's deviations are drawn for all heads, from the first on.
    heads = kv_heads if now.chip is not None else min(fit, kv_heads)
    sequences = max(1, fit // kv_heads)
    ring = {"key_start": now.places.key_start, "window": now.places.window, "columns": now.places.columns}
    most_rows = None if at_once else max(1, ROWS // per_array)
    blocks = blocks_of(queries, keys, **ring, lag=_lag(queries, keys, now), most_rows=most_rows)
    fading = fading_of(now, torch.empty(0, dtype=dtype, device=q.device))
    ahead = torch.ones(now.places.columns, now.places.columns, dtype=torch.bool, device=q.device).triu(1)
    ahead = ahead.repeat_interleave(per_array, dim=0)[None]
    scratch = Scratch(dtype, q.device)
    parts = []
    for b in range(0, batch, sequences):
        for h in range(0, kv_heads, heads):
            stop = min(h + heads, kv_heads)
            of_inputs = (slice(h * per_array, stop * per_array), slice(h, stop), slice(h, stop))
            some = slice(b, min(b + sequences, batch))
            own = _of_arrays(now, some, stop - h)
            rows = _rows(fading, some, stop - h, per_array)
            parts.append(Part(own, fading, blocks, rows, some, of_inputs, dtype, ahead, scratch))
    return parts


def _lag(queries: int, keys: int, now: Conditions) -> tuple[int, int]:
    """Least and most that a query's position falls behind its index."""
    places = now.places
    if places.stored is None:
        return 0, 0
    if torch.compiler.is_compiling():
        return 0, keys
    first = places.key_start + keys - queries
    behind = torch.arange(first, first + queries, device=places.query_position.device) - places.query_position
    return int(behind.min()), int(behind.max())


def _of_arrays(now: Conditions, sequences: slice, heads: int) -> Conditions:
    places = now.places
    if places.query_position.shape[0] > 1:
        places = replace(places, query_position=places.query_position[sequences])
    return replace(now, places=places, kv_heads=heads)


def _rows(fading: Fading, sequences: slice, heads: int, per_array: int) -> Tensor | None:
    """The queries' shares, for the arrays of some sequences and the rows of their pulses."""
    if fading.rows is None:
        return None
    shares = fading.rows
    if shares.shape[0] > 1:
        shares = shares[sequences].repeat_interleave(heads, dim=0)
    return shares if per_array == 1 else shares.repeat_interleave(per_array, dim=1)
