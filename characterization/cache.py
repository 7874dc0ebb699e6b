"""Results of simulation batches, stored by the content of what produced them.

An entry is one Parquet file written in one step (temporary file, then rename), so a run that is killed at any
instant leaves only whole entries behind, and concurrent runs may share a cache. Its metadata hold the parts
of its key (`Origin`), so that it can be told why an entry no longer fits.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .origin import Origin

_NOTE = b"gaincell"
_ABANDONED = 3600.0
"""Age at which a temporary file belongs to a run that was killed, s."""


def default_folder() -> Path:
    """$GAINCELL_CACHE, or gaincell below the user's cache folder."""
    if chosen := os.environ.get("GAINCELL_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gaincell"


@dataclass(frozen=True)
class Entry:
    """One batch in the cache."""

    path: Path
    size: int
    """Bytes."""
    used: float
    """When it was last read or written, s since the epoch."""
    rows: int
    origin: Origin | None
    """None for an entry of another gaincell version, which no run finds any more."""


@dataclass(frozen=True)
class Cache:
    """A folder of batch results."""

    folder: Path
    read: bool = True
    """False simulates everything again and replaces the entries."""

    @classmethod
    def default(cls) -> Cache:
        """The user's cache."""
        return cls(default_folder())

    def path(self, key: str) -> Path:
        """Where the entry of `key` is or would be."""
        return self.folder / key[:2] / f"{key}.parquet"

    def get(self, key: str) -> pd.DataFrame | None:
        """The rows stored under `key`; None when there are none, or when the file is damaged."""
        if not self.read:
            return None
        try:
            rows = pd.read_parquet(self.path(key))
            os.utime(self.path(key))
        except (OSError, pa.ArrowException):
            return None
        return rows

    def put(self, origin: Origin, rows: pd.DataFrame) -> None:
        """Store the rows of a batch."""
        write_parquet(rows, self.path(origin.key), origin.to_dict())

    def entries(self) -> Iterator[Entry]:
        """Every whole entry; one that a concurrent run removes or damages meanwhile is passed over."""
        for path in sorted(self.folder.glob("??/*.parquet")):
            try:
                found, status = pq.read_metadata(path), path.stat()
            except (OSError, pa.ArrowException):
                continue
            note = (found.metadata or {}).get(_NOTE)
            origin = Origin.from_dict(json.loads(note)) if note else None
            yield Entry(path, status.st_size, status.st_mtime, found.num_rows, origin)

    def sweep(self) -> int:
        """Remove damaged entries and the temporary files of killed runs; returns how many there were."""
        removed = 0
        for path in self.folder.glob("??/*"):
            if path.suffix == ".part" and time.time() - path.stat().st_mtime < _ABANDONED:
                continue
            if path.suffix == ".part" or _is_damaged(path):
                path.unlink(missing_ok=True)
                removed += 1
        return removed


def _is_damaged(path: Path) -> bool:
    try:
        pq.read_metadata(path)
    except FileNotFoundError:
        return False
    except (OSError, pa.ArrowException):
        return True
    return False


def write_parquet(rows: pd.DataFrame, path: Path, note: dict[str, Any] | None = None) -> None:
    """Write a table in one step: the file is whole or not there. `note` goes into its metadata."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    if note is not None:
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _NOTE: json.dumps(note)})
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    os.close(handle)
    try:
        pq.write_table(table, temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(value: Any, path: Path) -> None:
    """Write a value as indented JSON in one step."""
    write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write a text file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
