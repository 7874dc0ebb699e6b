"""Fits of curves to simulated points: numpy arrays in, a surrogate with its error on held-out points out.

Arguments that the functions share: `held_out` is a boolean mask over the points; the fit leaves out the
points where it is True, and their error is measured. None holds out every fourth point between the outermost
two. `scale` is the value that counts as 1 in the stated errors (None: the largest |y|), and `unit` is its
name.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator, PPoly, make_lsq_spline
from scipy.optimize import isotonic_regression

from ..array import ConverterCurve
from ..curves import Polynomial, Spline, spline_from_pieces
from ..values import FitError

Fitted = TypeVar("Fitted", Polynomial, Spline, ConverterCurve)


def measure_error(predicted: np.ndarray, true: np.ndarray, scale: float, unit: str) -> FitError:
    """Rms and largest magnitude of (predicted - true) / scale.

    Args:
        predicted: values of the surrogate, shape (n,).
        true: simulated values, shape (n,).
        scale: value that counts as 1, in the unit of both.
        unit: name of the scale.

    Raises:
        ValueError: there are no points.
    """
    if len(true) == 0:
        raise ValueError("held_out: at least one point must be held out of the fit to measure its error")
    error = (np.asarray(predicted) - true) / scale
    return FitError(
        rms=float(np.sqrt(np.mean(error**2))),
        worst=float(np.max(np.abs(error))),
        unit=unit,
        held_out_points=len(true),
    )


def held_out_mask(x: np.ndarray, held_out: np.ndarray | None) -> np.ndarray:
    """The given mask, or every fourth point in the order of x without the outermost two.

    Args:
        x: arguments of the points, shape (n,).
        held_out: mask, shape (n,), or None.

    Returns:
        Booleans, shape (n,).

    Raises:
        ValueError: the mask has another shape than `x`.
    """
    if held_out is not None:
        mask = np.asarray(held_out, dtype=bool)
        if mask.shape != np.shape(x):
            raise ValueError(f"held_out: need a mask of shape {np.shape(x)}, got {mask.shape}")
        return mask
    mask = np.zeros(len(x), dtype=bool)
    mask[np.argsort(x, kind="stable")[2:-1:4]] = True
    return mask


def fit_polynomial(
    x: np.ndarray,
    y: np.ndarray,
    order: int,
    held_out: np.ndarray | None = None,
    *,
    center: float = 0.0,
    scale: float | None = None,
    unit: str = "of peak",
) -> Polynomial:
    """Least-squares polynomial sum_i c_i (x - center)^i, i <= order.

    Args:
        x: arguments, shape (n,).
        y: simulated values, shape (n,).
        order: highest power.
        held_out: mask of the points that the fit leaves out, shape (n,).
        center: expansion point, unit of x.
        scale: value of y that counts as 1 in the errors.
        unit: name of the scale.

    Raises:
        ValueError: too few distinct points for the order, or a mask of the wrong shape.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    out = held_out_mask(x, held_out)
    if np.unique(x[~out]).size <= order:
        raise ValueError(
            f"order={order} needs more than {order} distinct points, got {np.unique(x[~out]).size}"
        )
    series = np.polynomial.Polynomial.fit(x[~out] - center, y[~out], order).convert()
    coefficients = np.pad(series.coef, (0, order + 1 - len(series.coef)))
    curve = Polynomial(coefficients=coefficients, center=center, box={"x": _span(x)})
    return _with_error(curve, x, y, out, scale, unit)


