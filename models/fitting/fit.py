"""Characterization tables -> `Hardware`: every surrogate, with its error on points it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...circuits.errors import TableError
from ..aging import Retention
from ..array import ConverterCurve
from ..chain import predict_chain
from ..checks.agreement import TABLES as ARRAY_TABLES
from ..checks.agreement import Agreement, agreements
from ..checks.corners import TABLES as CORNER_TABLES
from ..checks.corners import CornerFigure, corner_report
from ..checks.limits import Check, cell_checks, converter_checks, converter_figures
from ..checks.numerical import TABLE as TOLERANCE_TABLE
from ..checks.numerical import with_numerical
from ..checks.wires import TABLES as WIRE_TABLES
from ..checks.wires import wire_checks
from ..cost import Phase, Timing
from ..curves import Polynomial, Spline
from ..hardware import Hardware
from ..values import FitError, Value
from .arrays import fit_retention, fit_separable_aging
from .columns import FittedColumn, bit_line_capacitance, fit_column
from .curves import fit_converter_curve, fit_polynomial, fit_spline, measure_error
from .energy import energy_model
from .noise import fit_noise
from .options import described, fit_two_phase_column, option_errors
from .retention import StorageReport, storage_report
from .variation import fit_mismatch
from .write_port import fit_write, port_checks

TABLES = ("cell_transfer", "cell_write", "cell_retention", "converter", "row_driver", "column")
"""Procedures that a fit needs."""
OPTIONAL = (
    *(
        "cell_mismatch",
        "write_mismatch",
        "converter_mismatch",
        "bias_mismatch",
        "noise",
        "signed_column",
        "normaliser",
    ),
    *("write_path", "disturb"),
    *ARRAY_TABLES,
    *WIRE_TABLES,
)
"""Procedures whose tables are used where they are there; what they describe is None otherwise."""
REPORTED = (*CORNER_TABLES, TOLERANCE_TABLE)
"""Procedures whose tables enter the report alone, failed points included."""
MAX_FAILED = 0.01
"""Fraction of failed points above which a table is refused."""


class FitReport(Value):
    """What was fitted, how well it predicts unseen points, and whether the circuits meet their limits."""

    surrogates: dict[str, FitError]
    checks: tuple[Check, ...]
    corners: tuple[CornerFigure, ...] = ()
    """Figures over corners, temperature and supply; empty without their tables."""
    agreements: dict[str, Agreement] = {}
    """Whole arrays and chains, which no fit has seen: predicted against simulated pulse widths."""
    storage: StorageReport | None = None
    """How long levels hold, what neighbours do to them, what refreshing costs."""


def fit_hardware(
    tables: Mapping[str, pd.DataFrame],
    condition: Mapping[str, Any],
    *,
    name: str,
    provenance: Mapping[str, Any] | None = None,
    max_failed: float = MAX_FAILED,
) -> tuple[Hardware, FitReport]:
    """Fit all surrogates.

    Args:
        tables: procedure name -> table, for every name in `TABLES`, and for those of `OPTIONAL` and
            `REPORTED` there are.
        condition: the manifest's `condition`: supply, temperature, sizes, phases.
        name: of the hardware.
        provenance: kept in the hardware as it is.
        max_failed: largest tolerated fraction of failed points in a table.

    Raises:
        TableError: a table is missing or has too many failed points.
    """
    used = [*TABLES, *(procedure for procedure in OPTIONAL if procedure in tables)]
    good = {procedure: _successful(tables, procedure, max_failed) for procedure in used}
    designs, vdd = condition["designs"], condition["vdd"]
    t_max = designs["clocking"]["t_pulse_max"]
    edge, cells = fit_cells(good["cell_transfer"], vdd, t_max)
    phi, readout = (_fit_converter(good["converter"], signed, designs, t_max) for signed in (False, True))
    plain = Hardware(
        name=name,
        description=f"Fitted to ngspice simulations of {condition['technology']}, corner "
        f"{condition['corner']}, {condition['temperature']:g} C.",
        origin="simulated",
        rows=designs["array"]["rows"],
        columns=designs["array"]["columns"],
        v_max=vdd,
        v_zero=vdd / 2,
        t_pulse_max=t_max,
        cells=cells,
        cell="table",
        q_sat_1=_full_scale(good["converter"], False, t_max),
        q_sat_2=_full_scale(good["converter"], True, t_max),
        edge=edge,
        phi=phi,
        readout=readout,
        provenance=dict(provenance or {}),
        **described(designs, vdd),
    )
    retained, columns = _fit_columns(good, plain)
    c_line = {signed: column.c_line for signed, column in columns.items()}
    device = designs["cell"]["write_device"]
    at_rest = _retention_rows(good["cell_retention"], condition, device)
    retention = fit_retention(at_rest["v_store"], at_rest["age"], at_rest["v_aged"])
    ages = retained_ages(retention, plain)
    aging = {key: fit_separable_aging(curve, retention, ages, tolerance=1e-3) for key, curve in cells.items()}
    hardware = plain.model_copy(
        update={
            "swap_efficiency": retained,
            "column_1": columns[False].model,
            "column_2": columns[True].model,
            "write": fit_write(good, device, designs),
            "retention": retention,
            "aging": aging,
            "mismatch": fit_mismatch(good, plain, device),
            "noise": fit_noise(good.get("noise"), c_line, designs, condition["temperature"]),
            "timing": _timing(condition),
            "energy": energy_model(good, device, vdd, designs),
        }
    )
    report = _report(hardware, good, columns, condition, corner_report(tables, designs))
    stated = with_numerical(report.surrogates, tables, t_max)
    return hardware, report.model_copy(update={"surrogates": stated})


def provenance(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a characterization's manifest says of the origin of its tables."""
    kept = ("condition", "ngspice", "python", "gaincell", "git_revision", "created")
    tables = {name: entry["sha256"] for name, entry in manifest["tables"].items()}
    technology = {key: manifest["technology"][key] for key in ("name", "digest")}
    technology["source"] = manifest["plan"]["technology"]
    seed = manifest["plan"]["seed"]
    return {key: manifest[key] for key in kept} | {"technology": technology, "tables": tables, "seed": seed}


