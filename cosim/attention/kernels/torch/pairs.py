"""Queries against keys, block by block, forward and backward: all the work that grows as T x window.

Nothing is taped here, so that most is done in place and the scratch is one block's: (n, rows, 64). The
backward pass computes a block's charges again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ...stages import OperationContext
from .gradients import Gradients, Tensors, widened
from .group import Group, distance, faded, hide
from .stages import clip_slope, clip_slope_, clips, edge_of_pulses, first_pulses, second_width
from .tiling import Block, Run


def add_blocks(out: Tensor, group: Group, stretch: int, blocks: list[Block], watch: bool) -> list[bool]:
    """Add the blocks' read-outs to `out` (n, T G, C); if that is watched, which of them clipped a charge."""
    clipped = []
    for block in blocks:
        charge = _add_block(out, group, block)
        if watch:
            clipped.append(clips(charge, group.full_scale))
    return clipped


def _add_block(out: Tensor, group: Group, block: Block) -> Tensor | None:
    """Add a block's read-out; returns its charge before an ideal converter clips it."""
    faders = [_faders(group, block.rows, run) for run in block.runs]
    phis = [_pulses(group, block, i, own) for i, own in enumerate(faders)]
    charge, load = second_sums(group, block, phis, faders)
    rows = group.scaled(block.rows)
    if group.ideal[1]:
        read_out = group.scratch.take("read-out", charge.shape)
        width = torch.clamp(charge, -group.full_scale, group.full_scale, out=read_out)
        out[:, rows] += width.round_() if group.counts else width
        return charge
    charge += _edges(group, phis)
    out[:, rows] += _operated(_read_out(group, block)(charge, *_one(load)), group, block)
    return None


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
    """`add_gradients` of every block; clipped: whether the converter may have clipped a charge of it."""
    for block, own in zip(blocks, clipped, strict=True):
        add_gradients(grad, wide, own, group, line, block, sums)


def add_gradients(
    grad: Tensor, wide: Tensor, clips: bool, group: Group, line: Group, block: Block, sums: Gradients
) -> None:
    """Add a block's share to `sums`.

    grad: (n, T G, C) by the read-out in the unit of `values`, wide: the same as `widened` gives it; clips:
    the converter may have clipped a charge of this block. line: the operands by which the gradient passes,
    `group` or what the surrogate gradient takes for it.
    """
    faders = [_faders(group, block.rows, run) for run in block.runs]
    taped = [_taped_pulses(group, block, i, own) for i, own in enumerate(faders)]
    rows = group.scaled(block.rows)
    grad, wide, grad_load = grad[:, rows], wide[:, rows], None
    if clips:
        phis = [phi for phi, _ in taped]
        charge, load = second_sums(group, block, phis, faders)
        grad, grad_load = _before_read_out(grad, charge, load, phis, group, block)
        wide = widened(grad, line, block.rows)
    for run, own, (phi, back) in zip(block.runs, faders, taped, strict=True):
        own = own if line is group else _faders(line, block.rows, run)
        grad_phi = _through_values(grad, wide, grad_load, phi, own, run, line, sums)
        _through_keys(back(grad_phi), own, block.rows, run, line, sums)


def _faders(group: Group, rows: Run, run: Run) -> list[Tensor]:
    return [faded(group, table, rows, run) for table in group.fading.tables]


def _all_sums(group: Group, block: Block, i: int, faders: list[Tensor]) -> tuple[Tensors, Tensors]:
    """Charges and loadings (n, rows G, keys) on the bit lines of a block's run i, by phase."""
    at, keys = group.scaled(block.rows), slice(*block.runs[i])
    wide, load = group.keys.wide[:, keys].mT, group.keys.load
    charges, loads = [], []
    for phase, pulses in enumerate(group.pulses):
        shape = (wide.shape[0], at.stop - at.start, wide.shape[2])
        charge = torch.bmm(pulses.wide[:, at], wide, out=group.scratch.take((i, phase), shape))
        for term, fader in zip(group.keys.tabled, faders, strict=True):
            charge += torch.bmm(pulses.plain[:, at], term[:, keys].mT).mul_(fader)
        charges.append(charge)
        if load is not None:
            loads.append(torch.bmm(pulses.plain[:, at], load[:, keys].mT))
    return tuple(charges), tuple(loads)