def fit_spline(
    x: np.ndarray,
    y: np.ndarray,
    held_out: np.ndarray | None = None,
    *,
    knots: int | np.ndarray | None = None,
    scale: float | None = None,
    unit: str = "of peak",
) -> Spline:
    """Cubic spline through the fitted points, or with given knots in the least-squares sense.

    Points with the same x are averaged.

    Args:
        x: arguments, shape (n,).
        y: simulated values, shape (n,).
        held_out: mask of the points that the fit leaves out, shape (n,).
        knots: number of equally spaced knots, or their positions; None for a spline through all points.
        scale: value of y that counts as 1 in the errors.
        unit: name of the scale.

    Raises:
        ValueError: a mask of the wrong shape, or one that holds out no point.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    out = held_out_mask(x, held_out)
    sites, values, counts = average_repeats(x[~out], y[~out])
    if knots is None:
        pieces = CubicSpline(sites, values)
    else:
        grid = np.linspace(sites[0], sites[-1], knots) if isinstance(knots, int) else np.asarray(knots, float)
        padded = np.concatenate([[grid[0]] * 3, grid, [grid[-1]] * 3])
        pieces = PPoly.from_spline(make_lsq_spline(sites, values, padded, k=3, w=np.sqrt(counts)))
    return _with_error(spline_from_pieces(pieces, {"x": _span(x)}), x, y, out, scale, unit)


def fit_converter_curve(
    charge: np.ndarray,
    width: np.ndarray,
    held_out: np.ndarray | None = None,
    *,
    signed: bool = False,
    plateau: float = 0.005,
) -> ConverterCurve:
    """Monotone transfer curve of a charge-to-pulse converter.

    Isotonic regression removes numerical ripple, and a monotone cubic (PCHIP) joins the points of the sloping
    part. A plateau is two or more points within `plateau` of the lowest or highest width. A corner is set
    where the sloping part, continued with its end slope, meets a plateau, so a corner between two points is
    found. Errors are fractions of T_max.

    Args:
        charge: charge, C, shape (n,).
        width: pulse width, fraction of T_max, shape (n,).
        held_out: mask of the points that the fit leaves out, shape (n,).
        signed: whether negative charge gives negative widths.
        plateau: largest distance from the lowest or highest width on a plateau, fraction of T_max.

    Raises:
        ValueError: fewer than two fitted points lie between the plateaus, or a mask of the wrong shape.
    """
    x, y = np.asarray(charge, float), np.asarray(width, float)
    out = held_out_mask(x, held_out)
    sites, values, counts = average_repeats(x[~out], y[~out])
    rising = isotonic_regression(values, weights=counts).x
    low, high = rising <= rising[0] + plateau, rising >= rising[-1] - plateau
    sloping = ~((low & (low.sum() > 1)) | (high & (high.sum() > 1)))
    if sloping.sum() < 2:
        raise ValueError(
            "charge: fewer than two fitted points lie between the plateaus; sample the slope more finely"
        )
    slope = spline_from_pieces(PchipInterpolator(sites[sloping], rising[sloping]), {})
    curve = _with_corners(slope, sites[[0, -1]], rising[[0, -1]]).model_copy(
        update={"box": {"charge": _span(x)}}
    )
    converter = ConverterCurve(curve=curve, signed=signed, box={"charge": _span(x)})
    return _with_error(converter, x, y, out, 1.0, "of T_max")


def _with_corners(slope: Spline, ends: np.ndarray, plateaus: np.ndarray) -> Spline:
    """The sloping part, continued as straight lines to the two plateaus, which reach to the ends."""
    knots, pieces = [slope.knots], [slope.coefficients]
    first, last = slope.knots[0], slope.knots[-1]
    if ends[0] < first:
        offset, rise = slope.coefficients[0, :2]
        corner = _between(ends[0], first - (offset - plateaus[0]) / rise if rise > 0 else first, first)
        knots.insert(0, np.array([ends[0], corner]))
        pieces.insert(0, np.array([[plateaus[0], 0, 0, 0], _line(corner, plateaus[0], first, offset)]))
    if ends[1] > last:
        step = last - slope.knots[-2]
        level = float(np.polynomial.polynomial.polyval(step, slope.coefficients[-1]))
        rise = float(np.polynomial.polynomial.polyval(step, slope.coefficients[-1, 1:] * [1, 2, 3]))
        corner = _between(last, last + (plateaus[1] - level) / rise if rise > 0 else last, ends[1])
        knots.append(np.array([corner, ends[1]]))
        pieces.append(np.array([_line(last, level, corner, plateaus[1]), [plateaus[1], 0, 0, 0]]))
    return Spline(knots=np.concatenate(knots), coefficients=np.concatenate(pieces))


def _between(low: float, x: float, high: float) -> float:
    """x clipped to the inside of (low, high), bounds excluded."""
    margin = 1e-9 * (high - low)
    return float(np.clip(x, low + margin, high - margin))


def _line(x0: float, y0: float, x1: float, y1: float) -> list[float]:
    return [y0, (y1 - y0) / (x1 - x0), 0.0, 0.0]


def average_repeats(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of y over the points with the same x.

    Args:
        x: arguments, shape (n,).
        y: values, shape (n,).

    Returns:
        Distinct x in increasing order, the mean y of each, and its number of points, each of shape (m,).
    """
    sites, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return sites, np.bincount(inverse, weights=y) / counts, counts.astype(float)


def _span(x: np.ndarray) -> tuple[float, float]:
    return float(np.min(x)), float(np.max(x))


def _with_error(
    surrogate: Fitted, x: np.ndarray, y: np.ndarray, out: np.ndarray, scale: float | None, unit: str
) -> Fitted:
    peak = float(np.max(np.abs(y))) if scale is None else scale
    errors = measure_error(surrogate(x[out]).numpy(), y[out], peak, unit)
    return surrogate.model_copy(update={"errors": errors})
