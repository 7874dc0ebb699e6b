import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gaincell.models import (
    ColumnModel,
    ConverterCurve,
    Exponential,
    Polynomial,
    Retention,
    Spline,
    exponential_aging,
    fit_spline,
)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8), st.floats(-1, 1))
def test_polynomial_equals_numpy(coefficients, center):
    x = np.linspace(-1, 1, 17)
    expected = np.polynomial.polynomial.polyval(x - center, coefficients)
    result = Polynomial(coefficients=coefficients, center=center)(x)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-9)


def test_spline_equals_scipy_and_extrapolates_linearly():
    x = np.linspace(0, 1, 9)
    spline = fit_spline(x, x**3 - x, held_out=np.arange(9) == 4)
    inside = np.linspace(0, 1, 50)
    np.testing.assert_allclose(spline(inside).numpy(), inside**3 - inside, atol=1e-12)
    # The slope is 2 at 1 and -1 at 0.
    np.testing.assert_allclose(spline([1.5, -0.5]).numpy(), [1.0, 0.5], atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_curves_return_the_shape_and_dtype_of_their_argument(dtype):
    x = torch.rand(2, 3, 4, dtype=dtype)
    grid = np.linspace(0, 1, 9)
    for curve in (Polynomial(coefficients=[1, 2, 3]), fit_spline(grid, grid), Exponential(rate=2.0)):
        assert curve(x).shape == x.shape
        assert curve(x).dtype == dtype


def test_copy_with_other_coefficients_evaluates_them():
    grid = np.linspace(0, 1, 9)
    spline = fit_spline(grid, np.sin(3 * grid))
    doubled = spline.model_copy(update={"coefficients": 2 * spline.coefficients})
    torch.testing.assert_close(doubled(grid + 0.05), 2 * spline(grid + 0.05))
    assert doubled.errors == spline.errors
    with pytest.raises(ValidationError, match=r"need shape"):
        spline.model_copy(update={"coefficients": spline.coefficients[:3]})


def test_derivatives_are_exact():
    x = torch.linspace(-0.3, 1.3, 23, dtype=torch.float64, requires_grad=True)
    grid = np.linspace(0, 1, 9)
    spline = fit_spline(grid, np.sin(3 * grid))
    for curve in (Polynomial(coefficients=[1, 2, 3, 4], center=0.4), spline, Exponential(rate=2.0)):
        assert torch.autograd.gradcheck(curve, (x,))
    column = ColumnModel(
        loading=spline, coefficients=[[0, -0.4], [0.1, 0]], q_scale=2.0, box={"a": (-1, 1), "u": (0, 1)}
    )
    load = torch.rand(23, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(column, (x, load))


def test_outside_counts_evaluations_beyond_the_box():
    curve = Polynomial(coefficients=[0, 1], box={"v": (0.0, 0.9)})
    assert curve.outside(torch.tensor([-0.1, 0.0, 0.5, 0.9, 1.0, 2.0])) == 3
    assert Polynomial(coefficients=[0, 1]).outside(torch.tensor([-1e9, 1e9])) == 0
    column = ColumnModel(loading=curve, coefficients=[[0]], q_scale=10.0, box={"a": (-1, 1), "u": (0, 2)})
    assert column.outside(torch.tensor([5.0, 20.0, 5.0, 20.0]), torch.tensor([1.0, 1.0, 3.0, 3.0])) == 3


def test_column_arguments_are_clipped_to_the_box():
    column = ColumnModel(
        loading=Polynomial(coefficients=[0]),
        coefficients=[[0, -0.5], [0, 0]],
        q_scale=1.0,
        box={"a": (-1, 1), "u": (0, 1)},
    )
    assert column(2.0, 5.0).item() == pytest.approx(2.0 * (1 - 0.5))


def test_converter_saturates():
    line = Spline(knots=[0.0, 2.0], coefficients=[[0.0, 0.5, 0.0, 0.0]])
    assert ConverterCurve(curve=line)([-1.0, 1.0, 9.0]).tolist() == [0.0, 0.5, 1.0]
    assert ConverterCurve(curve=line, signed=True)([-9.0, -1.0, 9.0]).tolist() == [-1.0, -0.5, 1.0]


def test_exponential_aging_equals_the_cell_at_the_decayed_voltage():
    cell = Polynomial(coefficients=[0.5, 13.6, -2.6, 46.0], center=0.45)
    aged = exponential_aging(cell, rate=0.01)
    v, age = np.linspace(0, 0.9, 8)[:, None], np.arange(0, 900, 100)[None, :]
    decayed = 0.45 + (v - 0.45) * np.exp(-0.01 * age)
    np.testing.assert_allclose(aged(v, age).numpy(), cell(decayed).numpy(), rtol=1e-12)


def test_retention_interpolates_and_finds_the_retention_time():
    # Every voltage falls by 1 V/s, so half of the 0.3 V step between four levels takes 0.15 s.
    table = Retention(voltages=[0.0, 0.9], ages=[0.0, 1.0], drift=[[0.0, -1.0], [0.0, -1.0]])
    assert table(0.6, 0.25).item() == pytest.approx(0.35)
    np.testing.assert_allclose(table.retention_time(4, 0.0, 0.9), 0.15)
    still = Retention(voltages=[0.0, 0.9], ages=[0.0, 1.0], drift=np.zeros((2, 2)))
    assert np.all(np.isinf(still.retention_time(4, 0.0, 0.9)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Spline(knots=[0, 0], coefficients=[[0] * 4]), "strictly increasing"),
        (lambda: Spline(knots=[0, 1], coefficients=[[0] * 3]), r"\(1, 4\)"),
        (lambda: Polynomial(coefficients=[]), "coefficients"),
        (lambda: Polynomial(coefficients=[1], box={"v": (1, 0)}), "box of v"),
        (lambda: Polynomial(coefficients=[1], degree=1), "degree"),
        (
            lambda: ColumnModel(loading=Exponential(rate=1), coefficients=[[1]], q_scale=1),
            "arguments a and u",
        ),
    ],
)
def test_invalid_parameters_are_refused(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


def test_single_precision_suffices_for_charges_in_coulombs():
    charge = np.linspace(-4e-13, 4e-13, 81)
    curve = fit_spline(charge, np.tanh(charge / 2e-13))
    x = torch.linspace(-5e-13, 5e-13, 301, requires_grad=True)
    value = curve(x)
    torch.testing.assert_close(value.double(), curve(x.detach().double()), rtol=0, atol=1e-5)
    (slope,) = torch.autograd.grad(value.sum(), x)
    inside = x.detach().abs() < 3.9e-13
    expected = (1 - torch.tanh(x.detach() / 2e-13) ** 2) / 2e-13
    torch.testing.assert_close(slope[inside] * 2e-13, expected[inside] * 2e-13, rtol=0, atol=2e-2)
