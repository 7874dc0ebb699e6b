"""Results of simulation batches, stored under a key of everything that determines them.

An entry is one Parquet file that is written atomically. A run that is killed leaves only whole entries, and
concurrent runs may share a cache. The metadata of an entry hold the parts of its key (`CacheKey`) and the
digest of its rows: an entry that is damaged, or that answers another question, is a miss. From the parts of
the keys `stale.explain` finds why an entry no longer fits.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..circuits.files import cache_folder, replace_atomically
from .cache_key import CACHE_FORMAT, CacheKey

_NOTE = b"gaincell"
"""Metadata field of a Parquet file that holds the note given to `write_parquet`."""
_ROWS = "rows"
"""Name of the digest of the rows in the note of an entry."""
_ABANDONED = 3600.0
"""Age at which a temporary file is taken for the remains of a killed run, s."""


@dataclass(frozen=True)
class Entry:
    """One batch in the cache."""

    path: Path
    size: int
    """Size of the file, B."""
    used: float
    """Time of the last read or write, s since the epoch."""
    rows: int
    """Number of table rows."""
    key: CacheKey | None
    """Key of the entry; None if another gaincell version wrote it, so that no run finds it any more."""


@dataclass(frozen=True)
class Cache:
    """A folder of batch results."""

    folder: Path
    read: bool = True
    """Whether existing entries are used; False simulates every batch again and replaces its entry."""

    @classmethod
    def default(cls) -> Cache:
        """The user's cache (see `circuits.files.cache_folder`)."""
        return cls(cache_folder())

    def path(self, digest: str) -> Path:
        """File of the entry with the key digest `digest`, whether it exists or not."""
        return self.folder / digest[:2] / f"{digest}.parquet"

    def get(self, digest: str) -> pd.DataFrame | None:
        """Read the rows of a batch and mark its entry as used.

        Args:
            digest: `CacheKey.digest` of the batch.

        Returns:
            The rows, or None if there is no entry, if `read` is False, or if the entry does not prove that it
            is whole (the digest of its rows) and that it belongs to this key (its own key).
        """
        if not self.read:
            return None
        found = _load(self.path(digest))
        if found is None or found[0].digest != digest:
            return None
        with suppress(OSError):
            os.utime(self.path(digest))
        return found[1]

    def holds(self, digest: str) -> bool:
        """Whether there is a whole entry with the key digest `digest`. It does not count as a use."""
        found = _load(self.path(digest))
        return found is not None and found[0].digest == digest

    def put(self, key: CacheKey, rows: pd.DataFrame) -> None:
        """Store the rows of a batch under its key.

        Raises:
            OSError: the entry cannot be written.
        """
        # Read as `_load` reads them: a missing text and a missing number may get another form in the file.
        stored = _rows_of(pa.Table.from_pandas(rows, preserve_index=False))
        note = {**key.to_dict(), _ROWS: _digest(stored)}
        write_parquet(self.path(key.digest), rows, note)

    def entries(self) -> Iterator[Entry]:
        """Yield every whole entry; skip those that a concurrent run removes meanwhile, and damaged ones."""
        for path in sorted(self.folder.glob("??/*.parquet")):
            try:
                found, status = pq.read_metadata(path), path.stat()
                key = _key(_note(found.metadata))
            except Exception:  # pyarrow has no common base class for the errors of damaged files
                continue
            if key is not None and self.path(key.digest) != path:
                continue
            yield Entry(path, status.st_size, status.st_mtime, found.num_rows, key)

    def sweep(self) -> int:
        """Remove damaged entries and the temporary files of killed runs; return their number."""
        removed = 0
        for path in self.folder.glob("??/*"):
            partial = path.suffix == ".part"
            try:
                if partial and time.time() - path.stat().st_mtime < _ABANDONED:
                    continue
                if partial or self._is_damaged(path):
                    path.unlink(missing_ok=True)
                    removed += 1
            except FileNotFoundError:
                continue
        return removed

    def _is_damaged(self, path: Path) -> bool:
        """Whether a file is no entry; entries of another format are whole as far as is known."""
        try:
            note = _note(pq.read_metadata(path).metadata)
        except FileNotFoundError:
            return False
        except Exception:
            return True
        if isinstance(note, dict) and note.get("format") in range(1, CACHE_FORMAT):
            return False
        found = _load(path)
        return found is None or self.path(found[0].digest) != path


def _load(path: Path) -> tuple[CacheKey, pd.DataFrame] | None:
    """Key and rows of an entry; None unless the rows have the digest in its note."""
    try:
        table = pq.read_table(path, partitioning=None)
        note = _note(table.schema.metadata)
        key, rows = _key(note), _rows_of(table)
        return (key, rows) if key is not None and note[_ROWS] == _digest(rows) else None
    except Exception:  # any damage is a miss; pyarrow has no common base class for its errors
        return None


def _key(note: Any) -> CacheKey | None:
    """Key in the note of an entry; None for another format."""
    if isinstance(note, dict):
        note = {name: value for name, value in note.items() if name != _ROWS}
    return CacheKey.from_dict(note)


def _note(metadata: Any) -> Any:
    """Note of a Parquet file (see `write_parquet`).

    Raises:
        ValueError: there is none, or it is damaged.
    """
    note = (metadata or {}).get(_NOTE)
    if note is None:
        raise ValueError("no note")
    return json.loads(note)


def _rows_of(table: pa.Table) -> pd.DataFrame:
    """The table without the notes of pandas, which say nothing about the values."""
    return table.to_pandas(ignore_metadata=True)


def _digest(rows: pd.DataFrame) -> str:
    """sha256 of the names, types and values of all columns in their order."""
    hasher = hashlib.sha256()
    for name in rows:
        column = rows[name]
        values = [value.tolist() if isinstance(value, np.ndarray) else value for value in column.tolist()]
        hasher.update(f"{name!r} {column.dtype} {values!r}\n".encode())
    return hasher.hexdigest()


def write_parquet(path: Path, rows: pd.DataFrame, note: dict[str, Any] | None = None) -> None:
    """Write a table as a Parquet file in one step (see `circuits.files.replace_atomically`).

    Args:
        path: file to write or replace; its folder is made if necessary.
        rows: the table; its index is not stored.
        note: JSON-able values for the metadata of the file; None for no note.

    Raises:
        OSError: the file cannot be written.
    """
    table = pa.Table.from_pandas(rows, preserve_index=False)
    if note is not None:
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _NOTE: json.dumps(note)})
    replace_atomically(path, lambda partial: pq.write_table(table, partial))
