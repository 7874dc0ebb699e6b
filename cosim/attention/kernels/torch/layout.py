"""From q, k and v to the operands of the blocks: a few arrays at a time, and back to gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...operation import OperationContext, chip_of
from ...signed_query import phases_of
from ..description import deviations_of, row_pulses
from ..pullback import pullback
from .backward import gradients_of
from .blocks import Block, Ring, Sizes, blocks_of, ring_of
from .forward import Arrays, Operands, Stored, read_outs
from .operands import Description, elements_of

ON_CPU = Sizes(128, 256)
"""Pairs of a block whose charges and pulses stay in a core's cache."""
ON_GPU = Sizes(256, 1024)
"""The same where every operation is a launch."""
GPU_PAIRS = 2**25
"""Pairs that a GPU computes at once, of all arrays, at most."""


Pull = Callable[..., Any]
"""From gradients by the results of a function to those by its arguments."""


@dataclass(frozen=True, eq=False)
class Frame:
    """What the arrays of one call, or of one sequence, have in common."""

    op: OperationContext
    described: Description
    ring: Ring
    blocks: list[Block]
    key_shares: Tensor | None
    """Each key's part of every separable term's factor, (S, separable); None: 1."""
    query_shares: Tensor | None
    """(T, separable)"""

    @classmethod
    def of(cls, op: OperationContext, described: Description, sizes: Sizes) -> Frame:
        """The frame of queries that have the same positions in all sequences."""
        positions, ring = op.positions, ring_of(op.positions)
        blocks = blocks_of(ring, positions, described.tables, sizes)
        shares: tuple[Tensor | None, Tensor | None] = (None, None)
        if len(described.rates) > 1 or any(described.rates):
            like, rates = (
                described.like,
                positions.query_position.new_tensor(described.rates, dtype=torch.float64),
            )
            middle = positions.key_start + positions.keys / 2
            exponents = [x[:, None] - middle for x in (positions.key_position, positions.query_position[0])]
            shares = torch.exp(rates * exponents[0]).to(like), torch.exp(-rates * exponents[1]).to(like)
        return cls(op, described, ring, blocks, *shares)


