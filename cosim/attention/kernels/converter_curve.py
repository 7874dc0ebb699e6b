"""A converter's curve with its intervals found by equal buckets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .description import Stage

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


def value_at(curve: Curve, x: Tensor) -> Tensor:
    """Value of a curve at x, of any shape; NaN for NaN."""
    # No method: torch.compile cannot guard one of an object that it takes for a constant.
    x, last = (x - curve.start) * curve.per_bucket, len(curve.knots) - 1
    at = x.detach().flatten()
    # As an integer NaN is any number, hence the second clamp.
    bucket = at.clamp(0, last).to(torch.int32).clamp_(0, last)
    step = x - bucket.view(x.shape)
    bucket = bucket.mul(2).add_(at > curve.knots.index_select(0, bucket))
    c0, c1, c2, c3 = (row.index_select(0, bucket).view(x.shape) for row in curve.rows.unbind())
    return torch.addcmul(c0, step, torch.addcmul(c1, step, torch.addcmul(c2, step, c3)))


def curve_of(stage: Stage) -> Curve | None:
    """The converter's curve; None for the ideal line."""
    if stage.knots is None or stage.coefficients is None:
        return None
    inner = stage.knots.double()
    reach, buckets = inner[-1] - inner[0], BUCKETS
    while buckets < MOST_BUCKETS and inner.diff().min() * buckets < reach:
        buckets += BUCKETS
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
