"""Surrogates of mismatch: deviations of the cells, writes and converters of one chip."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from torch import Tensor

from .curves import Spline, combine_curves
from .surrogate import Surrogate, as_tensor
from .values import DigestValue, FitError, FloatArray, Value


class RandomCurve(Surrogate):
    """Deviation of one circuit from the nominal curve, jointly normal over the whole argument range.

    Truncated Karhunen-Loeve series d_i(x) = mu(x) + sum_r z_ir phi_r(x), with independent standard normal
    scores z_ir of circuit i. The modes phi_r define the standard deviation at every x and the correlation
    between any two x.
    """

    modes: tuple[Spline, ...] = Field(min_length=1)
    """Modes phi_r, in the unit of the curve."""
    mean: Spline | None = None
    """Mean deviation mu, in the unit of the curve: a current is not linear in the deviations. None for 0."""

    @property
    def rank(self) -> int:
        """Number of modes, equal to the number of scores per circuit."""
        return len(self.modes)

    def __call__(self, x: Any, scores: Any) -> Tensor:
        """Deviation d(x).

        Args:
            x: arguments, any shape.
            scores: scores, dimensionless, shape (rank, ...), each entry broadcastable with `x`.

        Returns:
            Deviation, in the unit of the curve, in the broadcast shape.
        """
        x = as_tensor(x)
        mean = torch.zeros_like(x) if self.mean is None else self.mean(x)
        return sum((z * mode(x) for z, mode in zip(as_tensor(scores).to(x), self.modes, strict=True)), mean)

    def scaled(self, scale: float, stretch: float) -> RandomCurve:
        """The same deviation in other units; without the error of the fit.

        Args:
            scale: factor of the deviation, dimensionless.
            stretch: factor of the argument, dimensionless.
        """
        modes = tuple(combine_curves([mode], [scale], [stretch]) for mode in self.modes)
        mean = None if self.mean is None else combine_curves([self.mean], [scale], [stretch])
        return RandomCurve(modes=modes, mean=mean)

    def covariance(self, x: np.ndarray) -> np.ndarray:
        """Covariance of the deviation between points.

        Args:
            x: arguments, shape (n,).

        Returns:
            Covariance, in the unit of the curve squared, shape (n, n).
        """
        curves = torch.stack([mode(x) for mode in self.modes]).numpy()
        return curves.T @ curves


class RailPattern(Value):
    """Systematic offset and gain of the converters of a bank, by their place on its supply and ground rails.

    Every converter of the bank converts at once, which is the largest drop.
    """

    values: FloatArray
    """Offsets (C) and gains (dimensionless) in the order of `ConverterVariation.mean`, shape (places, n)."""
    errors: FitError | None = None
    """Error on held-out charges."""

    def at(self, places: np.ndarray) -> np.ndarray:
        """Offsets and gains at places of a bank.

        Args:
            places: indices of converters, shape (m,); those beyond the last place count as the last.

        Returns:
            Offsets (C) and gains (dimensionless), shape (m, n).
        """
        return self.values[np.minimum(places, len(self.values) - 1)]


class ConverterVariation(Surrogate):
    """Offset and gain of a converter, jointly normal: a charge q is converted as (q - offset) (1 + gain).

    The signed converter has an offset and a gain for each polarity, because each polarity has its own ramp.
    """

    mean: FloatArray
    """Mean (offset, gain), or (offset, gain) of positive and then of negative charge; C and dimensionless,
    shape (n,)."""
    factor: FloatArray
    """Lower triangular factor, shape (n, n): deviations are factor @ z with standard normal z."""
    bank: FloatArray | None = None
    """Lower triangular factor, shape (n / 2, n / 2), of the gain by polarity that all converters of a bank
    share, as they share the bias of their ramps; None if not described."""
    rail: RailPattern | None = None
    """What the drop along the rails adds to the offset and gain of every chip; None if not described."""

    @model_validator(mode="after")
    def _shapes_match(self) -> ConverterVariation:
        count = self.mean.size
        if self.mean.ndim != 1 or count not in (2, 4) or self.factor.shape != (count, count):
            raise ValueError(
                f"mean and factor: need shapes (2,) and (2, 2), or (4,) and (4, 4), got {self.mean.shape} "
                f"and {self.factor.shape}"
            )
        if self.bank is not None and self.bank.shape != (count // 2, count // 2):
            raise ValueError(f"bank: need shape {(count // 2, count // 2)}, got {self.bank.shape}")
        if self.rail is not None and (self.rail.values.ndim != 2 or self.rail.values.shape[1] != count):
            raise ValueError(f"rail: need shape (places, {count}), got {self.rail.values.shape}")
        return self

    @model_serializer(mode="wrap")
    def _without_absent_rail(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a rail the digest is that of hardware saved before rails were described."""
        found = serialise(self)
        if self.rail is None:
            del found["rail"]
        return found

    def scaled(self, scale: float) -> ConverterVariation:
        """The same variation of converters with another full scale; gains are relative and stay.

        Args:
            scale: other full scale / this one, dimensionless.
        """
        units = np.tile([scale, 1.0], len(self.mean) // 2)
        update: dict[str, Any] = {"mean": self.mean * units, "factor": self.factor * units[:, None]}
        if self.rail is not None:
            update["rail"] = RailPattern(values=self.rail.values * units)
        return self.model_copy(update=update)

    @property
    def signed(self) -> bool:
        """Whether each polarity has its own offset and gain."""
        return len(self.mean) == 4

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of the parameters, in the order and units of `mean`, shape (n,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the parameters, in the order of `mean`, shape (n, n)."""
        return self.factor @ self.factor.T

    def parameters(
        self, normals: np.ndarray, bank: np.ndarray | None = None, places: np.ndarray | None = None
    ) -> np.ndarray:
        """Offsets and gains of converters.

        Args:
            normals: standard normal numbers of the converters, shape (..., m, n).
            bank: standard normal numbers of their banks, shape (..., m or 1, n / 2); None for a nominal bias.
            places: places of the converters in their banks, shape (m,); None: rails without drop.

        Returns:
            Offsets (C) and gains (dimensionless) in the order of `mean`, shape (..., m, n).
        """
        values = self.mean + normals @ self.factor.T
        if bank is not None and self.bank is not None:
            values[..., 1::2] += bank @ self.bank.T
        if places is not None and self.rail is not None:
            values = values + self.rail.at(places)
        return values

    def __call__(self, charge: Any, parameters: Any) -> Tensor:
        """Charge for which the nominal converter gives the same pulse.

        Args:
            charge: charge on the node, C, any shape.
            parameters: offsets and gains, shape (..., n), broadcastable with `charge` in all but the last
                dimension.

        Returns:
            Charge, C, in the broadcast shape.
        """
        charge = as_tensor(charge)
        parts = as_tensor(parameters).to(charge).unbind(-1)
        positive = (charge - parts[0]) * (1 + parts[1])
        if not self.signed:
            return positive
        return torch.where(charge > 0, positive, (charge - parts[2]) * (1 + parts[3]))


class CellStatistics(Value):
    """Moments of the cell's Monte Carlo samples at the levels of the write DAC.

    The charge of a read is a straight line over the pulse width. Its slope is the gain, the charge of the
    edges is the offset.
    """

    levels: FloatArray
    """Stored voltages, V, shape (n,)."""
    gain_std: FloatArray
    """Standard deviation of the charge of a full-width pulse without its edges, C, shape (n,)."""
    offset_std: FloatArray
    """Standard deviation of the edges' charge, C, shape (n,)."""
    gain_offset_correlation: FloatArray
    """Correlation of gain and offset at each level, shape (n,)."""
    correlation: FloatArray
    """Correlation of the gain between levels, shape (n, n)."""
    samples: int
    """Number of cells."""


class Mismatch(DigestValue):
    """Variation between the circuits of one chip. A part that is None does not vary."""

    cell: RandomCurve | None = None
    """Deviation of the charge of a full-width pulse, in the hardware's charge unit, against stored voltage
    (V)."""
    write: RandomCurve | None = None
    """Deviation of the stored voltage, V, against the voltage to write (V)."""
    phi: ConverterVariation | None = None
    """Offset and gain of the first (ReLU) converters."""
    readout: ConverterVariation | None = None
    """Offset and gain of the second (signed) converters."""
    cell_statistics: CellStatistics | None = None
    """Moments of the Monte Carlo samples that `cell` was fitted to."""

    def scaled(self, *, cell: float, volts: float, phi: float, readout: float) -> Mismatch:
        """The same variation in other charges and voltages; without the moments of the samples.

        Args:
            cell: factor of the cells' charges.
            volts: factor of voltages.
            phi: factor of the first converters' full scale.
            readout: factor of the second converters' full scale.
        """
        return Mismatch(
            cell=None if self.cell is None else self.cell.scaled(cell, volts),
            write=None if self.write is None else self.write.scaled(volts, volts),
            phi=None if self.phi is None else self.phi.scaled(phi),
            readout=None if self.readout is None else self.readout.scaled(readout),
        )

    @property
    def fit_errors(self) -> dict[str, FitError]:
        """Field name -> error of that part on points that its fit has not seen."""
        parts: dict[str, Any] = {"cell": self.cell, "write": self.write}
        parts |= {"phi": self.phi, "readout": self.readout}
        parts |= {f"{name} rail": parts[name] and parts[name].rail for name in ("phi", "readout")}
        return {name: part.errors for name, part in parts.items() if part is not None and part.errors}
