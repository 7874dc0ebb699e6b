"""Fits of the surrogates of two arguments: bit-line column, retention, cell with aging."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..aging import Retention, SeparableAging, aging_voltages, separable_aging
from ..array import ColumnModel
from ..curves import Polynomial, Spline
from .curves import held_out_mask, measure_error


def fit_column_model(
    charge_sum: np.ndarray,
    load_sum: np.ndarray,
    charge: np.ndarray,
    held_out: np.ndarray | None = None,
    *,
    loading: Polynomial | Spline,
    order: int = 2,
    scale: float | None = None,
    unit: str = "of peak",
) -> ColumnModel:
    """Fit Q = A (1 + sum_ij c_ij a^i u^j), i + j <= order, by linear least squares on simulated columns.

    There is no constant term besides c_00, so an unloaded column may have a gain error.

    Args:
        charge_sum: A = sum w f(v) of each column, C, shape (n,).
        load_sum: U = sum w g(v) of each column, dimensionless, shape (n,).
        charge: simulated Q of each column, C, shape (n,).
        held_out: mask of the columns that the fit leaves out, shape (n,); None for every fourth (see
            `curves`).
        loading: g, the loading by one cell against stored voltage (V).
        order: highest i + j.
        scale: charge that counts as 1 in the errors, C; None for the largest |Q|.
        unit: name of that scale.

    Returns:
        The model with its error on the held-out columns.

    Raises:
        ValueError: fewer fitted columns than coefficients, or a mask of the wrong shape.
    """
    a_sum, u, q = (np.asarray(values, float) for values in (charge_sum, load_sum, charge))
    out = held_out_mask(a_sum, held_out)
    q_scale = float(np.max(np.abs(a_sum)))
    a = a_sum / q_scale
    powers = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
    design = np.stack([a_sum / q_scale * a**i * u**j for i, j in powers], axis=1)
    if (~out).sum() < len(powers):
        raise ValueError(
            f"order={order} has {len(powers)} coefficients, only {(~out).sum()} columns are fitted"
        )
    solution = np.linalg.lstsq(design[~out], ((q - a_sum) / q_scale)[~out], rcond=None)[0]
    coefficients = np.zeros((order + 1, order + 1))
    for (i, j), value in zip(powers, solution, strict=True):
        coefficients[i, j] = value
    box = {"a": (float(a.min()), float(a.max())), "u": (float(u.min()), float(u.max()))}
    model = ColumnModel(loading=loading, coefficients=coefficients, q_scale=q_scale, box=box)
    peak = float(np.max(np.abs(q))) if scale is None else scale
    errors = measure_error(model(a_sum[out], u[out]).numpy(), q[out], peak, unit)
    return model.model_copy(update={"errors": errors})


def fit_retention(voltage: np.ndarray, age: np.ndarray, stored: np.ndarray) -> Retention:
    """Retention from a full grid of voltages and ages, given as tidy columns in any order.

    The errors (V) are those of a table with every second age, at the ages between. The returned table has all
    ages.

    Args:
        voltage: stored voltage at age 0, V, shape (n,).
        age: age, s, shape (n,).
        stored: stored voltage at that age, V, shape (n,).

    Raises:
        ValueError: a pair of voltage and age is missing or repeated.
    """
    voltages, ages = np.unique(voltage), np.unique(age)
    if len(voltages) * len(ages) != len(np.asarray(stored)):
        raise ValueError(
            f"need every pair of {len(voltages)} voltages and {len(ages)} ages once, got {len(stored)} rows"
        )
    order = np.lexsort((age, voltage))
    grid = np.asarray(stored, float)[order].reshape(len(voltages), len(ages))
    drift = grid - voltages[:, None]
    box = {"v0": (voltages[0], voltages[-1]), "age": (ages[0], ages[-1])}
    used = np.union1d(np.arange(0, len(ages), 2), [len(ages) - 1])
    coarse = Retention(voltages=voltages, ages=ages[used], drift=drift[:, used])
    unseen = np.setdiff1d(np.arange(len(ages)), used)
    predicted = coarse(voltages[:, None], ages[None, unseen]).numpy()
    errors = measure_error(predicted.ravel(), grid[:, unseen].ravel(), 1.0, "V")
    return Retention(voltages=voltages, ages=ages, drift=drift, box=box, errors=errors)


def fit_separable_aging(
    curve: Polynomial | Spline,
    retention: Callable[[np.ndarray, np.ndarray], object],
    ages: np.ndarray,
    *,
    voltages: np.ndarray | None = None,
    tolerance: float = 1e-4,
) -> SeparableAging:
    """f(v, age) = curve(retention(v, age)) as the fresh curve plus a few separable terms (truncated SVD).

    At age 0 the result is the fresh curve itself. Errors (of peak) are measured half-way between the grid
    points, in voltage and in age.

    Args:
        curve: fresh cell curve: stored voltage (V) -> charge.
        retention: voltage at age 0 (V, shape (n, 1)) and age (s, shape (1, m)) -> stored voltage (V, (n, m)).
        ages: grid of ages, s, increasing, shape (m,).
        voltages: grid of voltages at age 0, V, shape (n,); None for 65 points over the curve's box.
        tolerance: largest singular value that is left out, as a fraction of the fresh curve's peak.
    """
    model = separable_aging(curve, retention, ages, voltages=voltages, tolerance=tolerance)
    ages = np.asarray(ages, float)
    v = aging_voltages(curve) if voltages is None else np.asarray(voltages, float)
    between_v, between_ages = (v[1:] + v[:-1]) / 2, (ages[1:] + ages[:-1]) / 2
    true = curve(np.asarray(retention(between_v[:, None], between_ages[None, :]))).numpy()
    predicted = model(between_v[:, None], between_ages[None, :]).numpy()
    peak = float(np.max(np.abs(curve(v).numpy())))
    errors = measure_error(predicted.ravel(), true.ravel(), peak, "of peak")
    return model.model_copy(update={"errors": errors})
