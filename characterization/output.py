"""What a run leaves: tables, the netlists as simulated beside the library they load, and the manifest."""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from ..circuits.errors import PlanError
from ..circuits.files import digest, write_json, write_text
from ..circuits.runner import Status
from ..circuits.technology import Technology
from .cache import write_parquet
from .plan import Plan
from .procedure import Context, Procedure
from .table import MANIFEST

MANIFEST_FORMAT = 1
LIBRARY = "library"
_LOADS = re.compile(r"^\s*\.(?:include|inc|lib)\s.*$", re.IGNORECASE | re.MULTILINE)
_OPTIONS = re.compile(r"^\s*\.options?\s.*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class TableRecord:
    """The table of one procedure and the decks it came from."""

    procedure: Procedure
    rows: pd.DataFrame
    decks: dict[str, str]
    """Cache key -> netlist."""


def portable(netlist: str, technology: Technology) -> str:
    """The netlist with its library at `../library/`, where `write_run` puts a copy.

    Raises:
        PlanError: the netlist loads another file, which neither the cache nor the reader of the netlist would
        have.
    """
    place = placed(technology)[technology.library]
    deck = netlist.replace(f'"{technology.library}"', f'"../{LIBRARY}/{place}"')
    for line in _LOADS.findall(deck):
        if f'"../{LIBRARY}/' not in line:
            raise PlanError(
                f"a netlist loads a file of its own ({line.strip()}); put the text into the netlist"
            )
    return deck


def placed(technology: Technology) -> dict[Path, PurePosixPath]:
    """Library file -> its place below the copied library folder; relative includes keep working."""
    root = Path(os.path.commonpath([path.parent for path in technology.files]))
    return {path: PurePosixPath(path.relative_to(root).as_posix()) for path in technology.files}


def write_run(
    out: Path,
    plan: Plan,
    technology: Technology,
    simulator: str,
    records: list[TableRecord],
    summary: dict[str, Any],
) -> None:
    """Replace the contents of `out`: without a manifest first, with it last (see `table`).

    Of two runs that write to one folder at once, the second waits for the first and then replaces it.
    """
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        _write(out, plan, technology, simulator, records, summary)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the operating system releases it when the process dies."""
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write(
    out: Path,
    plan: Plan,
    technology: Technology,
    simulator: str,
    records: list[TableRecord],
    summary: dict[str, Any],
) -> None:
    (out / MANIFEST).unlink(missing_ok=True)
    _write_netlists(out / "netlists", technology, records)
    tables = {record.procedure.name: _write_table(out, record, summary) for record in records}
    manifest = {
        "format": MANIFEST_FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "gaincell": version("gaincell"),
        "git_revision": git_revision(),
        "ngspice": simulator,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "plan": plan.model_dump(mode="json"),
        "technology": {
            "name": technology.name,
            "digest": technology.digest,
            "files": {str(place): digest(path) for path, place in placed(technology).items()},
        },
        "condition": Context.of(plan, "", technology).condition.describe(),
        "summary": {name: value for name, value in summary.items() if name != "procedures"},
        "tables": tables,
    }
    write_json(out / MANIFEST, manifest, indent=2)


def _write_table(out: Path, record: TableRecord, summary: dict[str, Any]) -> dict[str, Any]:
    path = out / f"{record.procedure.name}.parquet"
    write_parquet(path, record.rows)
    options = {line.strip() for deck in record.decks.values() for line in _OPTIONS.findall(deck)}
    relaxed = record.rows[(record.rows["status"] == Status.OK) & (record.rows["message"] != "")]
    return {
        "title": record.procedure.title,
        "file": path.name,
        "sha256": digest(path),
        "rows": len(record.rows),
        "columns": record.procedure.columns,
        "options": sorted(options),
        "relaxed_points": int(relaxed["point"].nunique()),
        "netlists": len(record.decks),
        **summary["procedures"][record.procedure.name],
    }


def _write_netlists(folder: Path, technology: Technology, records: list[TableRecord]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for path, place in placed(technology).items():
        (folder / LIBRARY / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / LIBRARY / place)
    for record in records:
        for key, deck in record.decks.items():
            write_text(folder / record.procedure.name / f"{key[:12]}.cir", deck.rstrip() + "\n")


def git_revision() -> str | None:
    """Commit of the source tree this code runs from, `+changes` when edited since; None outside git."""
    here = Path(__file__).parent
    try:
        commit, changes = (
            subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, timeout=30, check=True)
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", here.parent))
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip() + ("+changes" if changes.stdout.strip() else "")
