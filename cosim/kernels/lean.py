"""The blocks of `pairs.py` for the plainest circuits: one phase, separable decay, clips alone, no padding.

Few steps to a block, each into memory that the last block has used: here they are what takes the time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .gradients import Gradients, widened
from .group import Group, Run, hide
from .stages import clip_slope, clip_slope_
from .tiling import Block


def is_lean(group: Group) -> bool:
    """Whether these functions give what those of `pairs.py` give."""
    fading = group.fading
    cells_only = group.keys.load is None and group.values.load is None and not fading.tables
    decays_or_not = (group.rows is None) == (fading.constant is None)
    simple = group.ideal == (True, True) and len(group.pulses) == 1 and group.exact
    return cells_only and decays_or_not and simple and not torch.compiler.is_compiling()


def add_block(out: Tensor, group: Group, block: Block) -> Tensor:
    """Add a block's read-out to `out` (n, T G, C); returns its charge before the converter clips it."""
    at = group.scaled(block.rows)
    charge = _charges_2(group, block, [_charge_1(group, block, run).clamp_(0, 1) for run in block.runs])
    width = group.scratch.take("read-out", charge.shape)
    torch.clamp(charge, -group.full_scale, group.full_scale, out=width)
    out[:, at] += width.round_() if group.counts else width
    return charge


def _charge_1(group: Group, block: Block, run: Run) -> Tensor:
    """(n, rows G, keys) charge on the bit lines of a run, below 0 where a query does not see the key."""
    pulses = group.pulses[0].wide[:, group.scaled(block.rows)]
    cells = group.keys.wide[:, run[0] : run[1]]
    # Two runs of a block lie on either side of the ring's end or beginning.
    scratch = group.scratch.take(run == block.runs[0], (*pulses.shape[:2], cells.shape[1]))
    return hide(torch.bmm(pulses, cells.mT, out=scratch), group, block.rows, run, -1.0)


def _charges_2(group: Group, block: Block, phis: list[Tensor]) -> Tensor:
    """(n, rows G, C) charge of a sub-tile's second product."""
    values, at, depth = group.values.wide, group.scaled(block.rows), group.depth
    terms = group.scratch.take("terms", (*phis[0].shape[:2], values.shape[2]))
    torch.bmm(phis[0], values[:, slice(*block.runs[0])], out=terms)
    for run, phi in zip(block.runs[1:], phis[1:], strict=True):
        terms.baddbmm_(phi, values[:, slice(*run)])
    if terms.shape[2] == depth:
        return terms
    # Each with the queries' share of its decay. What is the same for every stored voltage comes last.
    total, shares = group.scratch.take("sum", (*terms.shape[:2], depth)), group.rows[:, at]
    torch.mul(terms[..., :depth], shares[..., :1], out=total)
    for j in range(1, shares.shape[2]):
        total.addcmul_(terms[..., j * depth : (j + 1) * depth], shares[..., j : j + 1])
    return total if group.fading.constant is None else total.add_(terms[..., -1:])


def add_gradients(
    grad: Tensor, wide: Tensor, clips: bool, group: Group, line: Group, block: Block, sums: Gradients
) -> None:
    """As in `pairs.py`."""
    at, scratch = group.scaled(block.rows), group.scratch
    charges = [_charge_1(group, block, run) for run in block.runs]
    phis = [torch.clamp(x, 0, 1, out=scratch.take(i, x.shape)) for i, x in enumerate(charges, 2)]
    wide = wide[:, at]
    if clips:
        charge = _charges_2(group, block, phis)
        own = clip_slope(grad[:, at], charge, -group.full_scale, group.full_scale)
        wide = widened(own, line, block.rows)
    pulses, sum_of_pulses = line.pulses[0].wide[:, at], sums.pulses[0][:, at]
    for run, charge, phi in zip(block.runs, charges, phis, strict=True):
        keys = slice(*run)
        by_phi = torch.bmm(wide, line.values.wide[:, keys].mT, out=scratch.take("gradient", phi.shape))
        sums.values[0][:, keys].baddbmm_(phi.mT, wide)
        by_charge = clip_slope_(by_phi, charge, 0.0, 1.0)
        sum_of_pulses.baddbmm_(by_charge, line.keys.wide[:, keys])
        sums.keys[0][:, keys].baddbmm_(by_charge.mT, pulses)
