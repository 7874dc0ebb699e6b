"""Queries against keys, block by block, forward and backward: all the work that grows as T x window.

Nothing is taped here, so that most is done in place and the scratch is one block's: (n, rows, 64). The
backward pass computes a block's charges again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..signals import Conditions
from .group import Group, Run, distance, faded, hide
from .operands import Pulses
from .stages import clip_slope, edge_of_pulses, first_pulses, is_ideal, second_width
from .tiling import Block

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class Gradients:
    """Sums over blocks, like the operands that they belong to."""

    pulses: Tensors
    """`wide` and `plain` of each phase."""
    keys: Tensors
    values: Tensors


def gradients_of(pulses: Tensors, keys: Tensors, values: Tensors) -> Gradients:
    """Zeros."""
    return Gradients(*(tuple(map(torch.zeros_like, tensors)) for tensors in (pulses, keys, values)))


def add_block(out: Tensor, group: Group, block: Block) -> Tensor | None:
    """Add a block's read-out to `out` (n, T G, C); returns its charge before an ideal converter clips it."""
    faders = [_faders(group, block.rows, run) for run in block.runs]
    phis = [_pulses(group, block.rows, run, own) for run, own in zip(block.runs, faders, strict=True)]
    charge, load = second_sums(group, block, phis, faders)
    rows = group.scaled(block.rows)
    if is_ideal(2, group.now):
        width = charge.clamp(-group.full_scale, group.full_scale)
        out[:, rows] += width.round_() if group.now.effects.quantise else width
        return charge
    charge += _edges(group, phis)
    out[:, rows] += _operated(_read_out(group, block)(charge, *_one(load)), group, block)
    return None


def add_gradients(
    grad: Tensor, wide: Tensor, clips: bool, group: Group, block: Block, sums: Gradients
) -> None:
    """Add a block's share to `sums`.

    grad: (n, T G, C) by the read-out in the unit of `values`, wide: the same as `widened` gives it; clips:
    the converter may have clipped a charge of this block.
    """
    faders = [_faders(group, block.rows, run) for run in block.runs]
    taped = [_taped_pulses(group, block.rows, run, own) for run, own in zip(block.runs, faders, strict=True)]
    rows = group.scaled(block.rows)
    grad, wide, grad_load = grad[:, rows], wide[:, rows], None
    if clips:
        phis = [phi for phi, _ in taped]
        charge, load = second_sums(group, block, phis, faders)
        grad, grad_load = _before_read_out(grad, charge, load, phis, group, block)
        wide = widened(grad, group, block.rows)
    for run, own, (phi, back) in zip(block.runs, faders, taped, strict=True):
        grad_phi = _through_values(grad, wide, grad_load, phi, own, run, group, sums)
        _through_keys(back(grad_phi), own, block.rows, run, group, sums)


def widened(grad: Tensor, group: Group, rows: Run) -> Tensor:
    """Gradient by the charge of the second product (n, rows G, C), against `group.values.wide`."""
    shares, fading = group.rows, group.fading
    at = group.scaled(rows)
    parts = [
        grad if shares is None else grad * shares[:, at, i : i + 1] for i in range(len(fading.separable))
    ]
    if fading.constant is not None:
        parts.append(grad.sum(-1, keepdim=True))
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1) if parts else grad[..., :0]


def _faders(group: Group, rows: Run, run: Run) -> list[Tensor]:
    return [faded(group, table, rows, run) for table in group.fading.tables]


def first_sums(
    group: Group, rows: Run, run: Run, pulses: Pulses, faders: list[Tensor]
) -> tuple[Tensor, Tensor | None]:
    """Charge and loading (n, rows G, keys) on the bit lines of a run's keys, from one phase's pulses."""
    at, keys, load = group.scaled(rows), slice(*run), group.keys.load
    charge = torch.bmm(pulses.wide[:, at], group.keys.wide[:, keys].mT)
    for term, fader in zip(group.keys.tabled, faders, strict=True):
        charge += torch.bmm(pulses.plain[:, at], term[:, keys].mT).mul_(fader)
    return charge, None if load is None else torch.bmm(pulses.plain[:, at], load[:, keys].mT)


def _pulses(group: Group, rows: Run, run: Run, faders: list[Tensor]) -> Tensor:
    """(n, rows G, keys) pulses into the second array, zero where a query does not see the key."""
    charges, loads = _all_sums(group, rows, run, faders)
    if is_ideal(1, group.now):
        return hide(charges[0], group, rows, run, -1.0).clamp_(0, 1)
    phi = _converter(group, run)(*map(group.of_heads, (*charges, *loads)))
    return hide(phi.flatten(0, 1), group, rows, run, 0.0)


