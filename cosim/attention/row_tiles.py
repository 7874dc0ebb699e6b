"""Heads larger than a bit line: row tiles whose partial sums are converted, counted and added digitally.

A head of more dimensions than `Hardware.rows` has the rows of its K array on several sub-arrays of the V
array's kind: `Hardware.columns` cells on a bit line, its column model, its signed converter, its counter.
Each integration of each tile is converted and counted. For key s and query t, with n_r the counts of row
tile r:

    phi_ts = clip(sum_r n_r, 0, 1)       in full scales of the signed converter

The sum and its clip are digital. Pulse generators like those of the queries make phi's pulses, of as many
levels. With two phases, positive and negative queries are integrated, converted and counted one after the
other, and the second counts are subtracted, since the swapped plates belong to the ReLU converter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .operation import OperationContext
from .quantisers import quantise, straight_through
from .signed_query import phases_of


def integrations(pulses: Tensor, op: OperationContext) -> tuple[Tensor, ...]:
    """Pulses of each integration on the first bit lines: of each phase, in each row tile.

    Args:
        pulses: pulses on the rows of the K array, shape (..., R), fraction of T_max.
        op: settings of the operation.

    Returns:
        Pulses of the same shape, none negative, zero outside the integration's row tile; tile by tile.
    """
    phases = phases_of(pulses, op.hardware)
    if op.row_tiles == 1:
        return phases
    tile = torch.arange(pulses.shape[-1], device=pulses.device) // op.hardware.columns
    return tuple(torch.where(tile == i, x, 0.0) for i in range(op.row_tiles) for x in phases)


def summed(
    widths: Sequence[Tensor], output_steps: int | None, query_steps: int | None, passes: int
) -> Tensor:
    """Pulses into the V array from the conversions of all row tiles: count, add, clip, quantise.

    Args:
        widths: widths of each integration's conversion before they are counted, in the order of
            `integrations`, fractions of a full scale.
        output_steps: magnitudes of the counter that are not zero; None: it does not quantise.
        query_steps: steps of a full-width pulse of the pulse generators; None: pulses are not quantised.
        passes: conversions of each row tile; of two, the first is that of the negative queries.

    Returns:
        Widths, shape of one conversion, fraction of T_max.
    """
    full = 1.0
    if output_steps is not None:
        # Whole numbers add up exactly, so that a sum of exactly one full scale is not beyond the clip.
        scaled, full = [width * output_steps for width in widths], float(output_steps)
        widths = [straight_through(x, x.round()) for x in scaled]
    total = sum(widths[passes - 1 :: passes])
    if passes == 2:
        total = total - sum(widths[::2])
    pulse = total.clamp(0.0, full) / full
    return pulse if query_steps is None else quantise(pulse, 0.0, 1.0, query_steps + 1)
