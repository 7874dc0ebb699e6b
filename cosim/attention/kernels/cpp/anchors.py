"""Ages at which a block of queries reads the keys, between which the charge is interpolated.

The response of a cell changes slowly over the `TILE` queries of a block: at a few of them, the anchors, it is
read exactly, and every query takes a weighted sum. The weights are fitted to the terms of the cells, so that
two anchors serve the three exponentials of a decaying cubic, and save one product of three.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..aging import EXPONENTIAL, TILE, Aging
from ..level_tables import CLOSE, LevelTerms, shares_of

MOST = 4
"""Anchors at most; the same as in the sources."""
PROBES = 48
"""Ages at which the interpolation is fitted and judged, beside those of the newest keys."""


@dataclass(frozen=True)
class Anchors:
    """Anchors of a block and the factors of the terms there."""

    offsets: Tensor
    """(anchors,) int32, tokens from the block's first query to each anchor."""
    shares: Tensor
    """(anchors, TILE) float32, weight of each anchor for a query so many tokens after the block's first."""
    factors: Tensor
    """(terms, ages + 3 TILE) float32, factors at ages from ages + TILE - 1 down to -2 TILE."""


NONE = Anchors(torch.empty(0, dtype=torch.int32), torch.empty(0, TILE), torch.empty(0, 0))
"""Every query reads the keys at their own ages."""


def anchors_of(aging: Aging, arrays: list[LevelTerms], reach: int) -> Anchors:
    """The fewest anchors, less than there are terms, that keep charges and slopes at ages 0 .. reach - 1 to
    `CLOSE` of their largest; `NONE` if there are none.

    Args:
        aging: factors of the terms.
        arrays: responses of the levels of both arrays.
        reach: number of ages that can occur, in tokens.
    """
    terms, ages = aging.factors.shape
    weights = torch.cat([shares_of(array, terms) for array in arrays])
    factors = _extended(_extended(aging.factors, aging.kinds, TILE).flip(1), aging.kinds, 2 * TILE)
    newest = torch.arange(1 - TILE, TILE)
    age = torch.cat([newest, torch.linspace(TILE, max(reach - 1, TILE), PROBES).long()])

    def responses(offsets: Tensor) -> Tensor:
        """(offsets, rows, ages): of keys that are so much older than `age`."""
        at = ages + TILE - 1 - (age + offsets[:, None])
        return torch.einsum("rt,toa->ora", weights, factors[:, at])

    queries = torch.arange(TILE)
    occurs = ((age + queries[:, None] >= 0) & (age + queries[:, None] < reach)).double()
    wanted = responses(queries) * occurs[:, None]
    for count in range(1, min(terms, MOST + 1)):
        nodes = torch.cos(torch.pi * (2 * torch.arange(count) + 1) / (2 * count))
        offsets = ((TILE - 1) * (0.5 - 0.5 * nodes)).round().long()
        # (queries, rows and ages, anchors)
        known = (responses(offsets) * occurs[:, None, None]).permute(0, 2, 3, 1).flatten(1, 2)
        shares = torch.linalg.lstsq(known, wanted.flatten(1)[..., None]).solution
        if (known @ shares - wanted.flatten(1)[..., None]).abs().max() <= CLOSE:
            return Anchors(offsets.int(), shares[..., 0].T.float().contiguous(), factors.float())
    return NONE


def _extended(factors: Tensor, kinds: Tensor, count: int) -> Tensor:
    """Factors at `count` more ages: exponentials go on, others on the parabola through three ages."""
    last, step = factors[:, -1:], torch.arange(1, count + 1)
    near, far = factors[:, -1 - step], factors[:, -1 - 2 * step]
    more = torch.where(
        kinds[:, None] == EXPONENTIAL, (last**2 / near).nan_to_num(), 3 * last - 3 * near + far
    )
    return torch.cat([factors, more], dim=1)
