"""Operands of polynomial cells whose deviation decays exponentially, forward and backward by hand.

What `operands.py` does for every hardware takes some forty passes over each element; here it is eight, in
memory that the next arrays use again. A row of cells holds the powers of z = e^(rs) x, the deviation x scaled
with the key's share of its decay; their coefficients c_i, which are the same for all keys, and what turns
levels into pulse widths stand with the queries' shares, c_i e^(-irt). A compiler fuses the general form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from .....models import Hardware
from ...stages import OperationContext, chip_of, noise_of
from ...surrogate_gradient import linear_cell
from .decay import Fading
from .operands import edges_of
from .stages import clip_slope_, is_ideal
from .workspace import Scratch

Operands = tuple[Tensor, ...]
LINE = 16
"""Numbers in a line of the cache: where rows of sums begin with one, adding them up is twice as fast."""


def plain_powers(op: OperationContext, fading: Fading) -> bool:
    """Whether the cells hold what is written, their charge is a sum of powers that all decay, and nothing but
    clips follows; whatever the gradient."""
    hardware = op.hardware
    acting = (op.effects.write and hardware.write is not None) or chip_of(op) or noise_of(op)
    plain = hardware.signed_query is None and hardware.normaliser is None and edges_of(op) is None
    powers = fading.constant is not None and fading.rows is not None and not fading.tabled
    clips = is_ideal(1, op) and is_ideal(2, op)
    return plain and powers and clips and not acting and not torch.compiler.is_compiling()


def has_powers(op: OperationContext) -> bool:
    """Whether the gradient, too, passes by powers: the linear cell's is another one."""
    return op.gradient == "exact" or linear_cell(op.hardware).order == 1


@dataclass(frozen=True)
class Memory:
    """Where the operands of n arrays are, and views of them."""

    asked: Tensor
    """(n, T G, D) scratch, levels of the pulses."""
    pulses: Tensor
    """(n, T G, K)"""
    by_power: tuple[Tensor, ...]
    """(n, T G, D) parts of the pulses."""
    together: Tensor
    """(n, T G) the last of their columns, against what is the same for all cells."""
    written: Tensor
    """(2, n, S, D) scratch, levels of keys and values."""
    by_array: tuple[Tensor, ...]
    """(n, S, D) both of it."""
    stored: Tensor
    """(2, n, S, K)"""
    powers: tuple[Tensor, ...]
    """(2, n, S, D) parts of it."""

    def operands(self) -> tuple[Operands, Operands, Operands]:
        """Of pulses, keys and values. Nothing needs the plain pulses, which have no width here."""
        keys, values = self.stored
        return (self.pulses, self.pulses[..., :0]), (keys[..., : self.pulses.shape[2]],), (values,)


