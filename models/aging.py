"""Retention of stored voltages, and the cell curve as a function of age."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from pydantic import model_validator
from scipy.interpolate import CubicSpline
from torch import Tensor

from .curves import Curve, Exponential, Polynomial, Spline, spline_from_pieces
from .surrogate import Surrogate, as_tensor
from .values import FloatArray, Value

TOLERANCE = 1e-3
"""Largest term of a cell's aging that hardware leaves out, of the fresh curve's peak."""


class Retention(Surrogate):
    """Stored voltage after a time: v(v0, age) = v0 + drift(v0, age), bilinear between simulated points.

    The decay is not assumed to be exponential: a pass transistor leaks towards the voltage at which the write
    bit line rests.
    """

    voltages: FloatArray
    """Stored voltages at age 0, V, increasing, shape (n,)."""
    ages: FloatArray
    """Ages, s, increasing from 0, shape (m,)."""
    drift: FloatArray
    """Change v(v0, age) - v0, V, shape (n, m)."""

    @model_validator(mode="after")
    def _shapes_match(self) -> Retention:
        for name, points in (("voltages", self.voltages), ("ages", self.ages)):
            if points.ndim != 1 or points.size < 2 or not np.all(np.diff(points) > 0):
                raise ValueError(f"{name}: need at least two, strictly increasing")
        if self.drift.shape != (self.voltages.size, self.ages.size):
            raise ValueError(
                f"drift: need shape {(self.voltages.size, self.ages.size)}, got {self.drift.shape}"
            )
        return self

    def __call__(self, v0: Any, age: Any) -> Tensor:
        """Stored voltage at an age.

        Args:
            v0: stored voltage at age 0, V, any shape.
            age: age, s, broadcastable with `v0`.

        Returns:
            Stored voltage, V, in the broadcast shape.
        """
        v0 = as_tensor(v0)
        age = as_tensor(age).to(v0)
        v0, age = torch.broadcast_tensors(v0, age)
        drift = self._tensor("drift", v0)
        i, a = _locate(self._tensor("voltages", v0), v0)
        j, b = _locate(self._tensor("ages", v0), age)
        early = drift[i, j] * (1 - a) + drift[i + 1, j] * a
        late = drift[i, j + 1] * (1 - a) + drift[i + 1, j + 1] * a
        return v0 + early * (1 - b) + late * b

    def retention_time(self, levels: int, v_min: float, v_max: float) -> np.ndarray:
        """Time until each of equally spaced stored levels has moved by half their spacing.

        Args:
            levels: number of levels.
            v_min: lowest level, V.
            v_max: highest level, V.

        Returns:
            Times, s, shape (levels,); infinite for a level that moves less within the simulated time.
        """
        half_step = (v_max - v_min) / (levels - 1) / 2
        targets = np.linspace(v_min, v_max, levels)
        moved = np.abs(self(targets[:, None], self.ages[None, :]).numpy() - targets[:, None])
        times = np.full(levels, np.inf)
        for level, path in enumerate(moved):
            # A level next to the rest voltage ends exactly half a step away: allow for rounding.
            beyond = np.nonzero(path > half_step * (1 + 1e-6))[0]
            if beyond.size:
                last = max(beyond[0], 1)
                times[level] = np.interp(half_step, path[last - 1 : last + 1], self.ages[last - 1 : last + 1])
        return times

    def readable_ages(self, levels: int, v_min: float, v_max: float) -> np.ndarray:
        """Ages of the table until the first level has moved half a step; older keys are read wrongly anyway.

        Args:
            levels: number of levels.
            v_min: lowest level, V.
            v_max: highest level, V.

        Returns:
            Increasing ages, s, shape (n,).
        """
        first = self.retention_time(levels, v_min, v_max).min()
        return self.ages[: np.searchsorted(self.ages, first) + 1]

    def decay(self, voltages: np.ndarray, v_zero: float, period: float, periods: int = 1) -> float:
        """Rate of the exponential decay towards v_zero that fits best after a number of periods.

        The deviations from v_zero after all periods are exp(-rate periods) times the fresh ones, in the
        least-squares sense.

        Args:
            voltages: stored voltages at age 0, V, shape (n,).
            v_zero: stored voltage that represents zero, V.
            period: length of a period, s.
            periods: number of periods.

        Returns:
            Rate, per period.

        Raises:
            ValueError: no deviation is left, or its sign has changed; take fewer periods.
        """
        fresh = np.asarray(voltages, float) - v_zero
        aged = self(voltages, np.full(len(fresh), period * periods)).numpy() - v_zero
        remaining = float(fresh @ aged / (fresh @ fresh))
        if remaining <= 1e-9:
            raise ValueError(
                f"no deviation is left after {periods} periods of {period} s; take fewer periods"
            )
        return -np.log(remaining) / periods


def _locate(knots: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Interval index and position within it, in [0, 1], of x clipped to the knots."""
    x = x.clamp(knots[0], knots[-1])
    index = (torch.searchsorted(knots, x.detach().contiguous(), right=True) - 1).clamp(0, len(knots) - 2)
    return index, (x - knots[index]) / (knots[index + 1] - knots[index])


