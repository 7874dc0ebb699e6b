"""The simulator's own error beside that of the fits, from the table of the tolerance study."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ..values import FitError

TABLE = "tolerance"
"""Procedure whose table is used where it is there."""

SOURCES = {
    "cell ": ("cell_transfer", "q_bl"),
    "ReLU converter": ("converter", "t_out"),
    "signed converter": ("converter", "t_out"),
    "K column": ("column", "t_out"),
    "V column": ("column", "t_out"),
    "signed query": ("signed_column", "t_out"),
    "normalising column": ("normaliser", "t_out"),
    "16x16 chain": ("chain", "t_out"),
    "write": ("cell_write", "v_written"),
    "retention": ("cell_retention", "v_aged"),
}
"""How the name of a surrogate in the report starts -> the measured column that it was fitted to."""


def numerical_error(tolerance: pd.DataFrame, procedure: str, column: str) -> float | None:
    """Largest change of a measured column when the simulator's tolerances are tightened, in its unit.

    None where the study has not looked at it. Only successful rows count.
    """
    rows = tolerance[
        (tolerance["procedure"] == procedure)
        & (tolerance["column"] == column)
        & (tolerance["setting"] == "as run")
        & (tolerance["status"] == "ok")
    ]
    return float(rows["worst"].iloc[0]) if len(rows) else None


def with_numerical(
    errors: Mapping[str, FitError], tables: Mapping[str, pd.DataFrame], t_pulse_max: float
) -> dict[str, FitError]:
    """The errors of a fit's report, each with the numerical error of what it was fitted to.

    Args:
        errors: surrogate -> error.
        tables: procedure -> table; without `tolerance` nothing is added.
        t_pulse_max: longest pulse, s.
    """
    if TABLE not in tables:
        return dict(errors)
    scales = {"of T_max": t_pulse_max, "V": 1.0}
    if "cell_transfer" in tables:
        scales["of peak"] = float(tables["cell_transfer"]["q_bl"].abs().max())
    found = {}
    for label, error in errors.items():
        source = next((source for start, source in SOURCES.items() if label.startswith(start)), None)
        worst = None if source is None else numerical_error(tables[TABLE], *source)
        if worst is not None and error.unit in scales:
            error = error.model_copy(update={"numerical": worst / scales[error.unit]})
        found[label] = error
    return found
