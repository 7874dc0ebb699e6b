"""Three powers of a decaying deviation as two, for gradients: in a few hundred tokens cells forget little.

The factors e^(-ra), e^(-2ra) and e^(-3ra) then hardly differ but by a constant and a slope. So the middle
one is nearly a sum of the outer two, and its power, a small part of the charge, can be borne by them: a third
less to multiply on the way back. How, depends on the ages that occur. Queries are therefore taken in
stretches, t = t_0 + u with u below some 256: of e^(-2r(t - s)), the part e^(-2r(t_0 - s)) is exact, and only
e^(-2ru) is replaced. Charges, and with them what is clipped and counted, have the remainder too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .....models import Hardware, Polynomial

LONGEST, SHORTEST = 256, 64
"""Queries in a stretch."""
TOLERANCE = 1e-5
"""Largest error of the charge, of the largest charge, that gradients may come from."""
WIDEST = 1e12
"""Largest ratio of coefficients: beyond, the smallest has nothing to say."""
NODES = 129


@dataclass(frozen=True)
class Merging:
    """e^(-2ru) = first e^(-ru) + last e^(-3ru), nearly, for u below `rows`."""

    rows: int
    first: float
    last: float
    rate: float
    """r, per token."""
    coefficients: tuple[float, float, float]
    """Of the three powers in the charge."""

    def borne(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        """What the first and the third power bear of z^2 = e^(2rs) x^2, for stretches from t_0 = `starts`."""
        first, middle, last = self.coefficients
        by_first = middle / first * self.first * torch.exp(-self.rate * starts)
        return by_first, middle / last * self.last * torch.exp(self.rate * starts)

    def remainder(self, positions: Tensor, starts: Tensor) -> Tensor:
        """What is left of the charge of z^2 at `positions` t in stretches from t_0 = `starts`."""
        (first, middle, last), (by_first, by_last) = self.coefficients, self.borne(starts)
        decay = torch.exp(-self.rate * positions)
        return middle * decay**2 - first * by_first * decay - last * by_last * decay**3


def merging_of(hardware: Hardware, queries: int) -> Merging | None:
    """How the second of three powers is borne by the others; None where it is not, for it is missed."""
    cell, rate = hardware.transfer, hardware.decay_per_token
    if rate is None or not isinstance(cell, Polynomial) or cell.order != 3:
        return None
    coefficients = tuple(float(c) for c in cell.coefficients)
    if max(map(abs, coefficients)) > WIDEST * min(map(abs, coefficients[1:])):
        return None
    reach = max(abs(hardware.v_min - cell.center), abs(hardware.v_max - cell.center))
    rows = LONGEST
    while rows // 2 >= max(queries, SHORTEST):
        rows //= 2
    while rows >= SHORTEST:
        merging, error = _merging(coefficients, reach, rate, rows)
        if error <= TOLERANCE:
            return merging
        rows //= 2
    return None


@lru_cache(maxsize=64)
def _merging(coefficients: tuple[float, ...], reach: float, rate: float, rows: int) -> tuple[Merging, float]:
    """How, over so many rows, and its error."""
    # Least squares at these ages come near to the least largest error.
    age = (rows - 1) / 2 * (1 - np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES))
    first, middle, last = np.exp(-np.multiply.outer([rate, 2 * rate, 3 * rate], age))
    outer = np.stack([first, last], axis=1)
    shares = np.linalg.lstsq(outer, middle, rcond=None)[0]
    largest = np.abs(np.polynomial.polynomial.polyval([-reach, reach], coefficients)).max()
    error = np.abs(outer @ shares - middle).max() * abs(coefficients[2]) * reach**2
    return Merging(rows, *map(float, shares), rate, coefficients[1:]), float(error / largest)
