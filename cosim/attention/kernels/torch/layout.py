"""From q, k and v to the operands of the blocks: a few arrays at a time, and back to gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from ...operation import OperationContext, chip_of
from ...row_tiles import integrations
from ..description import deviations_of, row_pulses
from ..pullback import pullback
from .backward import gradients_of
from .blocks import Block, Ring, blocks_of, ring_of
from .forward import Arrays, Operands, read_outs
from .operands import Description, Shares, Stored, elements_of

ON_CPU = 128, 256
"""Queries and keys of a block whose charges and pulses stay in a core's cache."""
FEW = 512
"""Keys up to which a block on a CPU has half as many: what is computed at once would outweigh the inputs."""
ON_GPU = 256, 1024
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
    key_shares: Shares
    query_shares: Shares
    """The same of the queries, (T, 1, separable, 1)."""

    @classmethod
    def of(cls, op: OperationContext, described: Description, sizes: tuple[int, int]) -> Frame:
        """The frame of queries that have the same positions in all sequences."""
        positions, ring = op.positions, ring_of(op.positions)
        blocks = blocks_of(ring, positions, described.tables, sizes)
        keys: Shares = (None, None)
        queries: Shares = (None, None)
        if len(described.rates) > 1 or any(described.rates):
            rates = positions.query_position.new_tensor(described.rates, dtype=torch.float64)
            middle = positions.key_start + positions.keys / 2
            exponents = [x[:, None] - middle for x in (positions.key_position, positions.query_position[0])]
            by_key = torch.exp(rates * exponents[0]).to(described.like)[:, :, None]
            by_query = torch.exp(-rates * exponents[1]).to(described.like)[:, None, :, None]
            keys, queries = (by_key, by_key), (by_query, by_query)
            if not described.exact:
                places = [i for i in described.acting if i < len(described.rates)]
                keys, queries = (by_key, by_key[:, places]), (by_query, by_query[:, :, places])
        return cls(op, described, ring, blocks, keys, queries)


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
        apart = circuit.loaded_phases or circuit.row_tiles > 1
        phases = integrations(pulses, op) if apart else (pulses,)
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
        ring = self.frame.ring
        by_k = pull_k(sums.keys.apply(lambda x: ring.packed(x, -2)))
        by_v = pull_v(sums.values.apply(lambda x: ring.packed(x.transpose(0, 1).flatten(1, 2), -2)))
        return by_q, by_k, by_v

    def _arrays(
        self, q: Tensor, k: Tensor, v: Tensor, *, learns: bool
    ) -> tuple[Arrays, Operands, tuple[Pull, Pull, Pull]]:
        """The arrays, their operands as gradients take them, and the functions from gradients by the phases,
        by the keys' and by the values' elements to those by q, k and v."""
        frame, described, dtype = self.frame, self.frame.described, self.frame.described.like.dtype
        phases, pull = pullback(self.phases, self.of_queries(q).to(dtype), learns=learns)
        keys, values = (
            elements_of(_computed(x, dtype), array, frame.op, described, frame.key_shares, learns)
            for array, x in ((1, self.of_keys(k)), (2, self.of_keys(v)))
        )
        depth = v.shape[-1] + (frame.op.hardware.normaliser is not None)
        tables = tuple(range(len(described.tables)))
        constants = *described.constants, described.circuit.first.edge
        shares, acting_shares = frame.query_shares
        operands = acting = Operands(
            shares, tables, constants, depth, *self._laid_out(keys.terms, values.terms)
        )
        if not described.exact:
            tables = tuple(i - len(described.rates) for i in described.acting if i >= len(described.rates))
            # What every element gives has no gradient in the linear cell's place.
            acting = Operands(
                acting_shares, tables, (0.0, 0.0, 0.0), depth, *self._laid_out(keys.acting, values.acting)
            )
        deviations = (None, None) if chip_of(frame.op) is None else self._deviations(depth, phases[0])
        arrays = Arrays(described, deviations, operands, tuple(operands.pulses(x) for x in phases))
        return arrays, acting, (pull, keys.gradient, values.gradient)

    def _laid_out(self, keys: Stored, values: Stored) -> tuple[Stored, Stored]:
        """Elements by slot, and by run and slot."""
        ring = self.frame.ring

        def by_run(x: Tensor) -> Tensor:
            return ring.slots(x, -2).unflatten(1, (-1, ring.columns)).transpose(0, 1).contiguous()

        return keys.apply(lambda x: ring.slots(x, -2)), values.apply(by_run)

    def _deviations(self, depth: int, like: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """A chip's converters as `Arrays.deviations`, for pulses (n, T, G, R)."""
        op, ring = self.frame.op, self.frame.ring
        times = len(like) // op.kv_heads
        first, second = deviations_of(op, depth, like)
        if first is not None:
            first = ring.slots(first, -2).repeat(times, 1, 1)[:, None]
        if second is not None:
            second = second.transpose(0, 1).repeat(1, times, 1, 1)[:, :, None]
        return first, second


def _computed(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype) if x.is_floating_point() else x


def parts_of(q: Tensor, k: Tensor, op: OperationContext, described: Description) -> Iterator[Part]:
    """All arrays of a call, in parts that are computed one after the other."""
    (batch, heads), positions = k.shape[:2], op.positions
    alike = len(positions.query_position) == 1
    queries, keys = ON_GPU if q.is_cuda else ON_CPU
    sizes = queries, keys // 2 if k.shape[2] <= FEW and not q.is_cuda else keys
    frame = Frame.of(op, described, sizes) if alike else None
    most = batch * heads if torch.compiler.is_compiling() else _arrays_at_once(q, k)
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
        return max(1, GPU_PAIRS // (prod(ON_GPU) * q.shape[1] // k.shape[1]))
    # Threads share them out.
    return torch.get_num_threads()
