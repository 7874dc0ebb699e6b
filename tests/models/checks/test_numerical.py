"""Numerical error of the simulator in the report, in the unit of each surrogate's own error."""

import pandas as pd
import pytest

from gaincell.models.checks.numerical import (
    CELL_CHARGE,
    CHAIN_WIDTH,
    COLUMN_WIDTH,
    CONVERTER_WIDTH,
    FITTED_COLUMNS,
    WRITTEN_VOLTAGE,
    SurrogateError,
    numerical_error,
    with_numerical,
)

T_MAX = 15e-9


def error(unit, measured):
    return SurrogateError(rms=0.1, worst=0.2, unit=unit, held_out_points=9, measured=measured)


@pytest.fixture
def tables():
    rows = [
        ("cell_transfer", "q_bl", "as run", 2e-18, "ok"),
        ("cell_transfer", "q_bl", "reltol 1e-3 to 1e-4", 9e-18, "ok"),
        ("converter", "t_out", "as run", 3e-12, "ok"),
        ("cell_write", "v_written", "as run", 1e-5, "ok"),
        ("column", "t_out", "as run", 1e-9, "timeout"),
    ]
    names = ["procedure", "column", "setting", "worst", "status"]
    return {
        "tolerance": pd.DataFrame(rows, columns=names),
        "cell_transfer": pd.DataFrame({"q_bl": [-20e-15, 10e-15]}),
    }


def test_numerical_error_comes_from_the_measured_column(tables):
    errors = {
        "a": error("of peak", CELL_CHARGE),
        "b": error("of T_max", CONVERTER_WIDTH),
        "c": error("V", WRITTEN_VOLTAGE),
    }
    found = with_numerical(errors, tables, T_MAX)
    assert found["a"].numerical == pytest.approx(1e-4)
    assert found["b"].numerical == pytest.approx(2e-4)
    assert found["c"].numerical == pytest.approx(1e-5)
    assert (found["c"].rms, found["c"].worst) == (0.1, 0.2)


def test_label_does_not_select_the_numerical_error(tables):
    errors = {"cell table": error("V", WRITTEN_VOLTAGE), "write": error("of peak", CELL_CHARGE)}
    found = with_numerical(errors, tables, T_MAX)
    assert found["cell table"].numerical == pytest.approx(1e-5)
    assert found["write"].numerical == pytest.approx(1e-4)


def test_failed_points_and_unmeasured_surrogates_have_no_numerical_error(tables):
    errors = {"K column": error("of T_max", COLUMN_WIDTH), "energy, write": error("J", None)}
    found = with_numerical(errors, tables, T_MAX)
    assert found["K column"].numerical is None
    assert found["energy, write"].numerical is None


def test_errors_are_unchanged_without_a_tolerance_study(tables):
    errors = {"write": error("V", WRITTEN_VOLTAGE)}
    assert with_numerical(errors, {"cell_transfer": tables["cell_transfer"]}, T_MAX) == errors


def test_numerical_error_is_none_for_a_column_outside_the_study(tables):
    assert numerical_error(tables["tolerance"], CHAIN_WIDTH) is None


@pytest.mark.parametrize("measured", FITTED_COLUMNS)
def test_fitted_column_is_a_column_of_its_procedure(measured):
    from gaincell.characterization.procedure import find

    assert measured.column in find(measured.procedure).columns
