"""Curves of one argument: polynomial, piecewise cubic table, exponential."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from .surrogate import Surrogate, as_tensor
from .values import FloatArray


class Polynomial(Surrogate):
    """y(x) = sum_i c_i (x - center)^i."""

    family: Literal["polynomial"] = "polynomial"
    coefficients: FloatArray
    """Coefficients c_0 .. c_n, unit of y per (unit of x)^i, shape (n + 1,)."""
    center: float = 0.0
    """Expansion point, unit of x (for a cell: the stored voltage that represents zero)."""

    @model_validator(mode="after")
    def _has_coefficients(self) -> Polynomial:
        if self.coefficients.ndim != 1 or self.coefficients.size == 0:
            raise ValueError(f"coefficients: need shape (n + 1,), got {self.coefficients.shape}")
        return self

    @property
    def order(self) -> int:
        """Highest power n."""
        return len(self.coefficients) - 1

    def __call__(self, x: Any) -> Tensor:
        """y(x), in the shape of `x`."""
        x = as_tensor(x)
        deviation = x - self.center
        highest, *lower = reversed(self._tensor("coefficients", x).unbind())
        result = highest.expand_as(x)
        for coefficient in lower:
            result = result * deviation + coefficient
        return result

    def powers(self, x: Any) -> list[Tensor]:
        """Values of the single terms c_i (x - center)^i.

        Args:
            x: arguments, any shape.

        Returns:
            One tensor per power, i = 0 .. n, each in the shape of `x`.
        """
        deviation = as_tensor(x) - self.center
        power, terms = torch.ones_like(deviation), []
        for coefficient in self._tensor("coefficients", deviation).unbind():
            power = power * deviation if terms else power
            terms.append(coefficient * power)
        return terms

    def monomial(self, power: int) -> Polynomial:
        """A single term c_i (x - center)^i as a polynomial.

        Args:
            power: i, from 0 to `order`.
        """
        only = np.zeros(power + 1)
        only[power] = self.coefficients[power]
        return Polynomial(coefficients=only, center=self.center, box=self.box)


class Spline(Surrogate):
    """Piecewise cubic table, continued outside the knots as a straight line with the slope at the end."""

    family: Literal["spline"] = "spline"
    knots: FloatArray
    """Increasing arguments, unit of x, shape (n,)."""
    coefficients: FloatArray
    """Coefficients, shape (n - 1, 4): y = sum_j coefficients[i, j] (x - knots[i])^j on interval i."""

    @model_validator(mode="after")
    def _shapes_match(self) -> Spline:
        count = self.knots.size
        if self.knots.ndim != 1 or count < 2 or not np.all(np.diff(self.knots) > 0):
            raise ValueError("knots: need at least two, strictly increasing")
        if self.coefficients.shape != (count - 1, 4):
            raise ValueError(
                f"coefficients: {count} knots need shape ({count - 1}, 4), got {self.coefficients.shape}"
            )
        # The third power of a step in coulombs underflows in float32, so steps are counted in knot spacings.
        spacing = np.diff(self.knots)
        self._constants["spacing"] = torch.tensor(spacing)
        self._constants["scaled"] = torch.tensor(self.coefficients * spacing[:, None] ** np.arange(4))
        return self

    def __call__(self, x: Any) -> Tensor:
        """y(x), in the shape of `x`."""
        x = as_tensor(x)
        knots, spacing = self._tensor("knots", x), self._tensor("spacing", x)
        last = len(knots) - 2
        interval = (torch.searchsorted(knots, x.detach().contiguous(), right=True) - 1).clamp(0, last)
        inside = x.clamp(knots[0], knots[-1])
        c0, c1, c2, c3 = self._tensor("scaled", x)[interval].unbind(-1)
        width = spacing[interval]
        step = (inside - knots[interval]) / width
        value = c0 + step * (c1 + step * (c2 + step * c3))
        slope = (c1 + step * (2 * c2 + step * 3 * c3)).detach()
        return value + (x - inside) / width * slope


class Exponential(Surrogate):
    """y(x) = exp(-rate x), e.g. the published decay of a stored deviation with its age."""

    family: Literal["exponential"] = "exponential"
    rate: float
    """Decay rate, per unit of x: the inverse of the time (or number of tokens) after which 1/e is left."""

    def __call__(self, x: Any) -> Tensor:
        """y(x), in the shape of `x`."""
        return torch.exp(-self.rate * as_tensor(x))


Curve = Annotated[Polynomial | Spline | Exponential, Field(discriminator="family")]
"""Any curve of one argument."""
