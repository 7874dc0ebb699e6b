"""What a signed query and a normalising column change along the signal path.

Complementary rows and the normalising column are rows and columns like any other: they enter as further
elements of the stored tensors, so that every effect acts on them as on the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...models import Hardware


def with_complements(volts: Tensor, hardware: Hardware) -> Tensor:
    """Key volts (..., D) as the K array's rows hold them: (..., 2 D) where it is mirrored."""
    if hardware.signed_query != "mirrored":
        return volts
    return torch.cat([volts, hardware.v_min + hardware.v_max - volts], dim=-1)


def with_normaliser(target: Tensor, hardware: Hardware) -> Tensor:
    """Value volts (..., D) as the V array's columns shall hold them: (..., D + 1) with a normaliser."""
    if hardware.normaliser is None:
        return target
    constant = target.new_full((*target.shape[:-1], 1), hardware.normaliser)
    return torch.cat([target, constant], dim=-1)


def as_row_pulses(widths: Tensor, hardware: Hardware) -> Tensor:
    """Query widths (..., D) as pulses on the K array's rows: (..., 2 D), none negative, where it is mirrored.

    With two phases they keep their sign.
    """
    if hardware.signed_query != "mirrored":
        return widths
    return torch.cat([widths.clamp(min=0), (-widths).clamp(min=0)], dim=-1)


def phases_of(pulses: Tensor, hardware: Hardware) -> tuple[Tensor, ...]:
    """Pulses of each phase, none negative: one entry, or the negative queries' and the positive ones'."""
    if hardware.signed_query != "two-phase":
        return (pulses,)
    return (-pulses).clamp(min=0), pulses.clamp(min=0)


def normalised(out: Tensor, hardware: Hardware) -> Tensor:
    """Sum over sub-tiles (..., D + 1) divided by its last column, (..., D); as it is without a normaliser.

    The divisor is the counted sum of phi. Below half a count it says no more than "little", and half a count
    is taken; where nothing was operated the output is 0.
    """
    if hardware.normaliser is None:
        return out
    half_count = 0.5 / (hardware.levels.output // 2 - 1)
    return out[..., :-1] / out[..., -1:].clamp(min=half_count)
