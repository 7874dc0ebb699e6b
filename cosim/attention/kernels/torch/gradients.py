"""What the backward pass adds up over blocks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .group import Group
from .tiling import Run
from .workspace import Scratch

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class Gradients:
    """Sums over blocks, like the operands that they belong to."""

    pulses: Tensors
    """`wide` and `plain` of each phase."""
    keys: Tensors
    values: Tensors
    by_stretch: bool = False
    """Whether those by keys and values are collected after each stretch of the queries."""


def gradients_of(pulses: Tensors, keys: Tensors, values: Tensors, scratch: Scratch) -> Gradients:
    """Zeros."""
    sums = {"pulses": pulses, "keys": keys, "values": values}
    return Gradients(
        *(
            tuple(zeros(("gradient by", name, i), x.shape, x, scratch) for i, x in enumerate(tensors))
            for name, tensors in sums.items()
        )
    )


def zeros(name: Hashable, shape: Sequence[int], like: Tensor, scratch: Scratch) -> Tensor:
    """Zeros, in the scratch of this name."""
    own = scratch.take(name, shape)
    return like.new_zeros(shape) if own is None else own.zero_()


def widened(grad: Tensor, group: Group, rows: Run, name: Hashable = "widened", scale: float = 1.0) -> Tensor:
    """Gradient by the charge of the second product (n, rows G, C), scaled, against `group.values.wide`.

    name: of the scratch that it is in.
    """
    shares, constant, depth = group.rows, group.fading.constant is not None, grad.shape[2]
    count = len(group.fading.separable)
    if count == 1 and shares is None and not constant:
        return grad if scale == 1 else torch.mul(grad, scale, out=group.scratch.take(name, grad.shape))
    wide = group.scratch.take(name, (*grad.shape[:2], count * depth + constant))
    if wide is None or shares is None:
        grad = grad if scale == 1 else grad * scale
        parts = count * [grad] if shares is None else [grad * x for x in _of_rows(shares, group, rows)]
        return torch.cat([*parts, grad.sum(-1, keepdim=True)] if constant else parts or [grad[..., :0]], -1)

    def views() -> list[tuple[Tensor, Tensor]]:
        own = _of_rows(shares * scale, group, rows)
        return list(zip(wide.split(depth, dim=2), own, strict=False))

    for part, share in group.scratch.keep((name, wide.shape, rows), views, of=shares):
        torch.mul(grad, share, out=part)
    if constant:
        torch.sum(grad, -1, out=wide[..., -1]).mul_(scale)
    return wide


def _of_rows(shares: Tensor, group: Group, rows: Run) -> tuple[Tensor, ...]:
    return shares[:, group.scaled(rows)].split(1, dim=2)
