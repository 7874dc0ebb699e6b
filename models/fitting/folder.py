"""Fit a folder of characterization tables and write the hardware with its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...circuits.files import write_text
from ..hardware import Hardware
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


def fit_folder(
    tables: Path, out: Path, *, name: str | None = None, max_failed: float = MAX_FAILED
) -> tuple[Hardware, FitReport]:
    """Fit the tables that `gaincell characterize` wrote to a folder; write hardware and fit.json.

    Args:
        tables: folder of the tables and their manifest.
        out: folder for hardware.json, hardware.safetensors and fit.json; it is made if necessary.
        name: name of the hardware; None for the name of the technology.
        max_failed: largest tolerated fraction of failed points in a table.

    Returns:
        The hardware and the report that were written.

    Raises:
        TableError: a table is missing, damaged, or has more than `max_failed` failed points.
        OSError: `out` cannot be written.
    """
    from ...characterization.table import read_manifest, read_table

    manifest = read_manifest(tables)
    optional = (
        procedure for procedure in (*OPTIONAL_TABLES, *REPORTED_TABLES) if procedure in manifest["tables"]
    )
    used = [*REQUIRED_TABLES, *optional]
    hardware, report = fit_hardware(
        {procedure: read_table(tables, procedure) for procedure in used},
        manifest["condition"],
        name=name or manifest["condition"]["technology"],
        provenance=provenance(manifest),
        max_failed=max_failed,
    )
    hardware.save_pretrained(out)
    write_text(out / REPORT_FILE, report.model_dump_json(indent=1) + "\n")
    return hardware, report


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
        "agreements": {
            name: found.model_dump() | {"limit": found.limit, "met": found.met}
            for name, found in report.agreements.items()
        },
        "storage": None if report.storage is None else report.storage.model_dump(),
        "corners": [figure.model_dump() | {"met": figure.met} for figure in report.corners],
    }