def fit_cells(
    transfer: pd.DataFrame, vdd: float, t_pulse_max: float
) -> tuple[float, dict[str, Polynomial | Spline]]:
    """Edge charge (C) and the cell curves, from reads with the bit line at rest.

    A read delivers f(v) w + e(v): lines through the widths give both. The edges' charge e is a few per mille
    of a full read and enters as its mean over the stored voltages; f is what remains of a full-width read.
    """
    rest = transfer[np.isclose(transfer["v_bl"], vdd / 2)]
    swept = rest[~rest["held_out"]].pivot(index="v_store", columns="t_pulse", values="q_bl")
    edge = float(np.polyfit(swept.columns.to_numpy(), swept.to_numpy().T, 1)[1].mean())
    full = rest[np.isclose(rest["t_pulse"], t_pulse_max, atol=0)]
    v, charge, unseen = (full[c].to_numpy() for c in ("v_store", "q_bl", "held_out"))
    charge = charge - edge
    curves: dict[str, Polynomial | Spline] = {"table": fit_spline(v, charge, unseen)}
    for order, key in ((1, "linear"), (3, "poly3"), (5, "poly5")):
        curves[key] = fit_polynomial(v, charge, order, unseen, center=vdd / 2)
    return edge, curves


def _successful(tables: Mapping[str, pd.DataFrame], procedure: str, max_failed: float) -> pd.DataFrame:
    if procedure not in tables:
        raise TableError(f"the fit needs the table {procedure!r}; run a plan that includes it")
    rows = tables[procedure]
    failed = rows["status"] != "ok"
    if failed.mean() > max_failed:
        first = rows.loc[failed, "message"].iloc[0]
        raise TableError(
            f"{failed.sum()} of {len(rows)} rows of table {procedure!r} failed ({first}); mend the circuit "
            "or the options and characterize again, or pass a larger --max-failed to fit without them"
        )
    return rows[~failed]


def _fit_converter(
    converter: pd.DataFrame, signed: bool, designs: Mapping[str, Any], t_max: float
) -> ConverterCurve:
    rows = converter[converter["signed"] == signed]
    width, unseen = rows["t_out"].to_numpy() / t_max, rows["held_out"].to_numpy()
    return fit_converter_curve(rows["charge"].to_numpy(), width, unseen, signed=signed)


def _full_scale(converter: pd.DataFrame, signed: bool, t_max: float) -> float:
    rows = converter[converter["signed"] == signed]
    gains = [converter_figures(rows, t_max, sign).gain for sign in ((1, -1) if signed else (1,))]
    return float(t_max / np.mean(gains))


