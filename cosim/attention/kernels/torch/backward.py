"""Backward pass: each block is computed again, then gradients of all its factors are added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...quantisers import clip_gradient
from ..pullback import pullback
from .blocks import Block, Group, Piece
from .forward import (
    Arrays,
    Operands,
    Pulses,
    aged,
    first_product,
    gathered,
    merged,
    run_major,
    second_product,
    spread,
    where_operated,
)
from .operands import Stored
from .stages import first_is_ideal, is_ideal


@dataclass(frozen=True)
class Gradients:
    """Sums of gradients by pulses and by the operands that gradients know, each of their shape."""

    phases: tuple[Tensor, ...]
    keys: Stored
    values: Stored


def gradients_of(arrays: Arrays, acting: Operands, blocks: list[Block], grad: Tensor) -> Gradients:
    """Gradients by all operands.

    Args:
        arrays: the arrays, as in the forward pass.
        acting: what gradients take for their operands.
        blocks: all blocks.
        grad: gradient by the output, (n, T, G, C).
    """
    zeros = tuple(torch.zeros_like(own.plain) for own in arrays.phases)
    sums = Gradients(zeros, acting.keys.apply(torch.zeros_like), acting.values.apply(torch.zeros_like))
    known = arrays.phases
    if acting is not arrays.operands:
        known = tuple(acting.pulses(own.plain) for own in known)
    for block in blocks:
        _add_block(arrays, acting, known, block, block.rows(grad), sums)
    return sums


def _add_block(
    arrays: Arrays,
    acting: Operands,
    known: tuple[Pulses, ...],
    block: Block,
    grad: Tensor,
    sums: Gradients,
) -> None:
    """Add the gradients of one block; grad: by its output, (n, t G, C); known: pulses against `acting`."""
    group, pulses = block.group, [own.rows(block) for own in arrays.phases]
    phis, backs, parts = [], [], []
    for piece in group.pieces:
        phi, back = _phi_with_pullback(arrays, *first_product(arrays.operands, pulses, piece), piece)
        phis.append(run_major(phi, piece))
        backs.append(back)
        parts.append(second_product(arrays, phis[-1], block, piece))
    by_charge, by_load = _through_read_out(arrays, *merged(parts, group), group, grad)
    for piece, phi, back in zip(group.pieces, phis, backs, strict=True):
        tiles = slice(piece.offset, piece.offset + piece.runs)
        through = by_charge[tiles].flatten(0, 1), None if by_load is None else by_load[tiles].flatten(0, 1)
        by_phi = _through_values(acting, *through, phi, block, piece, sums.values)
        by_phi = by_phi.unflatten(0, (piece.runs, -1)).permute(1, 2, 0, 3).flatten(2)
        _through_keys(acting, back(by_phi), known, block, piece, sums)


def _phi_with_pullback(
    arrays: Arrays, charges: list[Tensor], loads: list[Tensor], piece: Piece
) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, ...]]]:
    """Pulses into the second array, and the function from their gradient to those of charges and loads."""
    if first_is_ideal(arrays.circuit):
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
    sums: Stored,
) -> Tensor:
    """Gradient by the pulses phi (runs n, t G, columns) of a piece, of its shape; adds those by its values.

    by_charge, by_load: gradients of the runs, (runs n, t G, C).
    """
    values, own = (x.apply(lambda x: x[piece.first : piece.end].flatten(0, 1)) for x in (acting.values, sums))
    wide = by_charge if values.wide.shape[2] else by_charge[..., :0]
    wide = spread(wide.unflatten(1, (piece.queries, -1)), acting.of_block(block)).flatten(1, 2)
    own.wide.baddbmm_(phi.mT, wide)
    by_phi = torch.bmm(wide, values.wide.mT)
    for i, stored, by_stored in zip(acting.tables, values.tabled, own.tabled, strict=True):
        by_stored.baddbmm_(aged(phi, piece.tables[i], piece).mT, by_charge)
        by_phi += aged(torch.bmm(by_charge, stored.mT), piece.tables[i], piece)
    if acting.constants[1]:
        by_phi.add_(by_charge.sum(-1, keepdim=True), alpha=acting.constants[1])
    if by_load is not None:
        own.load.baddbmm_(phi.mT, by_load)
        by_phi.baddbmm_(by_load, values.load.mT)
    return by_phi


def _through_keys(
    acting: Operands,
    grads: tuple[Tensor, ...],
    known: tuple[Pulses, ...],
    block: Block,
    piece: Piece,
    sums: Gradients,
) -> None:
    """Add gradients by a piece's keys and by the pulses; grads: by each phase's charge, then its loading."""
    at = piece.slots
    keys, own = (x.apply(lambda x: x[:, at]) for x in (acting.keys, sums.keys))
    for phase, pulses in enumerate(known):
        by_charge, by_pulses, pulses = grads[phase], sums.phases[phase], pulses.rows(block)
        own.wide.baddbmm_(by_charge.mT, pulses.wide)
        by_wide = torch.bmm(by_charge, keys.wide).unflatten(1, (piece.queries, -1))
        total = by_pulses[:, block.first : block.end]
        total += gathered(by_wide, acting.of_block(block), total.shape[-1])
        if acting.constants[0]:
            total.add_(by_charge.sum(-1).view(*total.shape[:3], 1), alpha=acting.constants[0])
        total = block.rows(by_pulses)
        for i, stored, by_stored in zip(acting.tables, keys.tabled, own.tabled, strict=True):
            decayed = (piece.by_run(by_charge) * piece.tables[i]).view(by_charge.shape)
            by_stored.baddbmm_(decayed.mT, pulses.plain)
            total.baddbmm_(decayed, stored)
        if keys.load is not None:
            by_load = grads[len(known) + phase]
            own.load.baddbmm_(by_load.mT, pulses.plain)
            total.baddbmm_(by_load, keys.load)
