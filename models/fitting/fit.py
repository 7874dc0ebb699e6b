"""Fit characterization tables to `Hardware`: every surrogate, with its error on points it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...circuits.errors import TableError
from ...circuits.runner import SIMULATORS
from ..aging import TOLERANCE
from ..array import ConverterCurve
from ..checks.agreement import ARRAY_TABLES
from ..checks.corners import CORNER_TABLES
from ..checks.limits import converter_figures
from ..checks.numerical import TOLERANCE_TABLE
from ..checks.supply import SUPPLY_TABLES
from ..checks.wires import WIRE_TABLES
from ..cost import Phase, Timing
from ..curves import Polynomial, Spline
from ..hardware import Hardware
from ..periphery import PeripheryLaws
from ..trim import BANKS, DieTrim
from .arrays import fit_retention, fit_separable_aging
from .columns import FittedColumn, bit_line_capacitance, fit_column
from .curves import fit_converter_curve, fit_polynomial, fit_spline
from .design_options import fields_from_designs, fit_two_phase_column
from .energy import energy_model
from .noise import fit_noise
from .overhead import OVERHEAD_TABLES
from .report import FitReport, fit_report
from .supply import regulated
from .variation import fit_mismatch
from .write_port import fit_write

REQUIRED_TABLES = ("cell_transfer", "cell_write", "cell_retention", "converter", "row_driver", "column")
"""Procedures that a fit needs."""
OPTIONAL_TABLES = (
    *(
        "cell_mismatch",
        "write_mismatch",
        "converter_mismatch",
        "bias_mismatch",
        "noise",
        "signed_column",
        "normaliser",
    ),
    *("write_path", "disturb", "bank_reference"),
    *SUPPLY_TABLES,
    *OVERHEAD_TABLES,
    *ARRAY_TABLES,
    *WIRE_TABLES,
)
"""Procedures whose tables are optional. The effect that a missing one describes is None in the hardware."""
REPORTED_TABLES = (*CORNER_TABLES, TOLERANCE_TABLE)
"""Procedures whose tables, failed points included, are optional and enter the report only."""
MAX_FAILED = 0.01
"""Fraction of failed points above which a table is refused."""


def fit_hardware(
    tables: Mapping[str, pd.DataFrame],
    condition: Mapping[str, Any],
    *,
    name: str,
    provenance: Mapping[str, Any] | None = None,
    trim: Mapping[str, Any] | None = None,
    periphery: PeripheryLaws | None = None,
    max_failed: float = MAX_FAILED,
) -> tuple[Hardware, FitReport]:
    """Fit all surrogates.

    Args:
        tables: procedure name -> table, for every name in `REQUIRED_TABLES`, and any of `OPTIONAL_TABLES` and
            `REPORTED_TABLES`.
        condition: the manifest's `condition`: supply, temperature, sizes, phases.
        name: name of the hardware.
        provenance: record of the tables' origin, stored in the hardware unchanged.
        trim: the manifest's `trim`; None for circuits that were not trimmed.
        periphery: laws of the digital circuits; None: DACs and control have their published energies.
        max_failed: largest tolerated fraction of failed points in a table.

    Returns:
        The hardware, and the report with the error of every surrogate.

    Raises:
        TableError: a table is missing or has too many failed points.
        HardwareError: the laws are those of other circuits.
    """
    used = [*REQUIRED_TABLES, *(procedure for procedure in OPTIONAL_TABLES if procedure in tables)]
    good = {procedure: _successful(tables, procedure, max_failed) for procedure in used}
    designs, vdd = condition["designs"], condition["vdd"]
    t_max = designs["clocking"]["t_pulse_max"]
    edge, cells = fit_cells(good["cell_transfer"], vdd, t_max)
    phi, readout = (_fit_converter(good["converter"], signed, t_max) for signed in (False, True))
    plain = Hardware(
        name=name,
        description=f"Fitted to ngspice simulations of {condition['technology']}, corner "
        f"{condition['corner']}, {condition['temperature']:g} C{'' if trim is None else ', trimmed'}.",
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
        **fields_from_designs(designs, vdd),
    )
    swap_efficiency, columns = _fit_columns(good, plain)
    c_line = {signed: column.c_line for signed, column in columns.items()}
    device = designs["cell"]["write_device"]
    laws = None if periphery is None else periphery.of(condition)
    at_rest = _retention_rows(good["cell_retention"], condition, device)
    retention = fit_retention(at_rest["v_store"], at_rest["age"], at_rest["v_aged"])
    ages = retention.readable_ages(plain.levels.key, plain.v_min, plain.v_max)
    aging = {
        key: fit_separable_aging(curve, retention, ages, tolerance=TOLERANCE) for key, curve in cells.items()
    }
    hardware = plain.model_copy(
        update={
            "swap_efficiency": swap_efficiency,
            "column_1": columns[False].model,
            "column_2": columns[True].model,
            "write": fit_write(good, device, designs),
            "retention": retention,
            "aging": aging,
            "mismatch": fit_mismatch(good, plain, device),
            "noise": fit_noise(good.get("noise"), c_line, designs, condition["temperature"]),
            "timing": _timing(condition, "bank_reference" in good),
            "energy": regulated(
                energy_model(good, device, vdd, designs, laws, condition["temperature"]), good, condition
            ),
            "area": None if laws is None else laws.head_area,
            "trim": None if trim is None else DieTrim.of(trim, designs),
        }
    )
    return hardware, fit_report(hardware, good, columns, condition, tables)


def provenance(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Origin of the tables of a characterization, for `Hardware.provenance`.

    Args:
        manifest: the characterization's manifest.

    Returns:
        Condition, versions, technology, sha256 of each table, seed.
    """
    copied = ["condition", "python", "gaincell", "git_revision", "created"]
    copied += [name for name in SIMULATORS if name in manifest]
    tables = {name: entry["sha256"] for name, entry in manifest["tables"].items()}
    technology = {key: manifest["technology"][key] for key in ("name", "digest")}
    technology["source"] = manifest["plan"]["technology"]
    seed = manifest["plan"]["seed"]
    return {key: manifest[key] for key in copied} | {"technology": technology, "tables": tables, "seed": seed}


