"""An operation cut into arrays that are computed together, few enough for the cache of a processor core."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..signals import Conditions, noise_of
from ..slope import bearer_of
from .fading import Fading, fading_of
from .group import Group
from .operands import Pulses, Stored, line_and_stored_of, pulses_of, stored_of
from .powers import (
    Back,
    Operands,
    plain_powers,
    plain_pulses,
    powers_of_pulses,
    stored_line,
    stored_powers,
)
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
    by_hand: bool
    """Whether `powers.py` has these operands."""
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

        return make(q), lambda grads: torch.func.vjp(make, q)[1](grads)[0]

    def stored(self, x: Tensor, array: int) -> Operands:
        """`Stored.tensors` of array 1 (keys) or 2 (values)."""
        settings = (array, self.now, self.fading, self._scale_of(array))
        return stored_powers(x, *settings)[0] if self.by_hand else stored_of(x, *settings).tensors()

    def taped(self, x: Tensor, array: int, line: Part) -> tuple[Operands, Operands, Back]:
        """`stored`, the same of the part `line`, and the way back from the gradient of the latter."""
        now, scale = self.now, self._scale_of(array)
        if self.by_hand:
            made, back = stored_powers(x, array, now, self.fading, scale)
            return made, *((made, back) if line is self else stored_line(x, array, now, line.fading, scale))

        def make(x: Tensor) -> tuple[Operands, Operands]:
            both = line_and_stored_of(x, array, now, line.fading, self.fading, scale)
            return both[0].tensors(), both[1].tensors()

        if noise_of(now) is not None:
            of_line, pull, made = torch.func.vjp(make, x, has_aux=True)
            return made, of_line, lambda grads: pull(grads)[0]
        of_line, made = make(x)
        # Made again rather than kept.
        return made, of_line, lambda grads: torch.func.vjp(lambda x: make(x)[0], x)[1](grads)[0]

    def of_line(self) -> Part:
        """The part by whose operands the gradient passes: this one, or with the surrogate gradient its linear
        cell's, whose charge is a single term."""
        if self.now.gradient == "exact":
            return self
        bearer = bearer_of(self.now.hardware, self.now.effects.decay, self.fading.terms)
        fading, i = self.fading.of_line(bearer)
        rows = None if fading.rows is None or self.rows is None else self.rows[..., i : i + 1]
        return replace(self, fading=fading, rows=rows)

    def _scale_of(self, array: int) -> float:
        return 1.0 if array == 1 else self.scale

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
    scratch, by_hand = Scratch(dtype, q.device), plain_powers(now, fading)
    parts = []
    for b in range(0, batch, sequences):
        for h in range(0, kv_heads, heads):
            stop = min(h + heads, kv_heads)
            of_inputs = (slice(h * per_array, stop * per_array), slice(h, stop), slice(h, stop))
            some = slice(b, min(b + sequences, batch))
            own = _of_arrays(now, some, stop - h)
            rows = _rows(fading, some, stop - h, per_array)
            parts.append(Part(own, fading, blocks, rows, some, of_inputs, dtype, by_hand, ahead, scratch))
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
