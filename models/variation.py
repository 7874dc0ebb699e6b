"""Surrogates of mismatch: how cells, writes and converters of one chip deviate from the nominal ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from .curves import Spline
from .surrogate import Surrogate, as_tensor
from .values import Array, FitError, Value


class RandomCurve(Surrogate):
    """Deviation of one circuit from the nominal curve, jointly normal over the whole argument range.

    Truncated Karhunen-Loeve series d_i(x) = mu(x) + sum_r z_ir phi_r(x), z_ir independent standard normal
    scores of circuit i. The modes phi_r carry the standard deviation at every x and the correlation between
    any two.
    """

    modes: tuple[Spline, ...] = Field(min_length=1)
    """phi_r, in the unit of the curve."""
    mean: Spline | None = None
    """mu: what is left on average, since a current is not linear in the deviations; None for nothing."""

    @property
    def rank(self) -> int:
        """Number of modes, and so of scores per circuit."""
        return len(self.modes)

    def __call__(self, x: Any, scores: Any) -> Tensor:
        """x: any shape; scores: (rank, ...), each entry broadcastable with x. Returns d(x) in x's shape."""
        x = as_tensor(x)
        mean = torch.zeros_like(x) if self.mean is None else self.mean(x)
        return sum((z * mode(x) for z, mode in zip(as_tensor(scores).to(x), self.modes, strict=True)), mean)

    def covariance(self, x: np.ndarray) -> np.ndarray:
        """Covariance of the deviation between the points x (n,), shape (n, n), in the unit squared."""
        curves = torch.stack([mode(x) for mode in self.modes]).numpy()
        return curves.T @ curves


class ConverterVariation(Surrogate):
    """Offset and gain of a converter, jointly normal: a charge q is converted as (q - offset) (1 + gain).

    The signed converter has an offset and a gain for each polarity, since each has a ramp of its own.
    """

    mean: Array
    """(offset, gain), or (offset, gain) of positive and of negative charge; C and dimensionless."""
    factor: Array
    """Lower triangular, shape (n, n): deviations are factor @ z with standard normal z."""
    bank: Array | None = None
    """Lower triangular, shape (n / 2, n / 2): gain that all converters of a bank have in common, by polarity,
    since they share the bias of their ramps; None where it is not described."""

    @model_validator(mode="after")
    def _shapes_match(self) -> ConverterVariation:
        count = len(self.mean)
        if count not in (2, 4) or self.factor.shape != (count, count):
            raise ValueError(
                f"mean and factor: need shapes (2,) and (2, 2), or (4,) and (4, 4), got {self.mean.shape} "
                f"and {self.factor.shape}"
            )
        if self.bank is not None and self.bank.shape != (count // 2, count // 2):
            raise ValueError(f"bank: need shape {(count // 2, count // 2)}, got {self.bank.shape}")
        return self

    @property
    def signed(self) -> bool:
        """Whether each polarity has its own offset and gain."""
        return len(self.mean) == 4

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of the parameters in the order of `mean`."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the parameters, shape (n, n)."""
        return self.factor @ self.factor.T

    def parameters(self, normals: np.ndarray, bank: np.ndarray | None = None) -> np.ndarray:
        """Offsets and gains (..., n) of converters with standard normal numbers (..., n).

        bank: numbers (..., n / 2) of the banks that they belong to; None for a nominal bias.
        """
        values = self.mean + normals @ self.factor.T
        if bank is not None and self.bank is not None:
            values[..., 1::2] += bank @ self.bank.T
        return values

    def __call__(self, charge: Any, parameters: Any) -> Tensor:
        """Charge (C) that the nominal converter would turn into the same pulse.

        parameters: (..., n), all but the last dimension broadcastable with charge.
        """
        charge = as_tensor(charge)
        parts = as_tensor(parameters).to(charge).unbind(-1)
        positive = (charge - parts[0]) * (1 + parts[1])
        if not self.signed:
            return positive
        return torch.where(charge > 0, positive, (charge - parts[2]) * (1 + parts[3]))


class CellStatistics(Value):
    """Moments of the cell's Monte Carlo at the levels of the write DAC.

    The charge of a read is a line over the pulse width: its slope is the gain, what the edges leave is the
    offset.
    """

    levels: Array
    """Stored voltage, V, shape (n,)."""
    gain_std: Array
    """Standard deviation of the charge of a full-width pulse without its edges, C, shape (n,)."""
    offset_std: Array
    """Standard deviation of the edges' charge, C, shape (n,)."""
    gain_offset_correlation: Array
    """Correlation of the two at each level, shape (n,)."""
    correlation: Array
    """Correlation of the gain between levels, shape (n, n)."""
    samples: int
    """Number of cells."""


class Mismatch(Value):
    """Variation between the circuits of one chip; a part that is None does not vary."""

    cell: RandomCurve | None = None
    """Charge of a full-width pulse against stored voltage (V), in the hardware's charge unit."""
    write: RandomCurve | None = None
    """Stored voltage against the voltage to write, V."""
    phi: ConverterVariation | None = None
    """First (ReLU) converter."""
    readout: ConverterVariation | None = None
    """Second (signed) converter."""
    cell_statistics: CellStatistics | None = None
    """What the Monte Carlo of the cell showed."""

    @property
    def fit_errors(self) -> dict[str, FitError]:
        """Error of each part on points that its fit has not seen, by what it describes."""
        parts = {
            "cell mismatch": self.cell,
            "write mismatch": self.write,
            "ReLU converter mismatch": self.phi,
            "signed converter mismatch": self.readout,
        }
        return {name: part.errors for name, part in parts.items() if part is not None and part.errors}
