"""Signed queries and the normalising column: what each adds to the signal path.

Complementary rows and the normalising column are further elements of the stored tensors, so every effect acts
on them as on the other rows and columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...models import Hardware


def with_complements(volts: Tensor, hardware: Hardware) -> Tensor:
    """Key voltages with those of the complementary rows, where the hardware mirrors signed queries.

    Args:
        volts: key voltages, shape (..., D), V.
        hardware: query scheme and voltage range.

    Returns:
        Voltages on the rows of the K array, V: shape (..., 2 D) for "mirrored", else `volts`.
    """
    if hardware.signed_query != "mirrored":
        return volts
    return torch.cat([volts, hardware.v_min + hardware.v_max - volts], dim=-1)


def with_normaliser(target: Tensor, hardware: Hardware) -> Tensor:
    """Value voltages with that of the normalising column, where the hardware has one.

    Args:
        target: requested value voltages, shape (..., D), V.
        hardware: voltage of the normalising column.

    Returns:
        Requested voltages on the columns of the V array, V: (..., D + 1), or `target` without a normaliser.
    """
    if hardware.normaliser is None:
        return target
    constant = target.new_full((*target.shape[:-1], 1), hardware.normaliser)
    return torch.cat([target, constant], dim=-1)


def as_row_pulses(widths: Tensor, hardware: Hardware) -> Tensor:
    """Pulses on the rows of the K array.

    Args:
        widths: query pulse widths, shape (..., D), fraction of T_max, in [-1, 1] for a signed query.
        hardware: query scheme.

    Returns:
        Shape (..., 2 D) without negative pulses for "mirrored"; else `widths`, signed for "two-phase".
    """
    if hardware.signed_query != "mirrored":
        return widths
    return torch.cat([widths.clamp(min=0), (-widths).clamp(min=0)], dim=-1)


def phases_of(pulses: Tensor, hardware: Hardware) -> tuple[Tensor, ...]:
    """Pulses of each integration phase, none negative.

    Args:
        pulses: pulses on the rows of the K array, shape (..., R), fraction of T_max.
        hardware: query scheme.

    Returns:
        For "two-phase" the widths of the negative queries, then those of the positive ones; else `pulses`
        alone.
    """
    if hardware.signed_query != "two-phase":
        return (pulses,)
    return (-pulses).clamp(min=0), pulses.clamp(min=0)


def normalised(out: Tensor, hardware: Hardware) -> Tensor:
    """Output divided by the normalising column's, where the hardware has one.

    The divisor is the counted sum of phi, at least `least_divisor`. A query that operates no sub-tile
    gives 0.

    Args:
        out: sum over sub-tiles, shape (..., D + 1) with a normaliser, else (..., D).
        hardware: normaliser and counter levels.

    Returns:
        Output, shape (..., D).
    """
    if hardware.normaliser is None:
        return out
    return out[..., :-1] / out[..., -1:].clamp(min=least_divisor(hardware))


def least_divisor(hardware: Hardware) -> float:
    """Half a count of the normalising column, which is below the counter's resolution.

    Args:
        hardware: counter levels.
    """
    return 0.5 / (hardware.levels.output // 2 - 1)
