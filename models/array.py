"""Surrogates of the circuits around the cells: bit-line columns, converters, write error, noise."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field, model_validator
from torch import Tensor

from .curves import Curve, Spline
from .surrogate import Surrogate, as_tensor
from .values import FloatArray, Value


class ColumnModel(Surrogate):
    """Charge that a column of cells delivers to its passive bit line.

    The cells pull the bit line away from its rest voltage, and their current depends on that voltage, so the
    plain sum of the cells' charges, A = sum_i w_i f(v_i), is too large. To first order the loss depends on
    the summed output conductance, U = sum_i w_i g(v_i) with g = G T_max / C_line (dimensionless): for pulses
    of one width the bit line is an RC circuit and Q = A (1 - exp(-U)) / U. The model fits the general case as

        Q = A (1 + sum_ij c_ij a^i u^j),   a = A / q_scale,   u = U,

    with a and u clipped to the validity box. It needs one more matrix product than the plain sum.
    """

    loading: Curve
    """g(v): dimensionless bit-line loading by one cell with a full-width pulse, against stored voltage
    (V)."""
    coefficients: FloatArray
    """Coefficients c_ij, dimensionless, shape (n + 1, n + 1); zero for i + j > n."""
    q_scale: float = Field(gt=0)
    """Charge for which a = 1, C."""

    @model_validator(mode="after")
    def _is_square(self) -> ColumnModel:
        if self.coefficients.ndim != 2 or self.coefficients.shape[0] != self.coefficients.shape[1]:
            raise ValueError(f"coefficients: need a square matrix, got shape {self.coefficients.shape}")
        if list(self.box) != ["a", "u"]:
            raise ValueError(f"box: need the arguments a and u, got {list(self.box)}")
        return self

    def __call__(self, charge: Any, load: Any) -> Tensor:
        """Delivered charge Q.

        Args:
            charge: A, the plain sum of the cells' charges, C, any shape.
            load: U, the summed loading, dimensionless, broadcastable with `charge`.

        Returns:
            Q, C, in the broadcast shape.
        """
        charge = as_tensor(charge)
        a = (charge / self.q_scale).clamp(*self.box["a"])
        u = as_tensor(load).to(charge).clamp(*self.box["u"])
        correction = torch.zeros_like(a * u)
        for row in reversed(self._tensor("coefficients", charge).unbind()):
            inner = torch.zeros_like(u)
            for coefficient in reversed(row.unbind()):
                inner = inner * u + coefficient
            correction = correction * a + inner
        return charge * (1 + correction)

    def outside(self, charge: Any, load: Any) -> Tensor:
        """Number of columns outside the validity box; arguments as in a call."""
        return super().outside(as_tensor(charge) / self.q_scale, load)


class ConverterCurve(Surrogate):
    """Charge-to-pulse converter: charge (C) -> pulse width / T_max, in [0, 1], or [-1, 1] if signed."""

    curve: Spline
    """Monotone transfer curve between the clips, with offset, gain and integral nonlinearity."""
    signed: bool = False
    """Whether widths may be negative; otherwise they are clipped at 0 (ReLU)."""

    def __call__(self, charge: Any) -> Tensor:
        """Pulse width / T_max of a charge (C), in the shape of `charge`."""
        return self.curve(charge).clamp(-1.0 if self.signed else 0.0, 1.0)


class WriteError(Surrogate):
    """Target voltage (V) -> stored voltage after the write has settled (V)."""

    curve: Curve
    """Stored voltage, V, against target voltage (V), mean over the previous contents."""

    def __call__(self, target: Any) -> Tensor:
        """Stored voltage (V) for a target voltage (V), in the shape of `target`."""
        return self.curve(target)


class Noise(Value):
    """Gaussian noise of every write, and of the integration nodes and pulses of every operation."""

    charge_1: float = Field(ge=0)
    """Rms charge noise on the integration node of the first product, in the hardware's charge unit."""
    charge_2: float = Field(ge=0)
    """Rms charge noise on the integration node of the second product, in the hardware's charge unit."""
    write_volts: float = Field(default=0.0, ge=0)
    """Rms noise of a stored voltage, fixed by its write, V."""
    jitter_1: float = Field(default=0.0, ge=0)
    """Rms jitter of an unsaturated pulse of the first converter, fraction of T_max."""
    jitter_2: float = Field(default=0.0, ge=0)
    """Rms jitter of an unsaturated pulse of the signed converter, fraction of T_max."""