class AgingTerm(Value):
    """One separable term h(age) F(v) of a cell's charge."""

    curve: Curve
    """F: charge of a full-width pulse, C, against the stored voltage at age 0 (V)."""
    factor: Curve | None = None
    """h: dimensionless factor against age; None for 1 at every age."""


class SeparableAging(Surrogate):
    """Cell charge against stored voltage at age 0 and age: f(v, age) = sum_r h_r(age) F_r(v).

    The separable form turns a product over keys of different ages into a few matrix products: one per term,
    scaled elementwise by h_r(query position - key position).
    """

    terms: tuple[AgingTerm, ...]
    """The terms; their sum at age 0 is the fresh cell curve."""
    age_unit: Literal["s", "token"]
    """Unit of `age`: seconds, or tokens (positions between query and key)."""

    def __call__(self, v: Any, age: Any) -> Tensor:
        """Charge of a full-width pulse.

        Args:
            v: stored voltage at age 0, V, any shape.
            age: age, in `age_unit`, broadcastable with `v`.

        Returns:
            Charge, in the unit of the cell curve, in the broadcast shape.
        """
        v = as_tensor(v)
        age = as_tensor(age).to(v)
        return sum(
            (
                term.curve(v) if term.factor is None else term.curve(v) * term.factor(age)
                for term in self.terms
            ),
            start=torch.zeros(torch.broadcast_shapes(v.shape, age.shape), dtype=v.dtype, device=v.device),
        )


def exponential_aging(
    cell: Polynomial, rate: float, age_unit: Literal["s", "token"] = "token"
) -> SeparableAging:
    """Exact aging of a polynomial cell whose stored deviation from `center` decays as exp(-rate age).

    Power i of the deviation decays as exp(-i rate age), so every power is one term. Source of the exponential
    decay: Leroux et al. 2025, https://doi.org/10.1038/s43588-025-00854-1, Methods.

    Args:
        cell: fresh cell curve.
        rate: decay rate, per `age_unit`.
        age_unit: "s" or "token".
    """
    return SeparableAging(
        terms=tuple(
            AgingTerm(curve=cell.monomial(power), factor=Exponential(rate=power * rate) if power else None)
            for power in range(cell.order + 1)
        ),
        age_unit=age_unit,
        box=cell.box,
    )


def aging_voltages(curve: Polynomial | Spline) -> np.ndarray:
    """Grid on which the aging of a cell curve is decomposed: 65 voltages over the curve's box, V."""
    return np.linspace(*next(iter(curve.box.values())), 65)


def separable_aging(
    curve: Polynomial | Spline,
    retention: Callable[[np.ndarray, np.ndarray], object],
    ages: np.ndarray,
    *,
    voltages: np.ndarray | None = None,
    tolerance: float = TOLERANCE,
) -> SeparableAging:
    """curve(retention(v, age)) as the fresh curve plus a few separable terms (truncated SVD).

    Args:
        curve: fresh cell curve: stored voltage (V) -> charge.
        retention: voltage at age 0 (V, shape (n, 1)) and age (s, shape (1, m)) -> stored voltage (V, (n, m)).
        ages: grid of ages, s, increasing, shape (m,).
        voltages: grid of voltages at age 0, V, shape (n,); None for `aging_voltages`.
        tolerance: largest singular value that is left out, as a fraction of the fresh curve's peak.
    """
    (low, high), ages = next(iter(curve.box.values())), np.asarray(ages, float)
    v = aging_voltages(curve) if voltages is None else np.asarray(voltages, float)
    fresh = curve(v).numpy()
    aged = curve(np.asarray(retention(v[:, None], ages[None, :]))).numpy()
    left, singular, right = np.linalg.svd(aged - fresh[:, None], full_matrices=False)
    # The largest contribution of a term is at most its singular value, so this bounds the error at the grid
    # points.
    rank = int(np.sum(singular > tolerance * float(np.max(np.abs(fresh)))))
    terms = [AgingTerm(curve=curve)]
    for r in range(rank):
        terms.append(AgingTerm(curve=_through(v, left[:, r] * singular[r]), factor=_through(ages, right[r])))
    return SeparableAging(
        terms=tuple(terms), age_unit="s", box={"v": (low, high), "age": (ages[0], ages[-1])}
    )


def _through(x: np.ndarray, y: np.ndarray) -> Spline:
    return spline_from_pieces(CubicSpline(x, y), {"x": (float(x[0]), float(x[-1]))})
