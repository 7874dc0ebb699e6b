"""The simulator's own error next to that of the fits, from the table of the tolerance study."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ..values import FitError, Measured

TOLERANCE_TABLE = "tolerance"
"""Procedure of the tolerance study; its table is optional."""

CELL_CHARGE = Measured("cell_transfer", "q_bl")
CONVERTER_WIDTH = Measured("converter", "t_out")
COLUMN_WIDTH = Measured("column", "t_out")
SIGNED_COLUMN_WIDTH = Measured("signed_column", "t_out")
NORMALISER_WIDTH = Measured("normaliser", "t_out")
CHAIN_WIDTH = Measured("chain", "t_out")
WRITTEN_VOLTAGE = Measured("cell_write", "v_written")
AGED_VOLTAGE = Measured("cell_retention", "v_aged")

FITTED_COLUMNS = (
    CELL_CHARGE,
    CONVERTER_WIDTH,
    COLUMN_WIDTH,
    SIGNED_COLUMN_WIDTH,
    NORMALISER_WIDTH,
    CHAIN_WIDTH,
    WRITTEN_VOLTAGE,
    AGED_VOLTAGE,
)
"""Measured columns that surrogates are fitted to or compared with."""


class SurrogateError(FitError):
    """Error of one surrogate in the report of a fit."""

    measured: Measured | None = None
    """Measured column whose numerical error applies to this surrogate; None if no tolerance study covers
    it."""

    @classmethod
    def of(cls, error: FitError, measured: Measured | None) -> SurrogateError:
        """The error of a fit with the measured column that it comes from.

        Args:
            error: error on points that the fit has not seen.
            measured: column of the simulated values; None if no tolerance study covers it.
        """
        return cls(**error.model_dump(), measured=measured)


def numerical_error(tolerance: pd.DataFrame, measured: Measured) -> float | None:
    """Largest change of a measured column when the simulator's tolerances are tightened.

    Args:
        tolerance: table of the procedure `tolerance`; failed rows are ignored.
        measured: the column.

    Returns:
        The change in the column's unit; None if the study does not cover the column.
    """
    rows = tolerance[
        (tolerance["procedure"] == measured.procedure)
        & (tolerance["column"] == measured.column)
        & (tolerance["setting"] == "as run")
        & (tolerance["status"] == "ok")
    ]
    return float(rows["worst"].iloc[0]) if len(rows) else None


def with_numerical(
    errors: Mapping[str, SurrogateError], tables: Mapping[str, pd.DataFrame], t_pulse_max: float
) -> dict[str, SurrogateError]:
    """The errors of a fit's report, each with the numerical error of its measured column.

    Args:
        errors: label of a surrogate -> its error.
        tables: procedure -> table; without `tolerance` the errors are returned unchanged.
        t_pulse_max: width of a full pulse, s.

    Returns:
        The errors by the same labels.
    """
    if TOLERANCE_TABLE not in tables:
        return dict(errors)
    scales = {"of T_max": t_pulse_max, "V": 1.0}
    if "cell_transfer" in tables:
        scales["of peak"] = float(tables["cell_transfer"]["q_bl"].abs().max())
    found = {}
    for label, error in errors.items():
        worst = None if error.measured is None else numerical_error(tables[TOLERANCE_TABLE], error.measured)
        if worst is not None and error.unit in scales:
            error = error.model_copy(update={"numerical": worst / scales[error.unit]})
        found[label] = error
    return found
