"""An operation cut into arrays that are computed together, few enough for the cache of a processor core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..signals import Conditions, noise_of
from ..slope import bearer_of
from .fading import Fading, fading_of
from .gradients import Gradients, gradients_of
from .group import Group
from .operands import (
    Pulses,
    Stored,
    folded_queries,
    line_and_stored_of,
    pulses_of,
    stored_of,
    unfolded_queries,
)
from .powers import Memory, Operands, Powers, plain_powers
from .scratch import Scratch
from .stages import is_ideal
from .tiling import Block, blocks_of

Back = Callable[[], tuple[Tensor, Tensor, Tensor]]

ROWS = 1024
"""Queries, of all arrays of a part together, and most queries in a block, on a CPU."""
FEW_ROWS = 256
"""The same of a part, for each thread, where operands made by hand leave little to do for every part."""


@dataclass(frozen=True)
class Part:
    """Arrays of some sequences and some key-value heads, with their query heads."""

    now: Conditions
    """Of these arrays alone: their query positions, their number in a sequence as `kv_heads`."""
    fading: Fading
    blocks: list[Block]
    shares: Tensor | None
    """(n or 1, T G, separable) the queries' share of the decay; None for 1."""
    rows: tuple[Tensor | None, Tensor | None]
    """What scales the queries' pulses for the first product, and their sums of the second."""
    sequences: slice
    heads_of_inputs: tuple[slice, slice, slice]
    """Of q, k and v."""
    dtype: torch.dtype
    """What is computed in."""
    powers: Powers | None
    """Who makes the operands by hand, if anyone can."""
    ahead: Tensor
    """As in `Group`."""
    scratch: Scratch
    counts: bool
    """A counter follows ideal converters."""
    full_scale: float
    """Of the read-out."""

    @property
    def heads(self) -> slice:
        """Query heads."""
        return self.heads_of_inputs[0]

    def of(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """This part of q, k and v."""
        pairs = zip(inputs, self.heads_of_inputs, strict=True)
        return tuple(x[self.sequences, heads].to(self.dtype) for x, heads in pairs)

    def group(self, q: Tensor, k: Tensor, v: Tensor) -> Group:
        """The operands of this part's q, k and v."""
        if self.powers is not None:
            return self._placed(q, self.powers.operands(*self._folded(q, k, v), self.rows[0]))
        made = self._pulses(q)[0], self._stored(k, 1), self._stored(v, 2)
        return self._group(q, *made)

    def taped(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Group, Group, Gradients, Back]:
        """`group`; what the gradient takes for it; zeros for the gradients by its operands; and the way from
        these to the gradients by q, k and v."""
        line = self._line()
        if self.powers is not None:
            return self._taped_powers(line, q, k, v)
        pulses, back_pulses = line._pulses(q)
        # In the order of the forward pass, for the noise to be the same.
        own_keys, keys, back_keys = self._taped_stored(k, 1, line)
        own_values, values, back_values = self._taped_stored(v, 2, line)
        of_line = own = line._group(q, pulses, keys, values)
        if line is not self:
            own = self._group(q, self._pulses(q)[0], own_keys, own_values)
        sums = gradients_of(pulses, keys, values, self.scratch)
        return (
            own,
            of_line,
            sums,
            lambda: (
                back_pulses(sums.pulses),
                back_keys(sums.keys),
                back_values(sums.values),
            ),
        )

    def _taped_powers(
        self, line: Part, q: Tensor, k: Tensor, v: Tensor
    ) -> tuple[Group, Group, Gradients, Back]:
        inputs = self._folded(q, k, v)
        memory = self.powers.operands(*inputs, self.rows[0])
        own = of_line = self._placed(q, memory)
        if line is not self:
            memory = line.powers.operands(*inputs, line.rows[0])
            of_line = line._placed(q, memory)
        by_pulses, by_stored = line.powers.sums(memory)
        sums = Gradients((by_pulses, by_pulses[..., :0]), (by_stored[0],), (by_stored[1],))

        def back() -> tuple[Tensor, Tensor, Tensor]:
            grads = line.powers.gradients(memory, by_pulses, by_stored, line.rows[0], inputs)
            by_q = unfolded_queries(grads[0], q.shape[0], self.now.kv_heads, q.shape[2])
            return by_q, grads[1].view(k.shape), grads[2].view(v.shape)

        return own, of_line, sums, back

    def _folded(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return folded_queries(q, self.now.kv_heads), k.flatten(0, 1), v.flatten(0, 1)

    def _placed(self, q: Tensor, memory: Memory) -> Group:
        """What lies there; the same for the next arrays, unless they are padded."""
        if self.now.places.stored is not None:
            return self._group(q, *memory.operands())
        name = ("group", id(memory), q.shape[0])
        return self.scratch.keep(name, lambda: self._group(q, *memory.operands()))

    def _pulses(self, q: Tensor) -> tuple[Operands, Callable[[Operands], Tensor]]:
        """`wide` and `plain` of each phase, one after the other, and the way back from their gradient."""

        def make(q: Tensor) -> Operands:
            phases = pulses_of(q, self.now, self.fading, self.rows[0])
            return tuple(x for phase in phases for x in (phase.wide, phase.plain))

        return make(q), lambda grads: torch.func.vjp(make, q)[1](grads)[0]

    def _stored(self, x: Tensor, array: int) -> Operands:
        """`Stored.tensors` of array 1 (keys) or 2 (values)."""
        return stored_of(x, array, self.now, self.fading, self._scale_of(array)).tensors()

    def _taped_stored(
        self, x: Tensor, array: int, line: Part
    ) -> tuple[Operands, Operands, Callable[[Operands], Tensor]]:
        """`_stored`, the same of the part `line`, and the way back from the gradient of the latter."""
        now, scale = self.now, self._scale_of(array)

        def make(x: Tensor) -> tuple[Operands, Operands]:
            both = line_and_stored_of(x, array, now, line.fading, self.fading, scale)
            return both[0].tensors(), both[1].tensors()

        if noise_of(now) is not None:
            of_line, pull, made = torch.func.vjp(make, x, has_aux=True)
            return made, of_line, lambda grads: pull(grads)[0]
        of_line, made = make(x)
        # Made again rather than kept.
        return made, of_line, lambda grads: torch.func.vjp(lambda x: make(x)[0], x)[1](grads)[0]

    def _line(self) -> Part:
        """The part by whose operands the gradient passes: this one, or with the surrogate gradient its linear
        cell's, whose charge is a single term."""
        if self.now.gradient == "exact":
            return self
        bearer = bearer_of(self.now.hardware, self.now.effects.decay, self.fading.terms)
        fading, i = self.fading.of_line(bearer)
        shares = None if fading.rows is None or self.shares is None else self.shares[..., i : i + 1]
        powers = None if self.powers is None else self.scratch.keep("line", self.powers.line)
        rows = (shares, shares) if powers is None else powers.rows(shares)
        return replace(self, fading=fading, shares=shares, powers=powers, rows=rows)

    def _scale_of(self, array: int) -> float:
        return 1.0 if array == 1 else self.full_scale

    def _group(self, q: Tensor, pulses: Operands, keys: Operands, values: Operands) -> Group:
        """The operands together."""
        tabled = len(self.fading.tabled)
        return Group(
            now=self.now,
            batch=q.shape[0],
            per_array=q.shape[1] // self.now.kv_heads,
            fading=self.fading,
            rows=self.rows[1],
            pulses=tuple(Pulses(*pulses[i : i + 2]) for i in range(0, len(pulses), 2)),
            keys=Stored.of(keys, tabled),
            values=Stored.of(values, tabled),
            depth=q.shape[3] + (self.now.hardware.normaliser is not None),
            full_scale=self.full_scale,
            ideal=(is_ideal(1, self.now), is_ideal(2, self.now)),
            exact=self.now.places.stored is None,
            ahead=self.ahead,
            scratch=self.scratch,
            counts=self.counts,
        )


def parts_of(q: Tensor, k: Tensor, now: Conditions, threads: int) -> list[Part]:
    """Every array of the operation, in one part or another; threads: that share one part."""
    dtype = torch.promote_types(q.dtype, torch.float32)
    at_once = q.device.type != "cpu" or torch.compiler.is_compiling()
    queries, keys, per_array = q.shape[2], k.shape[2], q.shape[1] // k.shape[1]
    ring = {"key_start": now.places.key_start, "window": now.places.window, "columns": now.places.columns}
    most_rows = None if at_once else max(1, ROWS // per_array)
    blocks = blocks_of(queries, keys, **ring, lag=_lag(queries, keys, now), most_rows=most_rows)
    fading = fading_of(now, torch.empty(0, dtype=dtype, device=q.device))
    ahead = torch.ones(now.places.columns, now.places.columns, dtype=torch.bool, device=q.device).triu(1)
    ahead = ahead.repeat_interleave(per_array, dim=0)[None]
    scratch, counts = Scratch(dtype, q.device), is_ideal(2, now) and now.effects.quantise
    # In counts, where there are any, so that they add up exactly.
    full_scale = float(now.hardware.levels.output // 2 - 1) if counts else 1.0
    powers = Powers.of(now, fading, full_scale, scratch) if plain_powers(now, fading) else None
    plainest = powers is not None and now.places.stored is None
    most = min(ROWS, FEW_ROWS * threads) if plainest else ROWS
    fit = q.shape[0] * k.shape[1] if at_once else max(1, most // (queries * per_array))
    parts, rows, shares = [], None, None
    for some, heads in _cuts(k, now, fit):
        own = _of_arrays(now, some, heads.stop - heads.start)
        if rows is None or (fading.rows is not None and fading.rows.shape[0] > 1):
            shares = _shares(fading, some, own.kv_heads, per_array)
            rows = (shares, shares) if powers is None else powers.rows(shares)
        asking = slice(heads.start * per_array, heads.stop * per_array)
        parts.append(
            Part(
                now=own,
                fading=fading,
                blocks=blocks,
                shares=shares,
                rows=rows,
                sequences=some,
                heads_of_inputs=(asking, heads, heads),
                dtype=dtype,
                powers=powers,
                ahead=ahead,
                scratch=scratch,
                counts=counts,
                full_scale=full_scale,
            )
        )
    return parts


def _cuts(k: Tensor, now: Conditions, fit: int) -> Iterator[tuple[slice, slice]]:
    """Sequences and key-value heads of each part; fit: arrays in a part."""
    batch, kv_heads = k.shape[:2]
    # A chip's deviations are drawn for all heads, from the first on.
    heads = kv_heads if now.chip is not None else min(fit, kv_heads)
    sequences = max(1, fit // kv_heads)
    for b in range(0, batch, sequences):
        for h in range(0, kv_heads, heads):
            yield slice(b, min(b + sequences, batch)), slice(h, min(h + heads, kv_heads))


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


def _shares(fading: Fading, sequences: slice, heads: int, per_array: int) -> Tensor | None:
    """The queries' shares, for the arrays of some sequences and the rows of their pulses."""
    if fading.rows is None:
        return None
    shares = fading.rows
    if shares.shape[0] > 1:
        shares = shares[sequences].repeat_interleave(heads, dim=0)
    return shares if per_array == 1 else shares.repeat_interleave(per_array, dim=1)
