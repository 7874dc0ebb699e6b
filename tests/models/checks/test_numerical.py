"""The simulator's error enters the report in the unit of each surrogate's own error."""

import pandas as pd
import pytest

from gaincell.models.checks.numerical import SOURCES, numerical_error, with_numerical
from gaincell.models.values import FitError

T_MAX = 15e-9


def error(unit):
    return FitError(rms=0.1, worst=0.2, unit=unit, held_out_points=9)


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


def test_each_surrogate_gets_the_error_of_what_it_was_fitted_to(tables):
    errors = {
        "cell table": error("of peak"),
        "ReLU converter": error("of T_max"),
        "write": error("V"),
        "K column": error("of T_max"),
        "energy, write": error("J"),
    }
    found = with_numerical(errors, tables, T_MAX)
    assert found["cell table"].numerical == pytest.approx(1e-4)
    assert found["ReLU converter"].numerical == pytest.approx(2e-4)
    assert found["write"].numerical == pytest.approx(1e-5)
    # A point of the study that failed tells nothing, and energies have no study of their own.
    assert found["K column"].numerical is None
    assert found["energy, write"].numerical is None
    assert (found["write"].rms, found["write"].worst) == (0.1, 0.2)


def test_without_the_study_nothing_is_added(tables):
    errors = {"write": error("V")}
    assert with_numerical(errors, {"cell_transfer": tables["cell_transfer"]}, T_MAX) == errors
    assert numerical_error(tables["tolerance"], "chain", "t_out") is None


def test_every_source_is_a_column_of_its_procedure():
    from gaincell.characterization.procedure import find

    assert all(column in find(name).columns for name, column in SOURCES.values())
