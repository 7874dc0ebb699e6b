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
from .stages import clip_slope, clip_slope_, clips
from .tiling import Block


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
    hidden: tuple[tuple[Tensor, Tensor], ...]
    """Parts of it, and which of their pairs do not meet."""


@dataclass(frozen=True)
class Piece:
    """A block's memory in the forward pass."""

    pulses: Tensor
    reaches: tuple[Reach, ...]
    terms: Tensor
    """(n, rows G, K) scratch, sums of the second product by term."""
    shares: tuple[tuple[Tensor, Tensor], ...]
    """Each term's (n, rows G, C) of it, with the queries' share."""
    constant: Tensor | None
    """The term that is the same for all columns."""
    charge: Tensor
    """(n, rows G, C) scratch, their sum."""


def add_blocks(out: Tensor, group: Group, blocks: list[Block], watch: bool) -> list[bool]:
    """Add the blocks' read-outs to `out` (n, T G, C); if that is watched, which of them clipped a charge."""
    full_scale, clipped = group.full_scale, []
    if "ahead" not in group.views:
        group.views["ahead"] = _pieces(out, group, blocks)
    for piece, total in group.views["ahead"]:
        charge = _charge_2(piece, [_charge_1(piece, reach).clamp_(0, 1) for reach in piece.reaches])
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
    parts = zip(terms.split(depth, dim=2), shares, strict=False)
    constant = None if single or group.fading.constant is None else terms[..., -1:]
    charge = terms if single else take("sum", (*pulses.shape[:2], depth))
    reaches = tuple(_reach(group, block, i) for i in range(len(block.runs)))
    return Piece(pulses, reaches, terms, tuple(parts), constant, charge)


def _reach(group: Group, block: Block, i: int) -> Reach:
    run, at = slice(*block.runs[i]), group.scaled(block.rows)
    keys, values = group.keys.wide[:, run], group.values.wide[:, run]
    # Two runs of a block lie on either side of the ring's end or beginning.
    charge = group.scratch.take(i, (keys.shape[0], at.stop - at.start, keys.shape[1]))
    masks = hidden(group, block.rows, block.runs[i])
    return Reach(keys.mT, values, charge, tuple((charge[:, rows], mask) for rows, mask in masks))


def _charge_1(piece: Piece, reach: Reach) -> Tensor:
    """(n, rows G, keys) charge on the bit lines of a run, below 0 where a query does not see the key."""
    charge = torch.bmm(piece.pulses, reach.keys, out=reach.charge)
    for part, mask in reach.hidden:
        part.masked_fill_(mask, -1.0)
    return charge


def _charge_2(piece: Piece, phis: list[Tensor]) -> Tensor:
    """(n, rows G, C) charge of a sub-tile's second product."""
    torch.bmm(phis[0], piece.reaches[0].values, out=piece.terms)
    for reach, phi in zip(piece.reaches[1:], phis[1:], strict=True):
        piece.terms.baddbmm_(phi, reach.values)
    # Each with the queries' share of its decay. What is the same for every stored voltage comes last.
    for i, (term, share) in enumerate(piece.shares):
        if i == 0:
            torch.mul(term, share, out=piece.charge)
        else:
            piece.charge.addcmul_(term, share)
    return piece.charge if piece.constant is None else piece.charge.add_(piece.constant)


@dataclass(frozen=True)
class BackReach:
    """A block's queries against one of its runs on the way back, against what the gradient takes for it."""

    phi: Tensor
    """(n, rows G, keys) scratch."""
    by_phi: Tensor
    """(n, rows G, keys) scratch."""
    keys: Tensor
    """(n, keys, K)"""
    values: Tensor
    """(n, K, keys)"""
    by_keys: Tensor
    """(n, keys, K) sum of gradients."""
    by_values: Tensor


@dataclass(frozen=True)
class BackPiece:
    """A block's memory in the backward pass."""

    block: Block
    forward: Piece
    reaches: tuple[BackReach, ...]
    by_pulses: Tensor
    """(n, rows G, K) sum of gradients."""
    grad: Tensor
    """(n, rows G, C) by the read-out."""
    wide: Tensor
    """The same as `widened` gives it."""
    asked: Tensor
    """The pulses, as wide as the sum of gradients by the keys: nothing needs that by a constant."""
    width: int
    """The same for the values."""


def add_all_gradients(
    grad: Tensor,
    wide: Tensor,
    clipped: list[bool] | None,
    group: Group,
    line: Group,
    blocks: list[Block],
    sums: Gradients,
) -> None:
    """What `pairs.add_gradients` adds for every block."""
    if "back" not in group.views:
        group.views["back"] = [_back(grad, wide, group, line, block, sums) for block in blocks]
    for i, piece in enumerate(group.views["back"]):
        _add_gradients(piece, clipped is None or clipped[i], group, line)


def _back(grad: Tensor, wide: Tensor, group: Group, line: Group, block: Block, sums: Gradients) -> BackPiece:
    at, forward = group.scaled(block.rows), _piece(group, block)
    reaches = []
    for i, (run, reach) in enumerate(zip(block.runs, forward.reaches, strict=True)):
        keys, shape = slice(*run), reach.charge.shape
        reaches.append(
            BackReach(
                phi=group.scratch.take(("phi", i), shape),
                by_phi=group.scratch.take("gradient", shape),
                keys=line.keys.wide[:, keys],
                values=line.values.wide[:, keys].mT,
                by_keys=sums.keys[0][:, keys],
                by_values=sums.values[0][:, keys],
            )
        )
    return BackPiece(
        block=block,
        forward=forward,
        reaches=tuple(reaches),
        by_pulses=sums.pulses[0][:, at],
        grad=grad[:, at],
        wide=wide[:, at],
        asked=line.pulses[0].wide[:, at, : sums.keys[0].shape[2]],
        width=sums.values[0].shape[2],
    )


def _add_gradients(piece: BackPiece, clipped: bool, group: Group, line: Group) -> None:
    wide, forward = piece.wide, piece.forward
    charges = [_charge_1(forward, reach) for reach in forward.reaches]
    phis = [torch.clamp(x, 0, 1, out=y.phi) for x, y in zip(charges, piece.reaches, strict=True)]
    if clipped:
        charge = _charge_2(forward, phis)
        own = clip_slope(piece.grad, charge, -group.full_scale, group.full_scale)
        # In place of the sums by term, which nobody needs any more.
        wide = widened(own, line, piece.block.rows, "terms")
    varying = wide[..., : piece.width]
    for reach, charge, phi in zip(piece.reaches, charges, phis, strict=True):
        by_phi = torch.bmm(wide, reach.values, out=reach.by_phi)
        reach.by_values.baddbmm_(phi.mT, varying)
        by_charge = clip_slope_(by_phi, charge, 0.0, 1.0)
        piece.by_pulses.baddbmm_(by_charge, reach.keys)
        reach.by_keys.baddbmm_(by_charge.mT, piece.asked)
