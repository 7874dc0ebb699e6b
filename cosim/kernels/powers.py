"""Operands of polynomial cells whose deviation decays exponentially, forward and backward by hand.

What `operands.py` does for every hardware takes some forty passes over each element; here it is eight, in
memory that the next arrays use again. A row of cells holds the powers of z = e^(rs) x, the deviation x scaled
with the key's share of its decay; their coefficients c_i, which are the same for all keys, and what turns
levels into pulse widths stand with the queries' shares, c_i e^(-irt). A compiler fuses the general form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...models import Hardware
from ..signals import Conditions, chip_of, noise_of
from ..slope import line_of
from .fading import Fading
from .operands import edges_of
from .scratch import Scratch
from .stages import clip_slope, clip_slope_

Operands = tuple[Tensor, ...]


def plain_powers(now: Conditions, fading: Fading) -> bool:
    """Whether the cells hold what is written, and their charge is a sum of powers that all decay."""
    hardware = now.hardware
    acting = (now.effects.write and hardware.write is not None) or chip_of(now) or noise_of(now)
    plain = hardware.signed_query is None and hardware.normaliser is None and edges_of(now) is None
    powers = fading.constant is not None and fading.rows is not None and not fading.tabled
    straight = now.gradient == "exact" or line_of(hardware).order == 1
    return plain and powers and straight and not acting and not torch.compiler.is_compiling()


@dataclass(frozen=True)
class Memory:
    """Where the operands of n arrays are, and views of them."""

    asked: Tensor
    """(n, T G, D) scratch, levels of the pulses."""
    pulses: Tensor
    """(n, T G, K)"""
    by_power: tuple[Tensor, ...]
    """(n, T G, D) parts of the pulses."""
    written: Tensor
    """(2, n, S, D) scratch, levels of keys and values."""
    stored: Tensor
    """(2, n, S, K)"""
    powers: tuple[Tensor, ...]
    """(2, n, S, D) parts of it."""

    def operands(self) -> tuple[Operands, Operands, Operands]:
        """Of pulses, keys and values. Nothing needs the plain pulses, which have no width here."""
        return (self.pulses, self.pulses[..., :0]), (self.stored[0],), (self.stored[1],)


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
    scratch: Scratch

    @classmethod
    def of(cls, now: Conditions, fading: Fading, full_scale: float, scratch: Scratch) -> Powers:
        """full_scale: of the second product, in the unit that is wanted."""
        hardware, cell = now.hardware, now.hardware.transfer
        full_scales = 1 / hardware.q_sat_1, full_scale / hardware.q_sat_2
        constant, *coefficients = (float(c) for c in cell.coefficients)
        constants = tuple(constant * scale for scale in full_scales)
        keys = torch.stack(2 * [fading.keys[0]])[:, None]
        offset = keys * (hardware.v_min - cell.center)
        steps = keys.new_tensor([hardware.levels.key - 1, hardware.levels.value - 1]).view(2, 1, 1, 1)
        return cls(
            hardware=hardware,
            quantises=now.effects.quantise,
            coefficients=tuple(coefficients),
            constants=constants,
            keys=keys,
            keys_per_level=keys * ((hardware.v_max - hardware.v_min) / steps),
            offset=offset,
            full_scales=full_scales,
            steps=steps,
            scratch=scratch,
        )

    def line(self) -> Powers:
        """The linear cell's, which ages like the first power."""
        cell = line_of(self.hardware)
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
        first, second = (
            shares * shares.new_tensor([c * scale for c in self.coefficients]) for scale in self.full_scales
        )
        return first / self._query_steps, second

    def operands(self, q: Tensor, k: Tensor, v: Tensor, rows: Tensor) -> Memory:
        """For q (n, T G, D), k and v (n, S, D), in place of what was there. rows: of the first product."""
        memory = self._memory(q, k)
        asked, written = memory.asked, memory.written
        torch.clamp(q, 0, 1, out=asked)
        if self.quantises:
            asked.mul_(self._query_steps).round_()
        for part, share in zip(memory.by_power, self._columns(rows), strict=True):
            torch.mul(asked, share, out=part)
        if self.constants is not None:
            torch.sum(asked, -1, out=memory.pulses[..., -1])
        low, high = self.hardware.v_min, self.hardware.v_max
        for x, out in zip((k, v), written, strict=True):
            torch.clamp(x, low, high, out=out)
        if low != 0:
            written -= low
        if self.quantises:
            # A division, as in `signals.quantise`: what is midway between two levels goes to the same one.
            written.div_(high - low).mul_(self.steps).round_()
            torch.mul(written, self.keys_per_level, out=memory.powers[0])
        else:
            torch.mul(written, self.keys, out=memory.powers[0])
        memory.powers[0].add_(self.offset)
        for i in range(1, len(memory.powers)):
            torch.mul(memory.powers[0], memory.powers[i - 1], out=memory.powers[i])
        return memory

    def gradients(
        self, memory: Memory, by_pulses: Tensor, by_stored: Tensor, rows: Tensor, inputs: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """By q, k and v, the inputs, from the gradients by the pulses (n, T G, K) and by what is stored
        (2, n, S, K)."""
        (first, *rest), shares = self._parts(by_pulses, inputs[0].shape[-1]), self._columns(rows)
        grad = torch.mul(first, shares[0], out=memory.asked)
        for part, share in zip(rest, shares[1:], strict=True):
            grad.addcmul_(part, share)
        if self.constants is not None:
            grad += by_pulses[..., -1:]
        by_q = clip_slope(grad.mul_(self._query_steps), inputs[0], 0.0, 1.0)
        # sum_i i z^(i - 1) g_i
        grad, *rest = self._parts(by_stored, inputs[0].shape[-1])
        for i, part in enumerate(rest):
            grad = torch.addcmul(grad, memory.powers[i], part, value=i + 2, out=memory.written)
        grad = torch.mul(grad, self.keys, out=memory.written)
        low, high = self.hardware.v_min, self.hardware.v_max
        return by_q, *(clip_slope_(own, x, low, high) for own, x in zip(grad, inputs[1:], strict=True))

    def sums(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """Zeros like the pulses and like what is stored, but for the constant, which has no gradient."""
        width = len(self.coefficients) * memory.written.shape[-1]
        shapes = {"pulses": memory.pulses.shape, "stored": (*memory.stored.shape[:-1], width)}
        return tuple(self.scratch.take(("by", name), shape).zero_() for name, shape in shapes.items())

    @property
    def _query_steps(self) -> int:
        """Levels of a full-width pulse."""
        return self.hardware.levels.query - 1 if self.quantises else 1

    def _memory(self, q: Tensor, k: Tensor) -> Memory:
        name = "powers" if self.constants is not None else "line"
        return self.scratch.keep((name, q.shape, k.shape), lambda: self._new_memory(name, q, k))

    def _new_memory(self, name: str, q: Tensor, k: Tensor) -> Memory:
        width = len(self.coefficients) * k.shape[2] + (self.constants is not None)
        # A part of fewer arrays has its own, for it would write over the others' constants.
        pulses = self.scratch.take((name, "pulses", len(q)), (*q.shape[:2], width))
        stored = self.scratch.take((name, "stored", len(k)), (2, *k.shape[:2], width))
        if self.constants is not None:
            for own, constant in zip(stored, self.constants, strict=True):
                # Pulses are in levels.
                own[..., -1] = constant
            stored[0, ..., -1] /= self._query_steps
        return Memory(
            asked=self.scratch.take("levels", q.shape),
            pulses=pulses,
            by_power=self._parts(pulses, q.shape[-1]),
            written=self.scratch.take("levels", (2, *k.shape)),
            stored=stored,
            powers=self._parts(stored, q.shape[-1]),
        )

    def _parts(self, wide: Tensor, depth: int) -> tuple[Tensor, ...]:
        """By power, along the last dimension, without a constant after them."""
        count = len(self.coefficients)
        return self._views("parts", wide, lambda: wide[..., : count * depth].split(depth, dim=-1))

    def _columns(self, rows: Tensor) -> tuple[Tensor, ...]:
        return self._views("columns", rows, lambda: rows.split(1, dim=-1))

    def _views(self, name: str, of: Tensor, make: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        return self.scratch.keep((name, of.data_ptr(), of.shape), make)