def fit_cells(
    transfer: pd.DataFrame, vdd: float, t_pulse_max: float
) -> tuple[float, dict[str, Polynomial | Spline]]:
    """Edge charge and cell curves, from reads with the bit line at rest.

    A read delivers f(v) w + e(v); a straight line through the pulse widths gives both. The charge e of the
    edges is a few per mille of a full read and enters as its mean over the stored voltages. f is the rest of
    the charge of a full-width read.

    Args:
        transfer: table cell_transfer.
        vdd: supply, V.
        t_pulse_max: width of a full pulse, s.

    Returns:
        Edge charge (C), and by name the curves: stored voltage (V) -> charge of a full-width pulse (C).
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


def _fit_converter(converter: pd.DataFrame, signed: bool, t_max: float) -> ConverterCurve:
    rows = converter[converter["signed"] == signed]
    width, unseen = rows["t_out"].to_numpy() / t_max, rows["held_out"].to_numpy()
    return fit_converter_curve(rows["charge"].to_numpy(), width, unseen, signed=signed)


def _full_scale(converter: pd.DataFrame, signed: bool, t_max: float) -> float:
    """Charge (C) of a full-width pulse by the straight line through the pulses, mean of both polarities."""
    rows = converter[converter["signed"] == signed]
    gains = [converter_figures(rows, t_max, sign).gain for sign in ((1, -1) if signed else (1,))]
    return float(t_max / np.mean(gains))


def _fit_columns(
    good: Mapping[str, pd.DataFrame], plain: Hardware
) -> tuple[float | None, dict[bool, FittedColumn]]:
    """Swap efficiency (None with one phase), and the fitted columns by `signed`."""
    swap_efficiency, columns = None, {}
    for signed in (False, True):
        rows = good["column"][good["column"]["signed"] == signed]
        c_line = bit_line_capacitance(rows, plain, signed)
        if plain.signed_query == "two-phase" and not signed:
            columns[signed], swap_efficiency = fit_two_phase_column(
                rows, good["cell_transfer"], plain, c_line
            )
        else:
            columns[signed] = fit_column(rows, good["cell_transfer"], plain, c_line, signed)
    return swap_efficiency, columns


def _retention_rows(retention: pd.DataFrame, condition: Mapping[str, Any], device: str) -> pd.DataFrame:
    """Rows at the fit's temperature with the write bit line at mid-supply, where it rests between writes."""
    return retention[
        (retention["write_device"] == device)
        & np.isclose(retention["temperature"], condition["temperature"])
        & np.isclose(retention["v_rest"], condition["vdd"] / 2)
    ]


def _timing(condition: Mapping[str, Any], replicas: bool) -> Timing:
    """The simulated phases; converters are reset while the new key and value are written.

    With `replicas`, each bank's spare converter works `t_lead` ahead of the others. That is hidden where its
    reset, which starts as much earlier, still fits: the ReLU bank is idle from the last operation's signed
    conversion on, the signed bank until the first product has been integrated.
    """
    write = Phase(name="write of key and value", seconds=condition["t_write_operation"], origin="simulated")
    first, *rest = condition["phases"]
    reset = Phase(name=first[0], seconds=first[1], origin="simulated", hidden=first[1] <= write.seconds)
    others = [Phase(name=phase, seconds=seconds, origin="simulated") for phase, seconds in rest]
    if not replicas:
        return Timing(phases=(write, reset, *others))
    integration, product, count = others
    idle = {"converter": write.seconds + count.seconds - reset.seconds, "readout": integration.seconds}
    leads = {name: condition["designs"][name]["t_lead"] for name in BANKS}
    relu, signed = (
        Phase(
            name=f"lead of the {label} bank's spare converter",
            seconds=leads[name],
            origin="simulated",
            hidden=leads[name] <= idle[name],
        )
        for name, label in BANKS.items()
    )
    return Timing(phases=(write, reset, integration, relu, product, signed, count))
