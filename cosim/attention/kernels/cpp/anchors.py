"""Ages at which a block of queries reads the keys, between which the charge is interpolated.

The response of a cell changes slowly over the `TILE` queries of a block: at a few of them, the anchors, it is
read exactly, and every query takes a weighted sum. The weights are fitted to the terms of the cells, so that
two anchors serve the three exponentials of a decaying cubic, and save one product of three.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    """Anchors of a block."""

    offsets: Tensor
    """(anchors,) int32, tokens from the block's first query to each anchor."""
    shares: Tensor
    """(anchors, TILE) float32, weight of each anchor for a query so many tokens after the block's first."""


NONE = Anchors(torch.empty(0, dtype=torch.int32), torch.empty(0, TILE))
"""Every query reads the keys at their own ages."""


def extended(aging: Aging) -> Aging:
    """Factors at ages 0 .. ages + TILE - 1, then at -1 .. -2 TILE: exponentials go on, others on the parabola
    through three ages.

    Args:
        aging: factors of the terms at ages 0 .. ages - 1.
    """
    exponential = aging.kinds[:, None] == EXPONENTIAL

    def more(factors: Tensor, count: int) -> Tensor:
        last, step = factors[:, -1:], torch.arange(1, count + 1)
        near, far = factors[:, -1 - step], factors[:, -1 - 2 * step]
        return torch.where(exponential, (last**2 / near).nan_to_num(), 3 * (last - near) + far)

    older = torch.cat([aging.factors, more(aging.factors, TILE)], dim=1)
    return replace(aging, factors=torch.cat([older, more(older.flip(1), 2 * TILE)], dim=1))


def newest_last(factors: Tensor) -> Tensor:
    """Factors of `extended` from the oldest age to the one before all others, (terms, ages + 3 TILE).

    Args:
        factors: in the order of `extended`.
    """
    older = factors.shape[1] - 2 * TILE
    return torch.cat([factors[:, :older].flip(1), factors[:, older:]], dim=1)


def anchors_of(aging: Aging, arrays: list[LevelTerms], reach: int) -> Anchors:
    """The fewest anchors, less than there are terms, that keep charges and slopes at ages 0 .. reach - 1 to
    `CLOSE` of their largest; `NONE` if there are none.

    Args:
        aging: factors of the terms, `extended`.
        arrays: responses of the levels of both arrays.
        reach: number of ages that can occur, in tokens.
    """
    terms = len(aging.kinds)
    weights = torch.cat([shares_of(array, terms) for array in arrays])
    newest = torch.arange(1 - TILE, TILE)
    age = torch.cat([newest, torch.linspace(TILE, max(reach - 1, TILE), PROBES).long()])

    def factors_at(offsets: Tensor) -> Tensor:
        """(terms, offsets, ages): of keys that are so much older than `age`."""
        older = age + offsets[:, None]
        return aging.factors[:, torch.where(older < 0, aging.factors.shape[1] - 2 * TILE - 1 - older, older)]

    queries = torch.arange(TILE)
    occurs = ((age + queries[:, None] >= 0) & (age + queries[:, None] < reach)).double()
    wanted = factors_at(queries) * occurs
    # The same sums of squares as those of all rows.
    root = torch.linalg.qr(weights, mode="r").R
    for count in range(1, min(terms, MOST + 1)):
        nodes = torch.cos(torch.pi * (2 * torch.arange(count) + 1) / (2 * count))
        offsets = ((TILE - 1) * (0.5 - 0.5 * nodes)).round().long()
        read = factors_at(offsets)
        # (queries, rows and ages, anchors) and (queries, rows and ages, 1)
        known = torch.einsum("rt,tja,qa->qraj", root, read, occurs).flatten(1, 2)
        shares = torch.linalg.lstsq(known, torch.einsum("rt,tqa->qra", root, wanted).flatten(1)[..., None])
        shares = shares.solution.squeeze(2)
        error = torch.einsum("qj,tja,qa->tqa", shares, read, occurs) - wanted
        if torch.einsum("rt,tqa->rqa", weights, error).abs().max() <= CLOSE:
            return Anchors(offsets.int(), shares.T.float().contiguous())
    return NONE
