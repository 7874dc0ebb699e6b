"""Every fit recovers an oracle in closed form."""

import numpy as np
import pytest

from gaincell.models import (
    Polynomial,
    Spline,
    fit_column_model,
    fit_converter_curve,
    fit_polynomial,
    fit_retention,
    fit_separable_aging,
    fit_spline,
)

VOLTS = np.linspace(0, 0.9, 61)
CUBIC = Polynomial(coefficients=[0.5, 13.6, -2.6, 46.0], center=0.45, box={"v": (0.0, 0.9)})


def test_polynomial_is_recovered():
    fit = fit_polynomial(VOLTS, CUBIC(VOLTS).numpy(), 3, center=0.45)
    np.testing.assert_allclose(fit.coefficients, CUBIC.coefficients, rtol=1e-9)
    assert fit.errors.worst < 1e-12
    assert fit.errors.held_out_points == 15
    assert fit.box == {"x": (0.0, 0.9)}


def test_polynomial_of_charge_in_coulombs_is_recovered():
    fit = fit_polynomial(VOLTS, 1e-15 * CUBIC(VOLTS).numpy(), 5, center=0.45)
    np.testing.assert_allclose(fit.coefficients, [0.5e-15, 13.6e-15, -2.6e-15, 46e-15, 0, 0], atol=1e-23)


def test_error_is_measured_on_held_out_points():
    y = CUBIC(VOLTS).numpy()
    held_out = np.arange(61) % 5 == 2
    spoilt = np.where(held_out, y + 1.0, y)
    fit = fit_polynomial(VOLTS, spoilt, 3, held_out, center=0.45, scale=2.0, unit="of two")
    np.testing.assert_allclose(fit.coefficients, CUBIC.coefficients, rtol=1e-9)
    assert fit.errors.rms == pytest.approx(0.5)
    assert fit.errors.unit == "of two"
    assert fit.errors.held_out_points == held_out.sum()


def test_polynomial_of_too_low_an_order_has_a_large_error():
    fit = fit_polynomial(VOLTS, CUBIC(VOLTS).numpy(), 1, center=0.45)
    assert 0.02 < fit.errors.rms < 0.2


@pytest.mark.parametrize("knots", [None, 16, np.linspace(0, 0.9, 16)])
def test_spline_follows_a_smooth_curve(knots):
    fit = fit_spline(VOLTS, np.tanh(4 * (VOLTS - 0.45)), knots=knots)
    assert fit.errors.rms < 1e-4
    assert isinstance(fit, Spline)
    if knots is not None:
        assert len(fit.knots) == 16


def test_spline_averages_repeated_points():
    x, y = np.repeat(VOLTS, 2), np.repeat(VOLTS**2, 2) + np.tile([1.0, -1.0], 61)
    fit = fit_spline(x, y, held_out=np.zeros(122, bool) | (np.arange(122) // 2 == 30))
    assert fit(0.3).item() == pytest.approx(0.09, abs=1e-6)


def converter(charge, signed):
    """Gain 1 / 335 fC, offset 0.03, an odd cubic nonlinearity of 0.5 % of full scale, clips."""
    s = charge / 335e-15
    return np.clip(s + 0.03 + 0.005 * (s - s**3), -1.0 if signed else 0.0, 1.0)


@pytest.mark.parametrize("signed", [False, True])
def test_converter_with_known_nonlinearity_is_recovered(signed):
    charge = np.linspace(-500e-15 if signed else -100e-15, 500e-15, 97)
    fit = fit_converter_curve(charge, converter(charge, signed), signed=signed)
    # Other points than the fitted ones, close enough to include the corners
    dense = np.linspace(charge[0], charge[-1], 2011)
    error = fit(dense).numpy() - converter(dense, signed)
    assert np.max(np.abs(error)) < 5e-4
    assert fit.errors.rms < 1e-4
    assert fit.errors.unit == "of T_max"
    assert np.all(np.diff(fit(dense).numpy()) >= -1e-12)


def test_converter_fitted_to_noisy_points_is_monotone():
    rng = np.random.default_rng(1)
    charge = np.linspace(-1, 2, 200)
    fit = fit_converter_curve(charge, np.clip(charge, 0, 1) + rng.normal(0, 0.003, 200))
    assert np.all(np.diff(fit(np.linspace(-1, 2, 3001)).numpy()) >= -1e-12)
    assert fit.errors.rms < 0.006


def rc_columns(count, seed):
    """Columns of 64 cells, each pulsed fully or not at all: an RC circuit, Q = A (1 - exp(-U)) / U."""
    rng = np.random.default_rng(seed)
    volts = rng.uniform(0, 0.9, (count, 64))
    on = rng.random((count, 64)) < rng.uniform(0.2, 1, (count, 1))
    loading = Polynomial(coefficients=[0.004, 0.003], box={"v": (0.0, 0.9)})
    charge_sum = (on * 1e-15 * CUBIC(volts).numpy()).sum(1)
    load_sum = (on * loading(volts).numpy()).sum(1)
    return charge_sum, load_sum, charge_sum * -np.expm1(-load_sum) / load_sum, loading


def test_column_compression_of_an_rc_line_is_recovered():
    a, u, q, loading = rc_columns(600, seed=0)
    fit = fit_column_model(a, u, q, loading=loading, order=2)
    plain_sum = np.sqrt(np.mean((a - q) ** 2)) / np.max(np.abs(q))
    assert fit.errors.rms < 1e-4
    assert plain_sum > 0.02
    assert fit.errors.held_out_points == 150
    new_a, new_u, new_q, _ = rc_columns(200, seed=9)
    assert np.sqrt(np.mean((fit(new_a, new_u).numpy() - new_q) ** 2)) / np.max(np.abs(q)) < 2e-4


def exponential_retention(v0, age):
    return 0.45 + (np.asarray(v0) - 0.45) * np.exp(-200.0 * np.asarray(age))


def test_exponential_retention_is_recovered():
    voltage, age = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 0.9, 19), np.linspace(0, 5e-3, 61)))
    fit = fit_retention(voltage, age, exponential_retention(voltage, age))
    assert fit.errors.worst < 1e-3
    assert fit.errors.unit == "V"
    assert fit(0.8, 2.345e-3).item() == pytest.approx(float(exponential_retention(0.8, 2.345e-3)), abs=2e-4)


def test_incomplete_retention_grid_is_refused():
    with pytest.raises(ValueError, match="every pair"):
        fit_retention(np.array([0.0, 0.0, 0.9]), np.array([0.0, 1.0, 0.0]), np.zeros(3))


def test_separable_aging_recovers_exponential_decay_of_a_cubic():
    ages = np.linspace(0, 5e-3, 41)
    fit = fit_separable_aging(CUBIC, exponential_retention, ages, tolerance=1e-9)
    # Three decaying powers of a cubic, and the fresh curve
    assert len(fit.terms) == 4
    assert fit.errors.worst < 1e-5
    np.testing.assert_allclose(fit(VOLTS, 0.0).numpy(), CUBIC(VOLTS).numpy(), atol=1e-12)
    v, age = VOLTS[:, None], np.array([[1.234e-3, 4.321e-3]])
    expected = CUBIC(exponential_retention(v, age)).numpy()
    np.testing.assert_allclose(fit(v, age).numpy(), expected, atol=2e-4)


def test_larger_tolerance_gives_fewer_aging_terms():
    ages = np.linspace(0, 5e-3, 41)
    coarse = fit_separable_aging(CUBIC, exponential_retention, ages, tolerance=0.2)
    assert len(coarse.terms) < 4
    assert coarse.errors.rms < 0.05
