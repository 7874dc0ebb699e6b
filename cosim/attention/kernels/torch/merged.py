"""Operands of `powers.py` on the way back through three powers, of which gradients take two (`merging.py`).

First stands the second power with the little that the others do not bear of it, which is for charges alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...stages import OperationContext
from .decay import Fading
from .merging import Merging
from .powers import Memory, Operands, Powers
from .stages import clip_slope_
from .tiling import Block, Run, reach_of


@dataclass(frozen=True)
class Turn:
    """A stretch of the queries."""

    keys: Run
    """That it has in reach."""
    first: float
    """What the first power bears of z^2."""
    last: float
    """What the third one does."""


@dataclass(frozen=True)
class Views:
    """Of a stretch's keys, (2, n, keys, D), in both arrays."""

    z: Tensor
    first: Tensor
    last: Tensor
    square: Tensor


@dataclass(frozen=True)
class BackViews:
    """What `Views` are in the gradients."""

    by_first: Tensor
    by_last: Tensor
    volts: Tensor
    """(2, 1, keys, 1) from a voltage to its z."""


@dataclass(frozen=True)
class Merged:
    """Operands of three powers; those of keys and values are made anew for every stretch of the queries."""

    powers: Powers
    """That of the outer two."""
    turns: tuple[Turn, ...]
    fading: Fading
    """Of the remainder of the second one and of the outer two."""

    @classmethod
    def of(
        cls,
        powers: Powers,
        merging: Merging,
        stretches: list[list[Block]],
        op: OperationContext,
        fading: Fading,
    ) -> Merged:
        """powers, fading: of all three, in their order."""
        positions = op.positions.query_position[0].double() - fading.origin
        stretch = torch.arange(len(positions), device=positions.device) // merging.rows
        starts = positions[0] + merging.rows * stretch
        borne = torch.stack(merging.borne(starts), dim=1)[:: merging.rows].tolist()
        turns = tuple(Turn(reach_of(blocks), *of) for blocks, of in zip(stretches, borne, strict=True))
        remainder = merging.remainder(positions, starts).to(fading.rows.dtype)[None, :, None]
        order = (1, 0, 2)
        own = replace(
            fading,
            separable=tuple(fading.separable[i] for i in order),
            rows=torch.cat([remainder, fading.rows[..., (0, 2)]], dim=2),
            keys=tuple(fading.keys[i] for i in order),
        )
        first, _, last = powers.coefficients
        return cls(replace(powers, coefficients=(first, last)), turns, own)

    def rows(self, shares: Tensor) -> tuple[Tensor, Tensor]:
        """As `Powers.rows`."""
        return self.powers.scaled(shares, (1.0, *self.powers.coefficients))

    def operands(self, q: Tensor, k: Tensor, v: Tensor, rows: Tensor) -> Memory:
        """As `Powers.operands`; `write` makes the rest."""
        count = len(self.powers.coefficients) + 1
        memory = self.powers.scratch.keep(
            ("merged", q.shape, k.shape), lambda: self.powers.new_memory("merged", q, k, count)
        )
        self.powers.ask(memory, q, rows)
        z = memory.written
        self.powers.deviate((k, v), memory, z)
        torch.mul(z, z, out=memory.powers[0])
        return memory

    def outer(self, memory: Memory) -> tuple[Operands, Operands, Operands]:
        """As `Memory.operands`, without the remainder: what gradients take."""
        depth = memory.asked.shape[-1]
        (pulses, plain), (keys,), (values,) = memory.operands()
        return (pulses[..., depth:], plain), (keys[..., depth:],), (values[..., depth:],)

    def write(self, memory: Memory, stretch: int) -> None:
        """z + first z^2 and z^3 + last z^2."""
        turn, of = self.turns[stretch], self._views(memory)[stretch]
        torch.add(of.z, of.square, alpha=turn.first, out=of.first)
        torch.add(of.z, turn.last, out=of.last).mul_(of.square)

    def collect(self, memory: Memory, by_stored: Tensor, stretch: int, results: Operands) -> None:
        """Add the gradients by k and v, as if all were within the range of the cells, to `results`."""
        turn, of = self.turns[stretch], self._views(memory)[stretch]
        back = self._back_views(memory, by_stored)[stretch]
        # by_first (1 + 2 first z) + by_last (3 z^2 + 2 last z); what was written is needed no more.
        grad = torch.mul(of.z, back.by_last, out=of.last)
        grad.add_(back.by_last, alpha=turn.last * 2 / 3).add_(back.by_first, alpha=turn.first * 2 / 3)
        torch.addcmul(back.by_first, of.z, grad, value=3, out=grad).mul_(back.volts)
        if self._alone(memory):
            return
        for own, result in zip(grad, results[1:], strict=True):
            total = result if stretch else result.zero_()
            total[:, slice(*turn.keys)].add_(own)

    def gradients(
        self, memory: Memory, sums: Operands, rows: Tensor, inputs: Operands, results: Operands
    ) -> None:
        """As `Powers.gradients`, from what `collect` has added."""
        self.powers.by_queries(sums[0], rows, inputs[0], results[0])
        low, high = self.powers.hardware.v_min, self.powers.hardware.v_max
        grads = self._grads(memory) if self._alone(memory) else results[1:]
        for x, own, result in zip(inputs[1:], grads, results[1:], strict=True):
            clip_slope_(own, x, low, high, out=result)

    def sums(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """As `Powers.sums`; the latter as it is, for every stretch begins anew."""
        by_pulses, by_stored = self.powers.room_for_sums(memory)
        return by_pulses.zero_(), by_stored

    def _grads(self, memory: Memory) -> Operands:
        """Where the only stretch has those by k and v."""
        return self.powers.scratch.keep("grads", memory.powers[-1].unbind, of=memory)

    def _alone(self, memory: Memory) -> bool:
        """Whether one stretch has all there is."""
        return len(self.turns) == 1 and self.turns[0].keys == (0, memory.written.shape[2])

    def _views(self, memory: Memory) -> list[Views]:
        def views() -> list[Views]:
            square, first, last = memory.powers
            tensors = memory.written, first, last, square
            return [Views(*(x[:, :, slice(*turn.keys)] for x in tensors)) for turn in self.turns]

        return self.powers.scratch.keep("turns", views, of=memory)

    def _back_views(self, memory: Memory, by_stored: Tensor) -> list[BackViews]:
        def views() -> list[BackViews]:
            tensors = *by_stored.chunk(2, dim=-1), self.powers.keys
            return [BackViews(*(x[:, :, slice(*turn.keys)] for x in tensors)) for turn in self.turns]

        return self.powers.scratch.keep("turns back", views, of=memory)
