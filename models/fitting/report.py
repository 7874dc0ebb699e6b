"""The report of a fit: errors on unseen points, design limits, corners, arrays and storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..chain import predict_chain
from ..checks.agreement import Agreement, compare_circuits
from ..checks.corners import CornerFigure, corner_report
from ..checks.die import die_checks, level_charges
from ..checks.limits import Check, WindowSkew, cell_checks, converter_checks, window_skews
from ..checks.numerical import (
    AGED_VOLTAGE,
    CELL_CHARGE,
    CHAIN_WIDTH,
    COLUMN_WIDTH,
    CONVERTER_WIDTH,
    WRITTEN_VOLTAGE,
    SurrogateError,
    with_numerical,
)
from ..checks.supply import supply_checks
from ..checks.wires import wire_checks
from ..hardware import Hardware
from ..values import FitError, Value
from ..variation import Mismatch
from .columns import FittedColumn
from .curves import measure_error
from .design_options import option_errors
from .retention import StorageReport, storage_report
from .write_port import port_checks

MISMATCH_PARTS = {
    "cell": ("cell mismatch", CELL_CHARGE),
    "write": ("write mismatch", WRITTEN_VOLTAGE),
    "phi": ("ReLU converter mismatch", CONVERTER_WIDTH),
    "readout": ("signed converter mismatch", CONVERTER_WIDTH),
    "phi rail": ("ReLU converters along their rails", CONVERTER_WIDTH),
    "readout rail": ("signed converters along their rails", CONVERTER_WIDTH),
}
"""Part of `Mismatch.fit_errors` -> its label, and the measured column whose numerical error applies."""


class FitReport(Value):
    """Errors of all surrogates on unseen points, and the circuits against their design limits."""

    surrogates: dict[str, SurrogateError]
    """Label of a surrogate -> its error on points that its fit has not seen."""
    checks: tuple[Check, ...]
    """Figures of the circuits beside their design limits."""
    skews: tuple[WindowSkew, ...] = ()
    """Offsets of the converters and the `t_skew` that cancels each; empty in reports of earlier versions."""
    die: tuple[Check, ...] = ()
    """What a network depends on that differs from die to die; a trim brings these figures within their
    limits."""
    corners: tuple[CornerFigure, ...] = ()
    """Figures over corners, temperature and supply; empty without their tables."""
    agreements: dict[str, Agreement] = {}
    """Label of an array or chain -> predicted against simulated pulse widths; no fit has seen these
    circuits."""
    storage: StorageReport | None = None
    """Retention times, disturbance by neighbours, and the cost of a refresh."""
    conditions: dict[str, FitReport] = {}
    """Temperature and supply of the same die elsewhere -> report of its fit there."""


def fit_report(
    hardware: Hardware,
    good: Mapping[str, pd.DataFrame],
    columns: Mapping[bool, FittedColumn],
    condition: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
) -> FitReport:
    """The report on a fitted hardware.

    Args:
        hardware: the result of the fit.
        good: procedure -> table without failed rows, as used in the fit.
        columns: fitted bit-line columns by `signed`.
        condition: the manifest's `condition`.
        tables: procedure -> table with failed rows, for corners and the tolerance study.
    """
    designs, t_max = condition["designs"], hardware.t_pulse_max
    top, bottom = level_charges(hardware)
    checks = (
        *cell_checks(good["cell_transfer"], condition["vdd"]),
        *port_checks(good, designs),
        *converter_checks(good["converter"], t_max, bottom / top),
        *wire_checks(good, designs, t_max),
        *supply_checks(good, condition),
    )
    return FitReport(
        surrogates=with_numerical(_surrogate_errors(hardware, good, columns), tables, t_max),
        checks=checks,
        skews=window_skews(good["converter"], designs),
        die=die_checks(hardware, good["converter"], designs),
        corners=corner_report(tables, designs),
        agreements=compare_circuits(hardware, good),
        storage=storage_report(good, condition, hardware.levels.key),
    )


def _surrogate_errors(
    hardware: Hardware, good: Mapping[str, pd.DataFrame], columns: Mapping[bool, FittedColumn]
) -> dict[str, SurrogateError]:
    """Errors by label, in the order of the report. Each names the measured column that it comes from."""
    of = SurrogateError.of
    errors = {f"cell {key}": of(curve.errors, CELL_CHARGE) for key, curve in hardware.cells.items()}
    errors["cell table, other widths"] = of(_width_error(hardware, good["cell_transfer"]), CELL_CHARGE)
    errors["ReLU converter"] = of(hardware.phi.errors, CONVERTER_WIDTH)
    errors["signed converter"] = of(hardware.readout.errors, CONVERTER_WIDTH)
    for signed, label in ((False, "K column"), (True, "V column")):
        errors[f"{label}, plain sum of cells"] = of(columns[signed].plain, COLUMN_WIDTH)
        errors[label] = of(columns[signed].predicted, COLUMN_WIDTH)
    errors |= option_errors(hardware, good)
    if "chain" in good:
        for stage, label in ((1, "16x16 chain, first product"), (2, "16x16 chain, second product")):
            predicted, simulated = predict_chain(hardware, good["chain"], stage)
            errors[label] = of(measure_error(predicted, simulated, 1.0, "of T_max"), CHAIN_WIDTH)
    errors["write"] = of(hardware.write.errors, WRITTEN_VOLTAGE)
    errors["retention"] = of(hardware.retention.errors, AGED_VOLTAGE)
    errors |= {f"aging, {key}": of(surrogate.errors, None) for key, surrogate in hardware.aging.items()}
    if hardware.mismatch is not None:
        errors |= _mismatch_errors(hardware.mismatch)
    for stage in hardware.energy.stages:
        if getattr(getattr(stage.law, "curve", None), "errors", None) is not None:
            errors[f"energy, {stage.name}"] = of(stage.law.curve.errors, None)
    return errors


def _mismatch_errors(mismatch: Mismatch) -> dict[str, SurrogateError]:
    parts = mismatch.fit_errors
    return {
        label: SurrogateError.of(parts[name], measured)
        for name, (label, measured) in MISMATCH_PARTS.items()
        if name in parts
    }


def _width_error(hardware: Hardware, transfer: pd.DataFrame) -> FitError:
    """Error of f(v) w + edge for unseen reads at unseen pulse widths, of peak."""
    rest = transfer[np.isclose(transfer["v_bl"], hardware.v_zero) & transfer["held_out"]]
    rows = rest[~np.isclose(rest["t_pulse"], hardware.t_pulse_max, atol=0)]
    width = rows["t_pulse"].to_numpy() / hardware.t_pulse_max
    curve = hardware.cells["table"]
    predicted = curve(rows["v_store"].to_numpy()).numpy() * width + hardware.edge
    peak = float(np.abs(transfer["q_bl"]).max())
    return measure_error(predicted, rows["q_bl"].to_numpy(), peak, "of peak")
