"""From a folder of tables to a folder of hardware: the fit with its files around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import Hardware
from ..storage import replace_file
from .fit import MAX_FAILED, OPTIONAL, REPORTED, TABLES, FitReport, fit_hardware, provenance

REPORT = "fit.json"


def fit_folder(
    tables: Path, out: Path, *, name: str | None = None, max_failed: float = MAX_FAILED
) -> tuple[Hardware, FitReport]:
    """Fit the tables that `gaincell characterize` left in a folder; write hardware and fit.json to `out`.

    name: of the hardware, None for that of the technology.

    Raises:
        TableError: a table is missing, damaged, or has more than the fraction `max_failed` of failed points.
    """
    from ...characterization.table import read_manifest, read_table

    manifest = read_manifest(tables)
    optional = (procedure for procedure in (*OPTIONAL, *REPORTED) if procedure in manifest["tables"])
    used = [*TABLES, *optional]
    hardware, report = fit_hardware(
        {procedure: read_table(tables, procedure) for procedure in used},
        manifest["condition"],
        name=name or manifest["condition"]["technology"],
        provenance=provenance(manifest),
        max_failed=max_failed,
    )
    hardware.save_pretrained(out)
    replace_file(out / REPORT, (report.model_dump_json(indent=1) + "\n").encode())
    return hardware, report


def report_dict(report: FitReport) -> dict[str, Any]:
    """The report as JSON-able values, with whether each limit is met."""
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
