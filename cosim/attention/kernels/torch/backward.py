"""Backward pass: each block is computed again, then gradients of all its factors are added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...quantisers import clip_gradient
from .blocks import Block, Group, Piece
from .forward import (
    Arrays,
    Operands,
    Pulses,
    first_product,
    merged,
    second_product,
    where_operated,
)
from .stages import is_ideal, pullback


@dataclass(frozen=True)
class Gradients:
    """Sums of gradients by pulses and by the operands that gradients know, each of their shape."""

    phases: tuple[Tensor, ...]
    """By the pulses."""
    keys: Tensor
    tabled_keys: tuple[Tensor, ...]
    key_load: Tensor | None
    values: Tensor
    value_load: Tensor | None

    @classmethod
    def zeros(cls, phases: tuple[Tensor, ...], acting: Operands) -> Gradients:
        """No gradient yet."""
        return cls(
            tuple(torch.zeros_like(phase) for phase in phases),
            torch.zeros_like(acting.keys),
            tuple(torch.zeros_like(x) for x in acting.tabled_keys),
            None if acting.key_load is None else torch.zeros_like(acting.key_load),
            torch.zeros_like(acting.values),
            None if acting.value_load is None else torch.zeros_like(acting.value_load),
        )


def gradients_of(arrays: Arrays, acting: Operands, blocks: list[Block], grad: Tensor) -> Gradients:
    """Gradients by all operands.

    Args:
        arrays: the arrays, as in the forward pass.
        acting: what gradients take for their operands.
        blocks: all blocks.
        grad: gradient by the output, (n, T, G, C).
    """
    sums = Gradients.zeros(arrays.phases, acting)
    for block in blocks:
        _add_block(arrays, acting, block, block.rows(grad), sums)
    return sums


def _add_block(arrays: Arrays, acting: Operands, block: Block, grad: Tensor, sums: Gradients) -> None:
    """Add the gradients of one block; grad: by its output, (n, t G, C)."""
    group, pulses = block.group, arrays.pulses(arrays.operands, block)
    known = pulses if acting is arrays.operands else arrays.pulses(acting, block)
    phis, backs, parts = [], [], []
    for piece in group.pieces:
        phi, back = _phi_with_pullback(arrays, *first_product(arrays.operands, pulses, piece), piece)
        phis.append(phi)
        backs.append(back)
        parts.append(second_product(arrays, phi, block, piece))
    by_charge, by_load = _through_read_out(arrays, *merged(parts, group), group, grad)
    for piece, phi, back in zip(group.pieces, phis, backs, strict=True):
        tiles = slice(piece.offset, piece.offset + piece.runs)
        through = by_charge[tiles], None if by_load is None else by_load[tiles]
        by_phi = _through_values(acting, *through, phi, block, piece, sums)
        _through_keys(acting, back(by_phi), known, block, piece, sums)


def _phi_with_pullback(
    arrays: Arrays, charges: list[Tensor], loads: list[Tensor], piece: Piece
) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, ...]]]:
    """Pulses into the second array, and the function from their gradient to those of charges and loads."""
    if is_ideal(arrays.circuit.first):
        charge = charges[0]
        piece.hide_(charge, -1.0)
        return charge.clamp(0.0, 1.0), lambda by_phi: (clip_gradient(by_phi, charge, 0.0, 1.0),)
    phases = len(charges)

    def stage(*x: Tensor) -> tuple[Tensor]:
        return (arrays.first_pulses(piece, x[:phases], x[phases:]),)

    (phi,), pull = pullback(stage, *charges, *loads)
    phi = phi.clone() if piece.unseen is not None else phi
    piece.hide_(phi, 0.0)

    def back(by_phi: Tensor) -> tuple[Tensor, ...]:
        piece.hide_(by_phi, 0.0)
        return pull((by_phi,))

    return phi, back


def _through_read_out(
    arrays: Arrays, charge: Tensor, load: Tensor | None, group: Group, grad: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Gradient by the charges and the loading of a group's sub-tiles; counting is straight-through."""
    if is_ideal(arrays.circuit.second):
        return clip_gradient(grad.expand_as(charge), charge, -1.0, 1.0), None
    inputs = (charge,) if load is None else (charge, load)
    _, pull = pullback(lambda charge, load=None: (arrays.second_widths(group, charge, load),), *inputs)
    by_charge, *by_load = pull((where_operated(grad.expand_as(charge), group),))
    return by_charge, by_load[0] if by_load else None


