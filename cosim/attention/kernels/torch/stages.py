"""What follows the cells of one product, on charges in full scales: column, converter, counter.

Everything here is differentiable, except that the counter is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...row_tiles import summed
from ...stages import jittered
from ..description import Circuit, ScaledColumn, Stage

BUCKETS, MOST_BUCKETS = 256, 2**16


@dataclass(frozen=True, eq=False)
class Curve:
    """A piecewise cubic with its intervals found by equal buckets, none of which holds two knots; beyond its
    ends a straight line."""

    start: float
    """Start of the first bucket."""
    per_bucket: float
    """Buckets per unit of the argument: everything else is in buckets from the start, whose powers single
    precision can hold."""
    knots: Tensor
    """Knot in each bucket, shape (buckets,); infinity for none."""
    rows: Tensor
    """Cubic in the distance from a bucket's start, left and right of its knot, shape (4, 2 buckets)."""

    def __call__(self, x: Tensor) -> Tensor:
        """Value at x, of any shape; NaN for NaN."""
        x, last = (x - self.start) * self.per_bucket, len(self.knots) - 1
        at = x.detach().flatten()
        # As an integer NaN is any number, hence the second clamp.
        bucket = at.clamp(0, last).to(torch.int32).clamp_(0, last)
        step = x - bucket.view(x.shape)
        bucket = bucket.mul(2).add_(at > self.knots.index_select(0, bucket))
        c0, c1, c2, c3 = (row.index_select(0, bucket).view(x.shape) for row in self.rows.unbind())
        return torch.addcmul(c0, step, torch.addcmul(c1, step, torch.addcmul(c2, step, c3)))


def curve_of(stage: Stage) -> Curve | None:
    """The converter's curve; None for the ideal line."""
    if stage.knots is None or stage.coefficients is None:
        return None
    inner = stage.knots.double()
    reach, buckets = inner[-1] - inner[0], BUCKETS
    while buckets < MOST_BUCKETS and inner.diff().min() * buckets < reach:
        buckets *= 2
    # A bucket before the first knot and one after the last take what lies outside.
    knots = (inner - inner[0]) * (buckets / reach) + 1.0
    own = stage.coefficients / knots.diff()[:, None] ** torch.arange(4, device=knots.device)
    last, step = own[-1], (knots[-1] - knots[-2]) ** torch.arange(4, device=knots.device)
    ends = torch.zeros(2, 4, dtype=own.dtype, device=own.device)
    ends[0, :2] = own[0, :2]
    ends[1, 0], ends[1, 1] = last @ step, (last[1:] * torch.arange(1, 4, device=own.device)) @ step[:3]
    cubics, starts = torch.cat([ends[:1], own, ends[1:]]), torch.cat([knots[:1], knots])
    edges = torch.arange(buckets + 3, dtype=torch.float64, device=knots.device)
    sides = torch.searchsorted(knots, edges, right=True)
    interval = torch.stack([sides[:-1], sides[1:]], 1)
    # One knot more, which no bucket holds.
    knot = torch.cat([knots, knots.new_tensor([torch.inf])])[interval[:, 0]]
    knot = torch.where(interval[:, 1] > interval[:, 0], knot, torch.inf)
    c0, c1, c2, c3 = cubics[interval.flatten()].unbind(1)
    d = edges[:-1].repeat_interleave(2) - starts[interval.flatten()]
    rows = [c0 + d * (c1 + d * (c2 + d * c3)), c1 + d * (2 * c2 + d * 3 * c3), c2 + 3 * d * c3, c3]
    like = stage.knots
    return Curve(
        float(inner[0] - reach / buckets), float(buckets / reach), knot.to(like), torch.stack(rows).to(like)
    )


def is_ideal(stage: Stage) -> bool:
    """Whether nothing but a clip follows the charges; those of pulses' edges are the caller's."""
    plain = stage.column is None and stage.knots is None
    return plain and stage.noise == stage.jitter == 0


def first_is_ideal(circuit: Circuit) -> bool:
    """Whether nothing but a clip follows the charges of the first product."""
    return circuit.row_tiles == 1 and is_ideal(circuit.first)


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
    if circuit.row_tiles > 1:
        own = zip(charges, loads or (None,) * len(charges), strict=True)
        return _from_row_tiles(circuit, curve, deviation, list(own))
    if stage.column is not None:
        nodes[0] = _delivered(stage.column, charges[0], loads[0])
        if circuit.swap_efficiency is not None:
            # As `two_phase_charge`: the first phase's charge is left on the bit line, with the other sign.
            swapped = circuit.swap_efficiency * nodes[0]
            nodes = [_delivered(stage.column, charges[1] + swapped * loads[1], loads[1]) - swapped]
    return _converted(nodes[0], stage, curve, deviation)


def _from_row_tiles(
    circuit: Circuit, curve: Curve | None, deviation: Tensor | None, nodes: list[tuple[Tensor, Tensor | None]]
) -> Tensor:
    """Pulse widths into the second array from the charge and the loading of every integration."""
    passes, widths = len(nodes) // circuit.row_tiles, []
    for i, (charge, load) in enumerate(nodes):
        own = None if deviation is None else deviation[..., i // passes * 4 :][..., :4]
        widths.append(second_widths(circuit.first, curve, own, charge, load))
    return summed(widths, circuit.output_steps, circuit.query_steps, passes)


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
    if isinstance(correction, Tensor):
        return torch.addcmul(charge, charge, correction)
    return charge + charge * correction


def _horner(coefficients: Sequence[Tensor | float], x: Tensor) -> Tensor | float:
    """sum_j coefficients[j] x^j, a number where all higher ones are zero."""
    value: Tensor | float = 0.0
    for coefficient in reversed(coefficients):
        if isinstance(value, Tensor) and isinstance(coefficient, Tensor):
            value = torch.addcmul(coefficient, value, x)
        elif isinstance(value, Tensor) or value != 0.0:
            product = value * x
            value = product + coefficient if isinstance(coefficient, Tensor) else product.add_(coefficient)
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
    width = (charge if curve is None else curve(charge)).clamp(-1.0 if stage.signed else 0.0, 1.0)
    return jittered(width, stage.jitter) if stage.jitter else width