@dataclass(frozen=True)
class Powers:
    """Operands of polynomial cells: of their own charge, or of the linear cell's, a single term."""

    hardware: Hardware
    quantises: bool
    coefficients: tuple[float, ...]
    """From the first power on; with the linear cell, part of `keys`."""
    constants: tuple[float, float] | None
    """Charge that is the same for every stored voltage, in both products; None: it is in `offset`."""
    keys: Tensor
    """(2, 1, S, 1) from a key's or value's voltage to its z."""
    keys_per_level: Tensor
    """(2, 1, S, 1) the same from its level."""
    offset: Tensor
    """(2, 1, S, 1) z of the lowest voltage."""
    full_scales: tuple[float, float]
    """Of both products: what a full converter's charge is here."""
    steps: Tensor
    """(2, 1, 1, 1) levels of keys and values above the lowest."""
    most_rows: int
    """Of the pulses in a block."""
    scratch: Scratch

    @classmethod
    def of(
        cls, op: OperationContext, fading: Fading, full_scale: float, scratch: Scratch, most_rows: int
    ) -> Powers:
        """full_scale: of the second product, in the unit that is wanted."""
        hardware, cell = op.hardware, op.hardware.transfer
        full_scales = 1 / hardware.q_sat_1, full_scale / hardware.q_sat_2
        constant, *coefficients = (float(c) for c in cell.coefficients)
        constants = tuple(constant * scale for scale in full_scales)
        keys = torch.stack(2 * [fading.keys[0]])[:, None]
        offset = keys * (hardware.v_min - cell.center)
        steps = keys.new_tensor([hardware.levels.key - 1, hardware.levels.value - 1]).view(2, 1, 1, 1)
        return cls(
            hardware=hardware,
            quantises=op.effects.quantise,
            coefficients=tuple(coefficients),
            constants=constants,
            keys=keys,
            keys_per_level=keys * ((hardware.v_max - hardware.v_min) / steps),
            offset=offset,
            full_scales=full_scales,
            steps=steps,
            most_rows=most_rows,
            scratch=scratch,
        )

    def line(self) -> Powers:
        """The linear cell's, which ages like the first power."""
        cell = linear_cell(self.hardware)
        constant, slope = (float(c) for c in cell.coefficients)
        scaled = self.keys * self.keys.new_tensor(self.full_scales).view(2, 1, 1, 1)
        return replace(
            self,
            coefficients=(1.0,),
            constants=None,
            keys=scaled * slope,
            keys_per_level=self.keys_per_level * scaled / self.keys * slope,
            offset=scaled * (constant + slope * (self.hardware.v_min - cell.center)),
        )

    def rows(self, shares: Tensor) -> tuple[Tensor, Tensor]:
        """For both products, the queries' shares (n or 1, T G, powers) of the decay with all else that scales
        them."""
        if self.constants is None:
            return shares / self._query_steps, shares
        return self.scaled(shares, self.coefficients)

    def scaled(self, shares: Tensor, coefficients: tuple[float, ...]) -> tuple[Tensor, Tensor]:
        """The same for terms of these coefficients."""
        first, second = (
            shares * shares.new_tensor([c * scale for c in coefficients]) for scale in self.full_scales
        )
        return first / self._query_steps, second

    def operands(self, q: Tensor, k: Tensor, v: Tensor, rows: Tensor) -> Memory:
        """For q (n, T G, D), k and v (n, S, D), in place of what was there. rows: of the first product."""
        memory = self._memory(q, k)
        self.ask(memory, q, rows)
        z, *higher = memory.powers
        self.deviate((k, v), memory, z)
        for last, power in pairwise((z, *higher)):
            torch.mul(z, last, out=power)
        return memory

    def ask(self, memory: Memory, q: Tensor, rows: Tensor) -> None:
        """Write the pulses."""
        asked = torch.clamp(q, 0, 1, out=memory.asked)
        if self.quantises:
            asked.mul_(self._query_steps).round_()
        for part, share in zip(memory.by_power, self.columns(rows), strict=True):
            torch.mul(asked, share, out=part)
        if self.constants is not None:
            torch.sum(asked, -1, out=memory.together)

    def deviate(self, inputs: Operands, memory: Memory, z: Tensor) -> None:
        """Write z for k and v, the inputs; it may be where their levels are."""
        low, high, written = self.hardware.v_min, self.hardware.v_max, memory.written
        for x, out in zip(inputs, memory.by_array, strict=True):
            torch.clamp(x, low, high, out=out)
        if low != 0:
            written -= low
        if self.quantises:
            # A division, as in `signals.quantise`: what is midway between two levels goes to the same one.
            written.div_(high - low).mul_(self.steps).round_()
            torch.mul(written, self.keys_per_level, out=z)
        else:
            torch.mul(written, self.keys, out=z)
        z.add_(self.offset)

    def write(self, memory: Memory, stretch: int) -> None:
        """Nothing, since one set of operands serves all queries."""

    def collect(self, memory: Memory, by_stored: Tensor, stretch: int, results: Operands) -> None:
        """Nothing either, since gradients by the operands add up over all queries."""

    def gradients(
        self, memory: Memory, sums: Operands, rows: Tensor, inputs: Operands, results: Operands
    ) -> None:
        """Write those by q, k and v, the inputs, from `sums`: by the pulses (n, T G, K) and by what is stored
        (2, n, S, K)."""
        by_pulses, by_stored = sums
        self.by_queries(by_pulses, rows, inputs[0], results[0])
        # sum_i i z^(i - 1) g_i
        grad, *rest = self.parts(by_stored, inputs[0].shape[-1])
        for i, part in enumerate(rest):
            grad = torch.addcmul(grad, memory.powers[i], part, value=i + 2, out=memory.written)
        for own, keys, x, result in zip(grad, self.keys, inputs[1:], results[1:], strict=True):
            torch.mul(own, keys, out=result)
            clip_slope_(result, x, self.hardware.v_min, self.hardware.v_max)

    def by_queries(self, by_pulses: Tensor, rows: Tensor, q: Tensor, result: Tensor) -> None:
        """Write the gradient by q from that by the pulses of the last powers; rows: of the first product."""
        parts = self._views("by power", by_pulses, lambda: by_pulses.split(q.shape[-1], dim=-1))
        powers = parts[: len(self.coefficients)]
        scaled = self._views("scaled", rows, lambda: (rows * self._query_steps).split(1, dim=-1))
        first, *rest = zip(powers, scaled[len(scaled) - len(powers) :], strict=True)
        torch.mul(*first, out=result)
        for part, share in rest:
            result.addcmul_(part, share)
        for constant in parts[len(powers) :]:
            result.add_(constant, alpha=self._query_steps)
        clip_slope_(result, q, 0.0, 1.0)

    def sums(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """Zeros like the pulses and like what is stored, but for the constant, which has no gradient."""
        by_pulses, by_stored = self.room_for_sums(memory)
        return by_pulses.zero_(), by_stored.zero_()

    def room_for_sums(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """The same with whatever is there."""
        width, take = len(self.coefficients) * memory.asked.shape[-1], self.scratch.take
        wide = width + (self.constants is not None)
        by_pulses = take("by pulses", (*memory.pulses.shape[:-1], wide))
        return by_pulses, take("by stored", (*memory.stored.shape[:-1], width))

    @property
    def _query_steps(self) -> float:
        """Levels of a full-width pulse."""
        # A whole number would be made a tensor of its own kind for every use.
        return float(self.hardware.levels.query - 1) if self.quantises else 1.0

    def _memory(self, q: Tensor, k: Tensor) -> Memory:
        name, count = "powers" if self.constants is not None else "line", len(self.coefficients)
        return self.scratch.keep((name, q.shape, k.shape), lambda: self.new_memory(name, q, k, count))

    def new_memory(self, name: str, q: Tensor, k: Tensor, count: int) -> Memory:
        """For so many powers."""
        depth, constant, take = k.shape[2], int(self.constants is not None), self.scratch.take
        width = count * depth
        # A part of fewer arrays has its own, for it would write over the others' constants.
        pulses = take((name, "pulses", len(q)), (*q.shape[:2], width + constant))
        stored = take((name, "stored", len(k)), (2, *k.shape[:2], width + constant * LINE))
        if self.constants is not None:
            after, charges = stored[..., width:], stored.new_zeros(2, 1, 1, LINE)
            # Pulses are in levels.
            charges[0, ..., 0] = self.constants[0] / self._query_steps
            charges[1, ..., 0] = self.constants[1]
            self.scratch.fill(lambda: after.copy_(charges))
        # Levels that nobody needs once the operands are made lie where blocks will have their sums. The
        # larger of both comes first, for memory cannot grow.
        sums = (len(q), min(q.shape[1], self.most_rows), width + constant * LINE)
        if name == "powers" and math.prod(sums) > math.prod((2, *k.shape)):
            take("terms", sums)
        written = take("terms" if name == "powers" else "levels", (2, *k.shape))
        return Memory(
            asked=take("gradient or sum", q.shape),
            pulses=pulses,
            by_power=pulses[..., :width].split(depth, dim=-1),
            together=pulses[..., -1],
            written=written,
            by_array=written.unbind(0),
            stored=stored,
            powers=stored[..., :width].split(depth, dim=-1),
        )

    def parts(self, wide: Tensor, depth: int) -> tuple[Tensor, ...]:
        """By power, along the last dimension, without a constant after them."""
        count = len(self.coefficients)
        return self._views("parts", wide, lambda: wide[..., : count * depth].split(depth, dim=-1))

    def columns(self, rows: Tensor) -> tuple[Tensor, ...]:
        return self._views("columns", rows, lambda: rows.split(1, dim=-1))

    def _views(self, name: str, of: Tensor, make: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        return self.scratch.keep(name, make, of=of)