def _taped_pulses(
    group: Group, rows: Run, run: Run, faders: list[Tensor]
) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, ...]]]:
    """`_pulses`, and the way back from their gradient to that of every phase's charge, then loading."""
    charges, loads = _all_sums(group, rows, run, faders)
    if is_ideal(1, group.now):
        charge = hide(charges[0], group, rows, run, -1.0)
        return charge.clamp(0, 1), lambda grad: (clip_slope(grad, charge, 0.0, 1.0),)
    phi, pull = torch.func.vjp(_converter(group, run), *map(group.of_heads, (*charges, *loads)))

    def back(grad: Tensor) -> tuple[Tensor, ...]:
        grads = pull(group.of_heads(hide(grad, group, rows, run, 0.0)))
        return tuple(grad.flatten(0, 1) for grad in grads)

    return hide(phi.flatten(0, 1).clone(), group, rows, run, 0.0), back


def _all_sums(
    group: Group, rows: Run, run: Run, faders: list[Tensor]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Charges and loadings of each phase."""
    pairs = [first_sums(group, rows, run, pulses, faders) for pulses in group.pulses]
    loads = () if group.keys.load is None else tuple(load for _, load in pairs)
    return tuple(charge for charge, _ in pairs), loads


def _converter(group: Group, run: Run) -> Callable[..., Tensor]:
    now, phases = _of_run(group.now, run), len(group.pulses)
    return lambda *sums: first_pulses(sums[:phases], sums[phases:], now)


def _of_run(now: Conditions, run: Run) -> Conditions:
    return replace(now, places=now.places.of_keys(*run))


def _read_out(group: Group, block: Block) -> Callable[..., Tensor]:
    def read_out(charge: Tensor, *loads: Tensor) -> Tensor:
        sums = [group.of_heads(x) for x in (charge, *loads)]
        return second_width(sums[0], tuple(sums[1:]), group.now, block.tile).flatten(0, 1)

    return read_out


def _one(load: Tensor | None) -> tuple[Tensor, ...]:
    return () if load is None else (load,)


def _edges(group: Group, phis: list[Tensor]) -> Tensor | float:
    return sum(edge_of_pulses(phi, group.now) for phi in phis)


def _operated(width: Tensor, group: Group, block: Block) -> Tensor:
    """The read-out, zero for queries without a key in the sub-tile, whose converters are not operated."""
    if group.exact:
        return width
    window, seen = group.now.places.window, False
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
    for phi, run, own in zip(phis, block.runs, faders, strict=True):
        keys = slice(*run)
        part = _separable_sum(group, block, phi, values.wide[:, keys])
        for term, fader in zip(values.tabled, own, strict=True):
            part += torch.bmm(phi * fader, term[:, keys])
        charge = part if charge is None else charge.add_(part)
        if values.load is not None:
            part = torch.bmm(phi, values.load[:, keys])
            load = part if load is None else load.add_(part)
    return charge, load


def _separable_sum(group: Group, block: Block, phi: Tensor, wide: Tensor) -> Tensor:
    count, depth = len(group.fading.separable), group.depth
    cells = [wide[..., i * depth : (i + 1) * depth] for i in range(count)]
    if not cells:
        total = phi.new_zeros(*phi.shape[:2], depth)
        return total if group.fading.constant is None else total + _constant(phi, wide)
    pulses, stored = phi, cells[0]
    if group.rows is not None:
        # One product over all terms: the pulses, as the queries' shares scale them, beside each other.
        shares = group.rows[:, group.scaled(block.rows), :, None]
        pulses, stored = (phi.unsqueeze(2) * shares).flatten(2), torch.cat(cells, dim=1)
    if group.fading.constant is None:
        return torch.bmm(pulses, stored)
    return torch.baddbmm(_constant(phi, wide), pulses, stored)


def _constant(phi: Tensor, wide: Tensor) -> Tensor:
    """(n, rows G, 1) charge of the term that is the same for every stored voltage."""
    return phi.sum(-1, keepdim=True) * wide[:, :1, -1:]


def _before_read_out(
    grad: Tensor, charge: Tensor, load: Tensor | None, phis: list[Tensor], group: Group, block: Block
) -> tuple[Tensor, Tensor | None]:
    """Gradient by the charge and by the loading of the second product."""
    if is_ideal(2, group.now):
        return clip_slope(grad, charge, -group.full_scale, group.full_scale), None
    charge += _edges(group, phis)
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
    grad_phi = torch.bmm(wide, values.wide[:, keys].mT)
    sums.values[0][:, keys].baddbmm_(phi.mT, wide)
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
        sums.keys[0][:, keys].baddbmm_(grads[i].mT, pulses.wide[:, at])
        for term, fader, own in zip(group.keys.tabled, faders, sums.keys[1:], strict=False):
            faded_grad = grads[i] * fader
            plain[:, at].baddbmm_(faded_grad, term[:, keys])
            own[:, keys].baddbmm_(faded_grad.mT, pulses.plain[:, at])
        if group.keys.load is not None:
            plain[:, at].baddbmm_(grads[phases + i], group.keys.load[:, keys])
            sums.keys[-1][:, keys].baddbmm_(grads[phases + i].mT, pulses.plain[:, at])