def _through_values(
    acting: Operands,
    by_charge: Tensor,
    by_load: Tensor | None,
    phi: Tensor,
    block: Block,
    piece: Piece,
    sums: Gradients,
) -> Tensor:
    """Gradient by the pulses of a piece, (n, t G, slots); adds the one by its values."""
    (n, rows, slots), runs = phi.shape, slice(piece.first, piece.end)
    columns, flat = slots // piece.runs, by_charge.flatten(0, 1)
    sums.values[runs].flatten(0, 1).baddbmm_(acting.weighted(phi, block, piece).mT, flat)
    by_wide = torch.bmm(flat, acting.values[runs].flatten(0, 1).mT)
    # (n, t, G, runs, terms, columns)
    by_wide = by_wide.view(piece.runs, n, piece.queries, -1, len(acting.factors), columns)
    by_wide = by_wide.permute(1, 2, 3, 0, 4, 5)
    result = torch.empty_like(phi)
    by_phi = piece.by_run(result)
    for i, own in enumerate(by_wide.unbind(4)):
        factor = acting.factor(i, block, piece)
        if i:
            by_phi.add_(own) if factor is None else by_phi.addcmul_(own, factor)
        else:
            by_phi.copy_(own) if factor is None else torch.mul(own, factor, out=by_phi)
    if acting.value_bias:
        by_pulse = by_charge.sum(-1).view(piece.runs, n, rows).permute(1, 2, 0)
        result.view(n, rows, piece.runs, columns).add_(by_pulse.unsqueeze(3), alpha=acting.value_bias)
    if by_load is not None:
        flat = by_load.flatten(0, 1)
        pulses = phi.view(n, rows, piece.runs, columns).permute(2, 0, 1, 3).flatten(0, 1)
        sums.value_load[runs].flatten(0, 1).baddbmm_(pulses.mT, flat)
        own = torch.bmm(flat, acting.value_load[runs].flatten(0, 1).mT).view(piece.runs, n, rows, columns)
        result.view(n, rows, piece.runs, columns).add_(own.permute(1, 2, 0, 3))
    return result


def _through_keys(
    acting: Operands,
    grads: tuple[Tensor, ...],
    pulses: Pulses,
    block: Block,
    piece: Piece,
    sums: Gradients,
) -> None:
    """Add gradients by a piece's keys and by the pulses; grads: by each phase's charge, then its loading."""
    at = piece.slots
    for phase, (plain, wide) in enumerate(pulses):
        by_charge, by_plain = grads[phase], block.rows(sums.phases[phase])
        if wide.shape[2]:
            sums.keys[:, at].baddbmm_(by_charge.mT, wide)
            by_wide = torch.bmm(by_charge, acting.keys[:, at])
            _add_by_pulses(sums.phases[phase][:, block.first : block.end], by_wide, acting, block)
        for i, stored, by_stored in zip(acting.tables, acting.tabled_keys, sums.tabled_keys, strict=True):
            decayed = (piece.by_run(by_charge) * piece.tables[i]).view(by_charge.shape)
            by_stored[:, at].baddbmm_(decayed.mT, plain)
            by_plain.baddbmm_(decayed, stored[:, at])
        if acting.key_load is not None:
            by_load = grads[len(pulses) + phase]
            sums.key_load[:, at].baddbmm_(by_load.mT, plain)
            by_plain.baddbmm_(by_load, acting.key_load[:, at])


def _add_by_pulses(total: Tensor, by_wide: Tensor, acting: Operands, block: Block) -> None:
    """Add to gradients by a block's pulses (n, t, G, R) those by the pulses as they meet the keys."""
    depth, by_wide = total.shape[-1], by_wide.view(*total.shape[:3], -1)
    for i in range(acting.separable):
        part = by_wide[..., i * depth : (i + 1) * depth]
        if acting.shares is None:
            total.add_(part)
        else:
            total.addcmul_(part, acting.shares[block.first : block.end, :, i])
    if acting.bias:
        total.add_(by_wide[..., -1:], alpha=acting.bias)
