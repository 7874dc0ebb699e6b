"""The blocks of `pairs.py` for the plainest circuits: one phase, separable decay, clips alone, no padding.

Few steps to a block, each into memory that the last block has used: here they are what takes the time, and
finding that memory takes as long as a step. So the views of it are made once and serve all arrays whose
operands come to lie in the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .gradients import Gradients, widened
from .group import Group, hidden
from .stages import clip_slope_, clip_tellingly_, clips
from .tiling import Block, Run


def is_lean(group: Group) -> bool:
    """Whether these functions give what those of `pairs.py` give."""
    fading = group.fading
    cells_only = group.keys.load is None and group.values.load is None and not fading.tables
    decays_or_not = (group.rows is None) == (fading.constant is None)
    simple = group.ideal == (True, True) and len(group.pulses) == 1 and group.exact
    return cells_only and decays_or_not and simple and not torch.compiler.is_compiling()


@dataclass(frozen=True)
class Reach:
    """A block's queries against one of its runs."""

    keys: Tensor
    """(n, K, keys)"""
    values: Tensor
    """(n, keys, K)"""
    charge: Tensor
    """(n, rows G, keys) scratch."""
    charge_mT: Tensor
    hidden: tuple[tuple[Tensor, Tensor, int | None], ...]
    """Parts of it, which of their pairs do not meet, and beyond which diagonal those are, if any."""


@dataclass(frozen=True)
class Piece:
    """A block's memory in the forward pass."""

    pulses: Tensor
    reaches: tuple[Reach, ...]
    terms: Tensor
    """(n, rows G, K) scratch, sums of the second product by term; K may be more than there are."""
    first: tuple[Tensor, Tensor] | None
    """The first term's (n, rows G, C) of it, with the queries' share; None where these have none."""
    others: tuple[tuple[Tensor, Tensor], ...]
    """The same of the other terms."""
    constant: Tensor | None
    """The term that is the same for all columns."""
    charge: Tensor
    """(n, rows G, C) scratch, their sum."""


def add_blocks(out: Tensor, group: Group, stretch: int, blocks: list[Block], watch: bool) -> list[bool]:
    """Add the blocks' read-outs to `out` (n, T G, C); if that is watched, which of them clipped a charge."""
    full_scale, clipped, name = group.full_scale, [], ("ahead", stretch)
    if name not in group.views:
        group.views[name] = _pieces(out, group, blocks)
    for piece, total in group.views[name]:
        charge = _charge_2(piece, [_phi(piece, reach) for reach in piece.reaches])
        if watch:
            clipped.append(clips(charge, full_scale))
        if not watch or clipped[-1]:
            charge.clamp_(-full_scale, full_scale)
        total += charge.round_() if group.counts else charge
    return clipped


def _pieces(out: Tensor, group: Group, blocks: list[Block]) -> list[tuple[Piece, Tensor]]:
    return [(_piece(group, block), out[:, group.scaled(block.rows)]) for block in blocks]


def _piece(group: Group, block: Block) -> Piece:
    at, depth, take = group.scaled(block.rows), group.depth, group.scratch.take
    pulses, values = group.pulses[0].wide[:, at], group.values.wide
    terms = take("terms", (*pulses.shape[:2], values.shape[2]))
    single = values.shape[2] == depth
    shares = () if single else group.rows[:, at].split(1, dim=2)
    count = len(group.fading.separable)
    parts = tuple(zip(terms.split(depth, dim=2), shares, strict=False))
    constant = None if single or group.fading.constant is None else terms[..., count * depth :][..., :1]
    charge = terms if single else take("gradient or sum", (*pulses.shape[:2], depth))
    reaches = tuple(_reach(group, block, i) for i in range(len(block.runs)))
    first = parts[0] if parts else None
    return Piece(pulses, reaches, terms, first, parts[1:], constant, charge)


def _reach(group: Group, block: Block, i: int) -> Reach:
    run, at = slice(*block.runs[i]), group.scaled(block.rows)
    keys, values = group.keys.wide[:, run], group.values.wide[:, run]
    # Two runs of a block lie on either side of the ring's end or beginning.
    charge = group.scratch.take(i, (keys.shape[0], at.stop - at.start, keys.shape[1]))
    masks = hidden(group, block.rows, block.runs[i])
    parts = tuple((charge[:, rows], *which) for rows, *which in masks)
    return Reach(keys.mT, values, charge, charge.mT, parts)


def _phi(piece: Piece, reach: Reach) -> Tensor:
    """(n, rows G, keys) pulses into the second array."""
    charge = torch.bmm(piece.pulses, reach.keys, out=reach.charge)
    for part, mask, diagonal in reach.hidden:
        # In half the time of a mask.
        if diagonal is None:
            part.masked_fill_(mask, 0.0)
        else:
            part.tril_(diagonal)
    return charge.clamp_(0.0, 1.0)


def _charge_1(piece: Piece, reach: Reach) -> Tensor:
    """(n, rows G, keys) charge on the bit lines of a run, below 0 where a query does not see the key."""
    charge = torch.bmm(piece.pulses, reach.keys, out=reach.charge)
    for part, mask, _ in reach.hidden:
        part.masked_fill_(mask, -1.0)
    return charge