@dataclass(frozen=True)
class Part:
    """Arrays that are computed together: some sequences' and some key-value heads'."""

    frame: Frame
    sequences: slice
    heads: slice
    """Key-value heads."""
    per_array: int
    """Number G of query heads of an array."""

    def of_queries(self, x: Tensor) -> Tensor:
        """This part of x (B, H, T, ..)."""
        return x[self.sequences, self.heads.start * self.per_array : self.heads.stop * self.per_array]

    def of_keys(self, x: Tensor) -> Tensor:
        """This part of x (B, Hkv, S, D)."""
        return x[self.sequences, self.heads]

    def folded(self, x: Tensor) -> Tensor:
        """Part (b, h G, T, ..) of a tensor of queries as (n, T, G, ..)."""
        return x.unflatten(1, (-1, self.per_array)).flatten(0, 1).transpose(1, 2)

    def phases(self, q: Tensor) -> tuple[Tensor, ...]:
        """Pulses of every phase, (n, T, G, R), of this part of q."""
        op, circuit = self.frame.op, self.frame.described.circuit
        pulses = row_pulses(q, op, circuit)
        phases = phases_of(pulses, op.hardware) if circuit.loaded_phases else (pulses,)
        return tuple(self.folded(phase).contiguous() for phase in phases)

    def outputs(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Sum of all read-outs, (b, h G, T, C)."""
        arrays, _, _ = self._arrays(q, k, v, learns=False)
        plain = arrays.phases[0].plain
        total = plain.new_zeros((*plain.shape[:3], arrays.operands.depth))
        for block in self.frame.blocks:
            own = read_outs(arrays, block)
            block.rows(total).add_(own[0] if len(own) == 1 else own.sum(0))
        if self.frame.described.circuit.output_steps is not None:
            total /= self.frame.described.circuit.output_steps
        batch = self.sequences.stop - self.sequences.start
        return total.transpose(1, 2).unflatten(0, (batch, -1)).flatten(1, 2)

    def gradients(self, grad: Tensor, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients by this part of q, k and v."""
        arrays, acting, (pull_q, pull_k, pull_v) = self._arrays(q, k, v, learns=True)
        own = self.folded(self.of_queries(grad).to(self.frame.described.like)).contiguous()
        sums = gradients_of(arrays, acting, self.frame.blocks, own)
        by_q = pull_q(sums.phases)[0]
        by_k = pull_k(*packed(self.frame.ring, sums.keys, arrays.phases[0].plain.shape[-1], by_run=False))
        by_v = pull_v(*packed(self.frame.ring, sums.values, acting.depth, by_run=True))
        return by_q, by_k, by_v

    def _arrays(
        self, q: Tensor, k: Tensor, v: Tensor, *, learns: bool
    ) -> tuple[Arrays, Operands, tuple[Pull, Pull, Pull]]:
        """The arrays, their operands as gradients take them, and the functions from gradients by the phases,
        by the keys' and by the values' elements to those by q, k and v."""
        frame, described, dtype = self.frame, self.frame.described, self.frame.described.like.dtype
        phases, pull = pullback(self.phases, self.of_queries(q).to(dtype), learns=learns)
        stored = [
            elements_of(
                _computed(self.of_keys(x), dtype), array, frame.op, described, frame.key_shares, learns
            )
            for array, x in ((1, k), (2, v))
        ]
        loads = [element.load for element in stored]
        own = tuple(range(len(described.order))), len(described.rates), frame.query_shares
        constants = *described.constants, described.circuit.first.edge
        operands = acting = operands_of(
            frame.ring, [element.terms for element in stored], loads, *own, constants
        )
        if not described.exact:
            terms, own = [element.acting for element in stored], (described.acting, *own[1:])
            # What every element gives has no gradient in the linear cell's place.
            acting = operands_of(frame.ring, terms, loads, *own, (0.0, 0.0, 0.0))
        deviations = (None, None) if chip_of(frame.op) is None else self._deviations(stored[1].terms[0])
        arrays = Arrays(described, deviations, operands, tuple(operands.pulses(x) for x in phases))
        return arrays, acting, (pull, stored[0].gradient, stored[1].gradient)

    def _deviations(self, values: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """A chip's converters as `Arrays.deviations`, for terms of the values (n, S, C)."""
        op, ring = self.frame.op, self.frame.ring
        times = len(values) // op.kv_heads
        first, second = deviations_of(op, values.shape[-1], values)
        if first is not None:
            first = ring.slots(first, -2).repeat(times, 1, 1)[:, None]
        if second is not None:
            second = second.transpose(0, 1).repeat(1, times, 1, 1)[:, :, None]
        return first, second


def _computed(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype) if x.is_floating_point() else x


def operands_of(
    ring: Ring,
    terms: list[list[Tensor]],
    loads: list[Tensor | None],
    indices: tuple[int, ...],
    first_table: int,
    shares: Tensor | None,
    constants: tuple[float, float, float],
) -> Operands:
    """Operands of stored elements.

    Args:
        ring: the slots.
        terms: of the keys and of the values, each (n, S, R).
        loads: bit-line loading of both, each (n, S, R); None without a column model.
        indices: number of each term in the description's order.
        first_table: number of the first term with a table.
        shares: the queries' part of every separable term's factor, (T, separable); None: 1.
        constants: charge of any key, of any value, and of a pulse's edges against a key.
    """
    places = [i for i in indices if i < first_table]
    bias, value_bias, edge = constants
    return Operands(
        shares=None if shares is None or not places else shares[:, None, places, None],
        tables=tuple(i - first_table for i in indices[len(places) :]),
        bias=bias,
        edge=edge,
        value_bias=value_bias,
        depth=terms[1][0].shape[-1],
        keys=laid_out(ring, terms[0], len(places), loads[0], by_run=False),
        values=laid_out(ring, terms[1], len(places), loads[1], by_run=True),
    )


def laid_out(ring: Ring, terms: list[Tensor], separable: int, load: Tensor | None, *, by_run: bool) -> Stored:
    """Elements of an array, terms and loading (n, S, R), by slot, or by run and slot."""

    def place(x: Tensor) -> Tensor:
        x = ring.slots(x, -2)
        return x.unflatten(1, (-1, ring.columns)).transpose(0, 1).contiguous() if by_run else x

    beside = terms[:separable]
    wide = torch.cat(beside, -1) if len(beside) > 1 else beside[0] if beside else terms[0][..., :0]
    return Stored(wide, tuple(terms[separable:]), load).apply(place)


def packed(ring: Ring, stored: Stored, depth: int, *, by_run: bool) -> tuple[list[Tensor], Tensor | None]:
    """Inverse of `laid_out`."""

    def take(x: Tensor) -> Tensor:
        return ring.packed(x.transpose(0, 1).flatten(1, 2) if by_run else x, -2)

    found = stored.apply(take)
    wide = found.wide.split(depth, -1) if found.wide.shape[-1] else ()
    return [*wide, *found.tabled], found.load


def parts_of(
    q: Tensor,
    k: Tensor,
    op: OperationContext,
    described: Description,
    sizes: Sizes | None = None,
    most: int | None = None,
) -> Iterator[Part]:
    """All arrays of a call, in parts that are computed one after the other.

    sizes: of the blocks; most: arrays of a part; None: as the device asks.
    """
    (batch, heads), positions = k.shape[:2], op.positions
    alike = len(positions.query_position) == 1
    sizes = sizes or (ON_GPU if q.is_cuda else ON_CPU)
    frame = Frame.of(op, described, sizes) if alike else None
    if torch.compiler.is_compiling():
        most = batch * heads
    elif most is None:
        most = _arrays_at_once(q, k)
    # A chip's patterns are drawn for all heads.
    together = heads if chip_of(op) is not None else min(heads, most)
    step = max(1, most // heads) if alike else 1
    for first in range(0, batch, step):
        if not alike:
            own = replace(positions, query_position=positions.query_position[first : first + 1])
            frame = Frame.of(replace(op, positions=own), described, sizes)
        for head in range(0, heads, together):
            sequences = slice(first, min(first + step, batch))
            yield Part(frame, sequences, slice(head, min(head + together, heads)), q.shape[1] // heads)


def _arrays_at_once(q: Tensor, k: Tensor) -> int:
    if q.is_cuda:
        return max(1, GPU_PAIRS // (ON_GPU.queries * ON_GPU.keys * q.shape[1] // k.shape[1]))
    # Threads share them out.
    return torch.get_num_threads()
