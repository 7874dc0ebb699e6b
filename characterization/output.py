"""Results of a run on disk: tables, the simulated netlists with the library they load, and the manifest."""

from __future__ import annotations

import fcntl
import platform
import re
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
from ..circuits.files import digest, sweep
from ..circuits.library import COPY, copied_bytes
from ..circuits.runner import Status
from ..circuits.technology import Technology
from .cache import write_parquet
from .netlists import LOCK, NETLISTS, write_netlists
from .plan import Plan
from .procedure import Context, Procedure
from .table import MANIFEST, write_manifest

LIBRARY = COPY
"""Name of the folder with the library, beside the netlists."""

_LOADS = re.compile(r"^[ \t]*\.(?:inc|lib)\S*[ \t].*$", re.IGNORECASE | re.MULTILINE)
_OPTIONS = re.compile(r"^\s*\.options?\s.*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class TableRecord:
    """The table of one procedure and its decks."""

    procedure: Procedure
    """Procedure that made the table."""
    rows: pd.DataFrame
    """The table."""
    decks: dict[str, str]
    """Netlists by cache key."""


def portable(netlist: str, technology: Technology) -> str:
    """Replace the path of the library in a netlist by `../library/`, where `write_run` puts a copy.

    Args:
        netlist: deck as simulated.
        technology: its technology.

    Returns:
        Deck that is independent of the machine.

    Raises:
        PlanError: the netlist loads another file, which is neither part of the cache key nor written beside
            the netlist.
    """
    place = technology.copies[0].place
    deck = netlist.replace(f'"{technology.library}"', f'"../{LIBRARY}/{place}"')
    for file in technology.modules.values():
        deck = deck.replace(f'"{file}"', f'"../{LIBRARY}/{file.name}"')
    for line in _LOADS.findall(deck):
        if f'"../{LIBRARY}/' not in line:
            raise PlanError(
                f"a netlist loads a file of its own ({line.strip()}); put the text into the netlist"
            )
    return deck


def placed(technology: Technology) -> dict[Path, PurePosixPath]:
    """Path of the copy of each library file below the folder `LIBRARY` (see `circuits.library`)."""
    return {file.path: file.place for file in technology.copies}


def write_run(
    out: Path,
    plan: Plan,
    technology: Technology,
    simulator: str,
    version_used: str,
    records: list[TableRecord],
    summary: dict[str, Any],
    trim: dict[str, Any] | None = None,
) -> None:
    """Replace the results in a folder. The manifest is removed first and written last (see `table`).

    If two runs write to one folder at once, the second waits for the first and then replaces its results.

    Args:
        out: folder of the results.
        plan: the plan.
        technology: its technology.
        simulator: name of the simulator.
        version_used: its version, from `runner.simulator_version`.
        records: tables and decks.
        summary: `execute.Summary` as a dictionary.
        trim: record of the trim; None: not trimmed.

    Raises:
        OSError: the folder cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        _write(out, plan, technology, simulator, version_used, records, summary, trim)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock a folder; the operating system releases the lock when the process ends."""
    with (folder / LOCK).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write(
    out: Path,
    plan: Plan,
    technology: Technology,
    simulator: str,
    version_used: str,
    records: list[TableRecord],
    summary: dict[str, Any],
    trim: dict[str, Any] | None,
) -> None:
    sweep(out)
    (out / MANIFEST).unlink(missing_ok=True)
    write_netlists(out / NETLISTS, _netlists(technology, records))
    tables = {record.procedure.name: _write_table(out, record, summary) for record in records}
    technology.require_unchanged()
    manifest = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "gaincell": version("gaincell"),
        "git_revision": git_revision(),
        simulator: version_used.removeprefix(f"{simulator} "),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "plan": plan.model_dump(mode="json"),
        "technology": {
            "name": technology.name,
            "digest": technology.digest,
            "files": {str(place): digest(path) for path, place in placed(technology).items()},
        },
        "condition": Context.of(plan, "", technology).condition.describe(),
        **({} if trim is None else {"trim": trim}),
        "summary": {name: value for name, value in summary.items() if name != "procedures"},
        "tables": tables,
    }
    write_manifest(out, manifest)


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


def _netlists(technology: Technology, records: list[TableRecord]) -> dict[str, bytes]:
    """Content of each file below the folder of the netlists, by its path there."""
    contents = zip(technology.copies, copied_bytes(technology.copies), strict=True)
    files = {f"{LIBRARY}/{file.place}": data for file, data in contents}
    files |= {f"{LIBRARY}/{file.name}": file.read_bytes() for file in technology.modules.values()}
    for record in records:
        for key, deck in record.decks.items():
            files[f"{record.procedure.name}/{key[:12]}.cir"] = (deck.rstrip() + "\n").encode()
    return files


def git_revision() -> str | None:
    """Commit of the source tree of this code, with `+changes` if it was edited since; None outside git."""
    here = Path(__file__).parent
    try:
        commit, changes = (
            subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, timeout=30, check=True)
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", here.parent))
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip() + ("+changes" if changes.stdout.strip() else "")