def _charge_2(piece: Piece, phis: list[Tensor]) -> Tensor:
    """(n, rows G, C) charge of a sub-tile's second product."""
    torch.bmm(phis[0], piece.reaches[0].values, out=piece.terms)
    for reach, phi in zip(piece.reaches[1:], phis[1:], strict=True):
        piece.terms.baddbmm_(phi, reach.values)
    # Each with the queries' share of its decay. What is the same for every stored voltage comes last.
    if piece.first is not None:
        torch.mul(*piece.first, out=piece.charge)
    for term, share in piece.others:
        piece.charge.addcmul_(term, share)
    return piece.charge if piece.constant is None else piece.charge.add_(piece.constant)


@dataclass(frozen=True)
class BackReach:
    """A block's queries against one of its runs on the way back, against what the gradient takes for it."""

    by_phi: Tensor
    """(n, rows G, keys) scratch."""
    by_phi_mT: Tensor
    keys: Tensor
    """(n, keys, K)"""
    values: Tensor
    """(n, K, keys)"""
    by_keys: Tensor
    """(n, keys, K) sum of gradients."""
    by_values: Tensor
    before: float
    """1 if there is something in these sums already, 0 if not."""


@dataclass(frozen=True)
class BackPiece:
    """A block's memory in the backward pass."""

    block: Block
    forward: Piece
    reaches: tuple[BackReach, ...]
    by_pulses: Tensor
    """(n, rows G, K) sum of gradients."""
    wide: Tensor
    """That by the read-out as `widened` gives it."""
    varying: Tensor
    """As much of it as the sum of gradients by the values is wide: nothing needs that by a constant."""
    asked: Tensor
    """The same of the pulses."""


def add_all_gradients(
    grad: Tensor,
    wide: Tensor,
    clipped: list[bool],
    group: Group,
    line: Group,
    stretch: int,
    blocks: list[Block],
    sums: Gradients,
) -> None:
    """What `pairs.add_gradients` adds for every block."""
    name = ("back", stretch)
    if name not in group.views:
        # Of this stretch alone, or of all before it.
        reached = set() if sums.by_stretch else group.reached
        group.views[name] = [_back(wide, group, line, block, sums, reached) for block in blocks]
    for piece, own in zip(group.views[name], clipped, strict=True):
        _add_gradients(piece, grad if own else None, group, line)


def _back(
    wide: Tensor, group: Group, line: Group, block: Block, sums: Gradients, reached: set[Run]
) -> BackPiece:
    """reached: runs of earlier blocks; this one's are added."""
    at, forward = group.scaled(block.rows), _piece(group, block)
    reaches = []
    for run, reach in zip(block.runs, forward.reaches, strict=True):
        keys, by_phi = slice(*run), group.scratch.take("gradient or sum", reach.charge.shape)
        reaches.append(
            BackReach(
                by_phi=by_phi,
                by_phi_mT=by_phi.mT,
                keys=line.keys.wide[:, keys],
                values=line.values.wide[:, keys, : wide.shape[2]].mT,
                by_keys=sums.keys[0][:, keys],
                by_values=sums.values[0][:, keys],
                before=float(run in reached),
            )
        )
        reached.add(run)
    return BackPiece(
        block=block,
        forward=forward,
        reaches=tuple(reaches),
        by_pulses=sums.pulses[0][:, at],
        wide=wide[:, at],
        varying=wide[:, at, : sums.values[0].shape[2]],
        asked=line.pulses[0].wide[:, at, : sums.keys[0].shape[2]],
    )


def _add_gradients(piece: BackPiece, grad: Tensor | None, group: Group, line: Group) -> None:
    """grad: by all read-outs, where one of these may have clipped."""
    wide, varying, forward = piece.wide, piece.varying, piece.forward
    charges = [_charge_1(forward, reach) for reach in forward.reaches]
    if grad is not None:
        charge = _charge_2(forward, [clip_tellingly_(charge, 0.0, 1.0) for charge in charges])
        full_scale, rows = group.full_scale, piece.block.rows
        own = clip_slope_(grad[:, group.scaled(rows)], charge, -full_scale, full_scale, out=charge)
        # In place of the sums by term, which nobody needs any more.
        wide = widened(own, line, rows, "terms", 1 / full_scale)
        varying = wide[..., : varying.shape[2]]
    for reach, ahead in zip(piece.reaches, forward.reaches, strict=True):
        torch.bmm(wide, reach.values, out=reach.by_phi)
        by_charge = clip_slope_(reach.by_phi, ahead.charge, 0.0, 1.0)
        ahead.charge.clamp_(0.0, 1.0)
        reach.by_values.baddbmm_(ahead.charge_mT, varying, beta=reach.before)
        piece.by_pulses.baddbmm_(by_charge, reach.keys)
        reach.by_keys.baddbmm_(reach.by_phi_mT, piece.asked, beta=reach.before)