def _pulses(group: Group, block: Block, i: int, faders: list[Tensor]) -> Tensor:
    """(n, rows G, keys) pulses of run i into the second array, zero where a query does not see the key."""
    charges, loads = _all_sums(group, block, i, faders)
    if group.ideal[0]:
        return hide(charges[0], group, block.rows, block.runs[i], -1.0).clamp_(0, 1)
    phi = _converter(group, block.runs[i])(*map(group.of_heads, (*charges, *loads)))
    return hide(phi.flatten(0, 1), group, block.rows, block.runs[i], 0.0)


def _taped_pulses(
    group: Group, block: Block, i: int, faders: list[Tensor]
) -> tuple[Tensor, Callable[[Tensor], Tensors]]:
    """`_pulses`, and the way back from their gradient to that of every phase's charge, then loading."""
    charges, loads = _all_sums(group, block, i, faders)
    rows, run = block.rows, block.runs[i]
    if group.ideal[0]:
        charge = hide(charges[0], group, rows, run, -1.0)
        phi = torch.clamp(charge, 0, 1, out=group.scratch.take(("pulses", i), charge.shape))
        return phi, lambda grad: (clip_slope_(grad, charge, 0.0, 1.0),)
    phi, pull = torch.func.vjp(_converter(group, run), *map(group.of_heads, (*charges, *loads)))

    def back(grad: Tensor) -> Tensors:
        grads = pull(group.of_heads(hide(grad, group, rows, run, 0.0)))
        return tuple(grad.flatten(0, 1) for grad in grads)

    return hide(phi.flatten(0, 1).clone(), group, rows, run, 0.0), back


def _converter(group: Group, run: Run) -> Callable[..., Tensor]:
    op, phases = _of_run(group.op, run), len(group.pulses)
    return lambda *sums: first_pulses(sums[:phases], sums[phases:], op)


def _of_run(op: OperationContext, run: Run) -> OperationContext:
    return replace(op, positions=op.positions.of_keys(*run))


def _read_out(group: Group, block: Block) -> Callable[..., Tensor]:
    def read_out(charge: Tensor, *loads: Tensor) -> Tensor:
        sums = [group.of_heads(x) for x in (charge, *loads)]
        return second_width(sums[0], tuple(sums[1:]), group.op, block.tile).flatten(0, 1)

    return read_out


def _one(load: Tensor | None) -> tuple[Tensor, ...]:
    return () if load is None else (load,)


def _edges(group: Group, phis: list[Tensor]) -> Tensor | float:
    return sum(edge_of_pulses(phi, group.op) for phi in phis)


def _operated(width: Tensor, group: Group, block: Block) -> Tensor:
    """The read-out, zero for queries without a key in the sub-tile, whose converters are not operated."""
    if group.exact:
        return width
    window, seen = group.op.positions.window, False
    for run in block.runs:
        age = distance(group, block.rows, run)
        reached = age >= 0
        if window is not None:
            reached = reached & (age - (run[1] - run[0] - 1) < window)
        seen = seen | reached
    return torch.where(group.spread(seen[..., None]), width, 0.0)


def second_sums(
    group: Group, block: Block, phis: list[Tensor], faders: list[list[Tensor]]
) -> tuple[Tensor, Tensor | None]:
    """Charge and loading (n, rows G, C) of a sub-tile's second product, from the pulses of its runs."""
    charge, load, values = None, None, group.values
    for i, (phi, own) in enumerate(zip(phis, faders, strict=True)):
        keys = slice(*block.runs[i])
        part = _separable_sum(group, block, i, phi)
        for term, fader in zip(values.tabled, own, strict=True):
            part += torch.bmm(phi * fader, term[:, keys])
        charge = part if charge is None else charge.add_(part)
        if values.load is not None:
            part = torch.bmm(phi, values.load[:, keys])
            load = part if load is None else load.add_(part)
    return charge, load