def _fit_columns(
    good: Mapping[str, pd.DataFrame], plain: Hardware
) -> tuple[float | None, dict[bool, FittedColumn]]:
    """The share of charge that swapped plates keep (None with one phase), and the columns by `signed`."""
    retained, columns = None, {}
    for signed in (False, True):
        rows = good["column"][good["column"]["signed"] == signed]
        c_line = bit_line_capacitance(rows, plain, signed)
        if plain.signed_query == "two-phase" and not signed:
            columns[signed], retained = fit_two_phase_column(rows, good["cell_transfer"], plain, c_line)
        else:
            columns[signed] = fit_column(rows, good["cell_transfer"], plain, c_line, signed)
    return retained, columns


def _retention_rows(retention: pd.DataFrame, condition: Mapping[str, Any], device: str) -> pd.DataFrame:
    """Rows at the fit's temperature, write bit line resting at mid-supply as it does between writes."""
    return retention[
        (retention["write_device"] == device)
        & np.isclose(retention["temperature"], condition["temperature"])
        & np.isclose(retention["v_rest"], condition["vdd"] / 2)
    ]


def retained_ages(retention: Retention, hardware: Hardware) -> np.ndarray:
    """Simulated ages (s) until the first level has moved half a step: older keys are wrong in any case."""
    first = retention.retention_time(hardware.levels.key, hardware.v_min, hardware.v_max).min()
    return retention.ages[: np.searchsorted(retention.ages, first) + 1]


def _timing(condition: Mapping[str, Any]) -> Timing:
    """The simulated phases; converters are reset while the new key and value are written."""
    write = Phase(name="write of key and value", seconds=condition["t_write_operation"], origin="simulated")
    first, *rest = condition["phases"]
    reset = Phase(name=first[0], seconds=first[1], origin="simulated", hidden=first[1] <= write.seconds)
    others = [Phase(name=phase, seconds=seconds, origin="simulated") for phase, seconds in rest]
    return Timing(phases=(write, reset, *others))


def _report(
    hardware: Hardware,
    good: Mapping[str, pd.DataFrame],
    columns: Mapping[bool, FittedColumn],
    condition: Mapping[str, Any],
    corners: tuple[CornerFigure, ...],
) -> FitReport:
    vdd, t_max = condition["vdd"], hardware.t_pulse_max
    errors = {f"cell {key}": curve.errors for key, curve in hardware.cells.items()}
    errors["cell table, other widths"] = _width_error(hardware, good["cell_transfer"])
    errors["ReLU converter"], errors["signed converter"] = hardware.phi.errors, hardware.readout.errors
    for signed, label in ((False, "K column"), (True, "V column")):
        errors[f"{label}, plain sum of cells"] = columns[signed].plain
        errors[label] = columns[signed].predicted
    errors |= option_errors(hardware, good)
    if "chain" in good:
        for stage, label in ((1, "16x16 chain, first product"), (2, "16x16 chain, second product")):
            predicted, simulated = predict_chain(hardware, good["chain"], stage)
            errors[label] = measure_error(predicted, simulated, 1.0, "of T_max")
    errors["write"], errors["retention"] = hardware.write.errors, hardware.retention.errors
    errors |= {f"aging, {key}": surrogate.errors for key, surrogate in hardware.aging.items()}
    if hardware.mismatch is not None:
        errors |= hardware.mismatch.fit_errors
    for stage in hardware.energy.stages:
        if getattr(getattr(stage.law, "curve", None), "errors", None) is not None:
            errors[f"energy, {stage.name}"] = stage.law.curve.errors
    checks = [
        *cell_checks(good["cell_transfer"], vdd),
        *port_checks(good, condition["designs"]),
        *converter_checks(good["converter"], t_max),
        *wire_checks(good, condition["designs"], t_max),
    ]
    return FitReport(
        surrogates=errors,
        checks=tuple(checks),
        corners=corners,
        agreements=agreements(hardware, good),
        storage=storage_report(good, condition, hardware.levels.key),
    )


def _width_error(hardware: Hardware, transfer: pd.DataFrame) -> FitError:
    """Charge of unseen reads at unseen widths: f(v) w + edge."""
    rest = transfer[np.isclose(transfer["v_bl"], hardware.v_zero) & transfer["held_out"]]
    rows = rest[~np.isclose(rest["t_pulse"], hardware.t_pulse_max, atol=0)]
    width = rows["t_pulse"].to_numpy() / hardware.t_pulse_max
    curve = hardware.cells["table"]
    predicted = curve(rows["v_store"].to_numpy()).numpy() * width + hardware.edge
    peak = float(np.abs(transfer["q_bl"]).max())
    return measure_error(predicted, rows["q_bl"].to_numpy(), peak, "of peak")
