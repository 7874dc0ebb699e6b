"""What follows the cells of one product, on charges in full scales: column, converter, counter.

Everything here is differentiable, except that the counter is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...stages import jittered
from ..description import Circuit, ScaledColumn, Stage

BUCKETS, MOST_BUCKETS = 256, 2**16


@dataclass(frozen=True, eq=False)
class Curve:
    """A piecewise cubic with its intervals found by equal buckets, none of which holds two knots."""

    start: float
    """Start of the first bucket."""
    per_bucket: float
    """Buckets per unit of the argument: everything else is in buckets from the start, whose powers single
    precision can hold."""
    knots: Tensor
    """Knot in each bucket, shape (buckets,); infinity for none."""
    rows: Tensor
    """Start and four coefficients of the interval left, and of the one right of each bucket's knot, shape
    (5, 2 buckets)."""


def curve_at(curve: Curve, x: Tensor) -> Tensor:
    """Value of a curve at x, of any shape, continued outside the knots as a straight line."""
    x = (x - curve.start) * curve.per_bucket
    at = x.detach().flatten()
    bucket = at.clamp(0, len(curve.knots) - 1).nan_to_num_(0.0).to(torch.int32)
    # -1 left of the knot, 1 right of it; 0, at the knot, rounds to the left.
    side = (at - curve.knots.index_select(0, bucket)).sign_()
    interval = bucket.mul_(2).add_(side.add_(1).mul_(0.5).nan_to_num_(0.0).to(torch.int32))
    start, *cubic = (row.index_select(0, interval).view(x.shape) for row in curve.rows.unbind())
    step = x - start
    c0, c1, c2, c3 = cubic
    return torch.addcmul(c0, step, torch.addcmul(c1, step, torch.addcmul(c2, step, c3)))


def curve_of(stage: Stage) -> Curve | None:
    """The converter's curve; None for the ideal line."""
    if stage.knots is None or stage.coefficients is None:
        return None
    inner, dtype = stage.knots.double(), stage.knots.dtype
    reach, buckets = inner[-1] - inner[0], BUCKETS
    while buckets < MOST_BUCKETS and (inner[1:] - inner[:-1]).min() * buckets < reach:
        buckets *= 2
    # A bucket before the first knot and one after the last take what lies outside.
    knots = (inner - inner[0]) * (buckets / reach) + 1.0
    own = stage.coefficients / (knots[1:] - knots[:-1])[:, None] ** torch.arange(4, device=knots.device)
    # Beyond its ends the curve is a line: an interval more on either side.
    step, last = knots[-1] - knots[-2], own[-1]
    end = ((last[3] * step + last[2]) * step + last[1]) * step + last[0]
    slope = (3 * last[3] * step + 2 * last[2]) * step + last[1]
    before, after = torch.zeros_like(last), torch.zeros_like(last)
    before[:2], after[0], after[1] = own[0, :2], end, slope
    cubics, starts = torch.stack([before, *own, after]), torch.cat([knots[:1], knots])
    edges = torch.arange(buckets + 3, dtype=torch.float64, device=knots.device)
    intervals = torch.searchsorted(knots, edges, right=True)
    left, right = intervals[:-1], intervals[1:]
    # One knot more, which no bucket holds.
    knot = torch.cat([knots, knots.new_tensor([torch.inf])])[left]
    knot = torch.where(right > left, knot, torch.inf)
    interval = torch.stack([left, right], 1).flatten()
    rows = torch.stack([starts[interval], *cubics[interval].unbind(1)]).to(dtype).contiguous()
    return Curve(float(inner[0] - reach / buckets), float(buckets / reach), knot.to(dtype), rows)


def is_ideal(stage: Stage) -> bool:
    """Whether nothing but a clip follows the charges; those of pulses' edges are the caller's."""
    plain = stage.column is None and stage.knots is None
    return plain and stage.noise == stage.jitter == 0


def first_pulses(
    circuit: Circuit,
    curve: Curve | None,
    deviation: Tensor | None,
    charges: Sequence[Tensor],
    loads: Sequence[Tensor],
) -> Tensor:
    """Pulse widths into the second array, fraction of T_max.

    Args:
        circuit: both stages.
        curve: of the first converter.
        deviation: as `deviations_of`, broadcastable with the charges; None: nominal converters.
        charges: sum over the cells in every phase, each (..., keys).
        loads: bit-line loading in every phase; empty without a column model.
    """
    stage = circuit.first
    nodes = list(charges)
    if stage.column is not None:
        nodes[0] = _delivered(stage.column, charges[0], loads[0])
        if circuit.swap_efficiency is not None:
            # As `two_phase_charge`: the first phase's charge is left on the bit line, with the other sign.
            swapped = circuit.swap_efficiency * nodes[0]
            nodes = [_delivered(stage.column, charges[1] + swapped * loads[1], loads[1]) - swapped]
    return _converted(nodes[0], stage, curve, deviation)


def second_widths(
    stage: Stage, curve: Curve | None, deviation: Tensor | None, charge: Tensor, load: Tensor | None
) -> Tensor:
    """Signed read-out of a sub-tile before it is counted, fraction of T_max; arguments as `first_pulses`."""
    if stage.column is not None and load is not None:
        charge = _delivered(stage.column, charge, load)
    return _converted(charge, stage, curve, deviation)


def _delivered(column: ScaledColumn, charge: Tensor, load: Tensor) -> Tensor:
    """Charge that a column delivers, see `ColumnModel`."""
    a, u = (charge * column.charge_scale).clamp(*column.a_box), load.clamp(*column.u_box)
    correction = _horner([_horner(row, u) for row in column.coefficients], a)
    return charge + charge * correction


def _horner(coefficients: Sequence[Tensor | float], x: Tensor) -> Tensor | float:
    """sum_j coefficients[j] x^j, a number where all higher ones are zero."""
    value: Tensor | float = 0.0
    for coefficient in reversed(coefficients):
        if isinstance(value, Tensor) and isinstance(coefficient, Tensor):
            value = torch.addcmul(coefficient, value, x)
        elif isinstance(value, Tensor) or value != 0.0:
            value = value * x + coefficient
        else:
            value = coefficient
    return value


def _converted(charge: Tensor, stage: Stage, curve: Curve | None, deviation: Tensor | None) -> Tensor:
    if stage.noise:
        charge = charge + stage.noise * torch.randn_like(charge)
    if deviation is not None:
        offset, gain, *negative = deviation.unbind(-1)
        own = (charge - offset) * (1 + gain)
        if negative:
            own = torch.where(charge > 0, own, (charge - negative[0]) * (1 + negative[1]))
        charge = own
    width = (charge if curve is None else curve_at(curve, charge)).clamp(-1.0 if stage.signed else 0.0, 1.0)
    return jittered(width, stage.jitter) if stage.jitter else width
