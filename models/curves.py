"""Curves of one argument: polynomial, piecewise cubic table, exponential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from pydantic import Field, model_validator
from scipy.interpolate import PPoly
from torch import Tensor

from ..circuits.errors import HardwareError
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


def spline_from_pieces(pieces: PPoly, box: dict[str, tuple[float, float]]) -> Spline:
    """scipy's piecewise polynomial as a `Spline`, without its empty end intervals.

    Args:
        pieces: cubic pieces.
        box: validity box of the spline.
    """
    wide = np.diff(pieces.x) > 0
    knots = np.append(pieces.x[:-1][wide], pieces.x[-1])
    return Spline(knots=knots, coefficients=pieces.c[::-1, wide].T, box=box)


def combine_curves(curves: Sequence[Curve], weights: ArrayLike, scales: ArrayLike) -> Polynomial | Spline:
    """sum_i weights[i] curves[i](x / scales[i]), exactly: a polynomial, or a spline on the union of knots.

    Knots closer together than a part in 1e10 of their range count as one. The result states no error, and its
    box has the mean ends of the boxes, weighted with |weights|.

    Args:
        curves: polynomials only, or splines only.
        weights: factor of each curve, shape (n,).
        scales: unit of the result's argument / that of each curve, shape (n,).

    Raises:
        HardwareError: curves of different families, or exponentials.
    """
    weights, scales = np.asarray(weights, float), np.asarray(scales, float)
    share = np.abs(weights) / np.abs(weights).sum()
    box = {
        name: tuple(
            float(sum(w * s * c.box[name][end] for w, s, c in zip(share, scales, curves, strict=True)))
            for end in (0, 1)
        )
        for name in curves[0].box
        if all(name in curve.box for curve in curves)
    }
    if all(isinstance(curve, Polynomial) for curve in curves):
        center = curves[0].center * scales[0]
        total = np.polynomial.Polynomial([0.0])
        for curve, weight, scale in zip(curves, weights, scales, strict=True):
            deviation = np.polynomial.Polynomial([center / scale - curve.center, 1 / scale])
            total = total + weight * np.polynomial.Polynomial(curve.coefficients)(deviation)
        return Polynomial(coefficients=total.coef, center=float(center), box=box)
    if all(isinstance(curve, Spline) for curve in curves):
        knots = np.sort(np.concatenate([c.knots * s for c, s in zip(curves, scales, strict=True)]))
        apart = np.diff(knots, prepend=-np.inf) > 1e-10 * (knots[-1] - knots[0])
        knots = knots[apart]
        pieces = sum(
            weight * _pieces(curve, knots / scale) * scale ** -np.arange(4.0)
            for curve, weight, scale in zip(curves, weights, scales, strict=True)
        )
        return Spline(knots=knots, coefficients=pieces, box=box)
    families = ", ".join(sorted({curve.family for curve in curves}))
    raise HardwareError(
        f"only polynomials or only splines can be combined, not {families}; fit all conditions alike"
    )


def _pieces(curve: Spline, knots: np.ndarray) -> np.ndarray:
    """Coefficients of a spline on other knots, shape (n - 1, 4), with its straight continuations."""
    own, inner = curve.knots, curve.coefficients
    step = own[-1] - own[-2]
    c0, c1, c2, c3 = inner[-1]
    end = [c0 + step * (c1 + step * (c2 + step * c3)), c1 + step * (2 * c2 + step * 3 * c3), 0.0, 0.0]
    table = np.vstack([[*inner[0, :2], 0.0, 0.0], inner, end])
    starts = np.concatenate([own[:1], own])
    index = np.searchsorted(own, (knots[:-1] + knots[1:]) / 2, side="right")
    h = knots[:-1] - starts[index]
    c0, c1, c2, c3 = table[index].T
    return np.stack(
        [c0 + h * (c1 + h * (c2 + h * c3)), c1 + h * (2 * c2 + h * 3 * c3), c2 + 3 * h * c3, c3], axis=1
    )
