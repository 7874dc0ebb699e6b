"""What a stored voltage does while it waits: retention, and the cell curve as a function of age."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor

from .curves import Curve, Exponential, Polynomial
from .surrogate import Surrogate, as_tensor
from .values import Array, Value


class Retention(Surrogate):
    """Stored voltage after a time: v(v0, age) = v0 + drift(v0, age), bilinear between simulated points.

    Not assumed exponential: a pass transistor leaks towards wherever the write bit line rests.
    """

    voltages: Array
    """Stored voltage at age 0, V, increasing, shape (n,)."""
    ages: Array
    """Age, s, increasing from 0, shape (m,)."""
    drift: Array
    """v(v0, age) - v0, V, shape (n, m)."""

    @model_validator(mode="after")
    def _shapes_match(self) -> Retention:
        if self.drift.shape != (len(self.voltages), len(self.ages)):
            raise ValueError(
                f"drift: need shape {(len(self.voltages), len(self.ages))}, got {self.drift.shape}"
            )
        return self

    def __call__(self, v0: Any, age: Any) -> Tensor:
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
        """Time (s) until each of `levels` equally spaced stored levels has moved by half their spacing.

        Infinite where it does not within the simulated time. Shape (levels,).
        """
        half_step = (v_max - v_min) / (levels - 1) / 2
        targets = np.linspace(v_min, v_max, levels)
        moved = np.abs(self(targets[:, None], self.ages[None, :]).numpy() - targets[:, None])
        times = np.full(levels, np.inf)
        for level, path in enumerate(moved):
            # A level next to the rest voltage ends just half a step away: rounding does not count.
            beyond = np.nonzero(path > half_step * (1 + 1e-6))[0]
            if beyond.size:
                last = max(beyond[0], 1)
                times[level] = np.interp(half_step, path[last - 1 : last + 1], self.ages[last - 1 : last + 1])
        return times

    def decay(self, voltages: np.ndarray, v_zero: float, period: float, periods: int = 1) -> float:
        """Rate, per period, of the exponential decay towards v_zero (V) that comes closest after `periods`.

        voltages: stored at age 0, V, shape (n,). Their deviations from v_zero after `periods` times `period`
        (s) are the fresh ones times exp(-rate periods), in the least-squares sense.

        Raises:
            ValueError: nothing is left of the deviations, or they have changed sign; take fewer periods.
        """
        fresh = np.asarray(voltages, float) - v_zero
        aged = self(voltages, np.full(len(fresh), period * periods)).numpy() - v_zero
        kept = float(fresh @ aged / (fresh @ fresh))
        if kept <= 1e-9:
            raise ValueError(f"nothing is left after {periods} periods of {period} s; take fewer periods")
        return -np.log(kept) / periods


def _locate(knots: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Interval index and position within it, in [0, 1], of x clipped to the knots."""
    x = x.clamp(knots[0], knots[-1])
    index = (torch.searchsorted(knots, x.detach().contiguous(), right=True) - 1).clamp(0, len(knots) - 2)
    return index, (x - knots[index]) / (knots[index + 1] - knots[index])


class AgingTerm(Value):
    """One separable term h(age) F(v)."""

    curve: Curve
    """F: charge of a full-width pulse against the voltage that was stored (V), at age 0."""
    factor: Curve | None = None
    """h: dimensionless, against age; None means 1 at every age."""


class SeparableAging(Surrogate):
    """Cell charge as a function of the voltage once stored and of its age: f(v, age) = sum_r h_r(age) F_r(v).

    Separable so that a product over many keys of different age stays a few matrix products: each term is one
    matmul, scaled elementwise by h_r of (query position - key position).
    """

    terms: tuple[AgingTerm, ...]
    age_unit: Literal["s", "token"]
    """What `age` counts: seconds, or tokens (positions between query and key)."""

    def __call__(self, v: Any, age: Any) -> Tensor:
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
    """The exact aging of a polynomial cell whose stored deviation from `center` decays as exp(-rate age).

    Power i of the deviation decays as exp(-i rate age), so every power is one term (Leroux et al. 2025,
    Methods).
    """
    return SeparableAging(
        terms=tuple(
            AgingTerm(curve=cell.monomial(power), factor=Exponential(rate=power * rate) if power else None)
            for power in range(cell.order + 1)
        ),
        age_unit=age_unit,
        box=cell.box,
    )
