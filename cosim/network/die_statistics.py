"""Statistics of dies: confidence of a yield, and the share of a spread that each parameter explains."""

from __future__ import annotations

from itertools import combinations
from math import comb, sqrt

import numpy as np

DEVIATE = 1.959963984540054
"""Standard normal deviate of a two-sided confidence of 95 %."""


def wilson_interval(good: int, count: int) -> tuple[float, float]:
    """Confidence interval (95 %) of a share (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953).

    Args:
        good: number of successes.
        count: number of trials, at least 1.

    Returns:
        Lower and upper end.
    """
    share, z2 = good / count, DEVIATE**2
    center = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = DEVIATE / (1 + z2 / count) * sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, center - half), min(1.0, center + half)


def explained_shares(parameters: dict[str, np.ndarray], loss: np.ndarray) -> dict[str, float]:
    """Share of a loss' variance that each parameter explains in a quadratic model.

    The model has the constant, all parameters, their squares and products. The share of a parameter is the
    mean growth of R^2 when its terms join, over all orders in which parameters can join (Shapley value; for
    regressions Lindeman, Merenda and Gold 1980). The shares add up to the R^2 of the whole model.

    Args:
        parameters: name -> value in each die, shape (n,).
        loss: loss of each die, shape (n,), not constant.

    Returns:
        Name -> share.
    """
    names = list(parameters)
    scaled = {name: _standard(values) for name, values in parameters.items()}

    def explained(used: tuple[str, ...]) -> float:
        columns = [np.ones(len(loss))]
        columns += [scaled[name] for name in used] + [scaled[name] ** 2 for name in used]
        columns += [scaled[one] * scaled[other] for one, other in combinations(used, 2)]
        design = np.stack(columns, axis=1)
        residual = loss - design @ np.linalg.lstsq(design, loss, rcond=None)[0]
        return 1 - float(residual @ residual) / float(((loss - loss.mean()) ** 2).sum())

    shares = {}
    for name in names:
        others, total = [other for other in names if other != name], 0.0
        for size in range(len(others) + 1):
            weight = 1 / (len(names) * comb(len(others), size))
            for used in combinations(others, size):
                total += weight * (explained((*used, name)) - explained(used))
        shares[name] = total
    return shares


def _standard(values: np.ndarray) -> np.ndarray:
    spread = float(np.std(values))
    return (values - values.mean()) / spread if spread > 0 else np.zeros(len(values))
