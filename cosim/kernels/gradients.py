"""What the backward pass adds up over blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .group import Group, Run

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