def _separable_sum(group: Group, block: Block, i: int, phi: Tensor) -> Tensor:
    """All separable terms of run i in one product."""
    stored = group.stack(block.runs[i])
    if stored.shape[1] == 0:
        return phi.new_zeros(*phi.shape[:2], group.depth)
    pulses = phi if stored.shape[1] == phi.shape[2] else _side_by_side(group, block, phi)
    return torch.bmm(pulses, stored, out=group.scratch.take(("sum", i), (*phi.shape[:2], group.depth)))


def _side_by_side(group: Group, block: Block, phi: Tensor) -> Tensor:
    """(n, rows G, separable keys + constant) pulses as the queries' shares scale them, and their sum."""
    count, size, fading = len(group.fading.separable), phi.shape[2], group.fading
    shares = None if group.rows is None else group.rows[:, group.scaled(block.rows), :, None]
    pulses = phi.unsqueeze(2)
    scratch = group.scratch.take("wide", (*phi.shape[:2], count * size + (fading.constant is not None)))
    if scratch is None or shares is None:
        parts = [(pulses.expand(-1, -1, count, -1) if shares is None else pulses * shares).flatten(2)]
        return torch.cat([*parts, phi.sum(-1, keepdim=True)] if fading.constant is not None else parts, -1)
    torch.mul(pulses, shares, out=scratch[..., : count * size].unflatten(2, (count, size)))
    if fading.constant is not None:
        torch.sum(phi, -1, out=scratch[..., -1])
    return scratch


def _before_read_out(
    grad: Tensor, charge: Tensor, load: Tensor | None, phis: list[Tensor], group: Group, block: Block
) -> tuple[Tensor, Tensor | None]:
    """Gradient by the charge and by the loading of the second product."""
    if group.ideal[1]:
        return clip_slope(grad, charge, -group.full_scale, group.full_scale), None
    charge = charge + _edges(group, phis)
    _, pull = torch.func.vjp(_read_out(group, block), charge, *_one(load))
    grads = pull(_operated(grad, group, block))
    return grads[0], grads[1] if load is not None else None


def _through_values(
    grad: Tensor,
    wide: Tensor,
    grad_load: Tensor | None,
    phi: Tensor,
    faders: list[Tensor],
    run: Run,
    group: Group,
    sums: Gradients,
) -> Tensor:
    """Gradient by a run's pulses; adds the one by its values."""
    keys, values = slice(*run), group.values
    scratch = group.scratch.take("gradient", phi.shape)
    grad_phi = torch.bmm(wide, values.wide[:, keys, : wide.shape[2]].mT, out=scratch)
    by_values = sums.values[0][:, keys]
    by_values.baddbmm_(phi.mT, wide[..., : by_values.shape[2]])
    for term, fader, total in zip(values.tabled, faders, sums.values[1:], strict=False):
        grad_phi += torch.bmm(grad, term[:, keys].mT).mul_(fader)
        total[:, keys].baddbmm_((phi * fader).mT, grad)
    if grad_load is not None:
        grad_phi += torch.bmm(grad_load, values.load[:, keys].mT)
        sums.values[-1][:, keys].baddbmm_(phi.mT, grad_load)
    return grad_phi


def _through_keys(
    grads: tuple[Tensor, ...], faders: list[Tensor], rows: Run, run: Run, group: Group, sums: Gradients
) -> None:
    """Add the gradients by a run's keys and by the query pulses; grads: by each charge, then each loading."""
    at, keys, phases = group.scaled(rows), slice(*run), len(group.pulses)
    for i, pulses in enumerate(group.pulses):
        wide, plain = sums.pulses[2 * i : 2 * i + 2]
        wide[:, at].baddbmm_(grads[i], group.keys.wide[:, keys])
        by_keys = sums.keys[0][:, keys]
        by_keys.baddbmm_(grads[i].mT, pulses.wide[:, at, : by_keys.shape[2]])
        for term, fader, own in zip(group.keys.tabled, faders, sums.keys[1:], strict=False):
            faded_grad = grads[i] * fader
            plain[:, at].baddbmm_(faded_grad, term[:, keys])
            own[:, keys].baddbmm_(faded_grad.mT, pulses.plain[:, at])
        if group.keys.load is not None:
            plain[:, at].baddbmm_(grads[phases + i], group.keys.load[:, keys])
            sums.keys[-1][:, keys].baddbmm_(grads[phases + i].mT, pulses.plain[:, at])
