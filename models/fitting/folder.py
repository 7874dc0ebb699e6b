"""Fit a folder of characterization tables and write the hardware with its report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd

from ...circuits.errors import TableError
from ...circuits.files import sealed, sweep, write_json
from ..combination import combine
from ..hardware import Hardware
from ..interpolation import circuits_of, operating_point
from ..periphery import PeripheryLaws, shipped_laws
from .fit import (
    MAX_FAILED,
    OPTIONAL_TABLES,
    REPORTED_TABLES,
    REQUIRED_TABLES,
    fit_hardware,
    provenance,
)
from .report import FitReport

REPORT_FILE = "fit.json"
"""Name of the report's file in the hardware's folder."""
_IMPOSSIBLE = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What fitting raises on rows or conditions that no characterization writes."""
_LINE = "\n"


def fit_folder(
    tables: Path,
    out: Path,
    *,
    at: Sequence[Path] = (),
    name: str | None = None,
    periphery: Sequence[PeripheryLaws] = (),
    max_failed: float = MAX_FAILED,
) -> tuple[Hardware, FitReport]:
    """Fit the tables that `gaincell characterize` wrote to a folder; write hardware and fit.json.

    Args:
        tables: folder of the tables and their manifest.
        out: folder for hardware.json, hardware.safetensors and fit.json; it is made if necessary.
        at: folders of tables of the same die at other temperatures and supplies, for `Hardware.at`.
        name: name of the hardware; None for the name of the technology.
        periphery: laws of the digital circuits, one for each folder that is not to have those in the package.
            Where a folder has neither, all have the published energies of DACs and control.
        max_failed: largest tolerated fraction of failed points in a table.

    Returns:
        The hardware and the report that were written. fit.json holds the fields of the report, the digest of
        the hardware, and its own.

    Raises:
        TableError: a table is missing, damaged, lacks a column, or has more than `max_failed` failed points,
            or the manifest lacks what a fit needs; `at` has another die's tables, or a condition twice.
        HardwareError: the circuits of `at` differ, or laws are of none of the folders.
        OSError: `out` cannot be written.
    """
    laws = _laws((tables, *at), periphery)
    hardware, report = _fit(tables, name, laws[0], max_failed)
    corner, circuits, parts, reports = operating_point(hardware).corner, circuits_of(hardware), [], {}
    for folder, own in zip(at, laws[1:], strict=True):
        part, found = _fit(folder, name, own, max_failed)
        point = operating_point(part)
        if point.corner != corner or circuits_of(part) != circuits:
            raise TableError(
                f"{folder} is not of the die of {tables}: technology, corner and sizes have to be the same; "
                "characterize it with the same options but --temperature and --vdd"
            )
        parts.append(part)
        reports[f"{point.temperature:g} C, {point.vdd:g} V"] = found
    if parts:
        try:
            hardware = Hardware.model_validate({**dict(hardware), "fitted_at": tuple(parts)})
        except ValueError as error:
            complaint = str(error).partition("Value error, ")[2].partition(" [type")[0]
            raise TableError(f"--at {' '.join(map(str, at))}: {complaint}; name each folder once") from error
        combine((hardware, *parts), [1 / (1 + len(parts))] * (1 + len(parts)))
        report = report.model_copy(update={"conditions": reports})
    # Last, so that an interrupted fit leaves no report beside hardware that it does not describe.
    values = {"hardware": hardware.digest, **json.loads(report.model_dump_json())}
    sweep(out)
    (out / REPORT_FILE).unlink(missing_ok=True)
    hardware.save_pretrained(out)
    write_json(out / REPORT_FILE, sealed(values))
    return hardware, report


def _laws(folders: Sequence[Path], given: Sequence[PeripheryLaws]) -> list[PeripheryLaws | None]:
    """Laws of each folder's condition, given ones or those in the package; none unless all have some."""
    from ...characterization.table import read_manifest

    conditions, found = [], []
    for folder in folders:
        manifest = read_manifest(folder)
        with _whole(folder):
            condition = manifest["condition"]
            own = next((laws for laws in given if laws.matches(condition)), None)
            found.append(own or shipped_laws(condition))
        conditions.append(condition)
    for laws in given:
        if not any(laws.matches(condition) for condition in conditions):
            laws.of(conditions[0])
    return found if all(found) else [None] * len(found)


def _fit(
    tables: Path, name: str | None, periphery: PeripheryLaws | None, max_failed: float
) -> tuple[Hardware, FitReport]:
    from ...characterization.table import read_manifest

    manifest = read_manifest(tables)
    with _whole(tables):
        return fit_hardware(
            _read_tables(tables, manifest),
            manifest["condition"],
            name=name or manifest["condition"]["technology"],
            provenance=provenance(manifest),
            trim=manifest.get("trim"),
            periphery=periphery,
            max_failed=max_failed,
        )


@contextmanager
def _whole(tables: Path) -> Iterator[None]:
    """Errors that only damaged tables or a damaged manifest cause, in one sentence."""
    try:
        yield
    except _IMPOSSIBLE as error:
        what = f"{type(error).__name__}: {str(error).strip().partition(_LINE)[0]}"
        raise TableError(
            f"{tables} cannot be fitted ({what}): its tables or its manifest are not those of a whole run; "
            f"run: gaincell characterize --out {quote(str(tables))}"
        ) from error


def _read_tables(folder: Path, manifest: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Tables that a fit uses, by procedure; each has the columns that the manifest describes."""
    from ...characterization.table import read_table

    optional = (name for name in (*OPTIONAL_TABLES, *REPORTED_TABLES) if name in manifest["tables"])
    tables = {}
    for name in (*REQUIRED_TABLES, *optional):
        rows = read_table(folder, name)
        described = {*manifest["tables"][name]["columns"], "point", "status", "message"}
        if missing := sorted(described - set(rows.columns)):
            raise TableError(
                f"{folder}: table {name!r} has no column {', '.join(missing)}; run: gaincell characterize "
                f"--out {quote(str(folder))}"
            )
        tables[name] = rows
    return tables


def report_dict(report: FitReport) -> dict[str, Any]:
    """The report as JSON-able values, with whether each limit is met.

    Args:
        report: result of `fit_folder`.

    Returns:
        The fields of `FitReport`; entries with a limit also have `met`.
    """
    return {
        "surrogates": {name: error.model_dump() for name, error in report.surrogates.items()},
        "checks": [check.model_dump() | {"met": check.met} for check in report.checks],
        "skews": [skew.model_dump() | {"small": skew.small} for skew in report.skews],
        "die": [check.model_dump() | {"met": check.met} for check in report.die],
        "agreements": {
            name: found.model_dump() | {"limit": found.limit, "met": found.met}
            for name, found in report.agreements.items()
        },
        "storage": None if report.storage is None else report.storage.model_dump(),
        "corners": [figure.model_dump() | {"met": figure.met} for figure in report.corners],
        "conditions": {where: report_dict(found) for where, found in report.conditions.items()},
    }
