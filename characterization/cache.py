"""Results of simulation batches, stored under a key of everything that determines them.

An entry is one Parquet file that is written atomically. A run that is killed leaves only whole entries, and
concurrent runs may share a cache. The metadata of an entry hold the parts of its key (`CacheKey`), from which
`stale.explain` finds why an entry no longer fits.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..circuits.files import PARTIAL_SUFFIX, cache_folder, replace_atomically
from .cache_key import CacheKey

_NOTE = b"gaincell"
"""Metadata field of a Parquet file that holds the note given to `write_parquet`."""
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
            The rows, or None if there is no entry, if its file is damaged, or if `read` is False.
        """
        if not self.read:
            return None
        try:
            rows = pd.read_parquet(self.path(digest))
            os.utime(self.path(digest))
        except (OSError, pa.ArrowException):
            return None
        return rows

    def put(self, key: CacheKey, rows: pd.DataFrame) -> None:
        """Store the rows of a batch under its key.

        Raises:
            OSError: the entry cannot be written.
        """
        write_parquet(self.path(key.digest), rows, key.to_dict())

    def entries(self) -> Iterator[Entry]:
        """Yield every whole entry; skip those that a concurrent run removes meanwhile, and damaged ones."""
        for path in sorted(self.folder.glob("??/*.parquet")):
            try:
                found, status = pq.read_metadata(path), path.stat()
            except (OSError, pa.ArrowException):
                continue
            note = (found.metadata or {}).get(_NOTE)
            key = CacheKey.from_dict(json.loads(note)) if note else None
            yield Entry(path, status.st_size, status.st_mtime, found.num_rows, key)

    def sweep(self) -> int:
        """Remove damaged entries and the temporary files of killed runs; return their number."""
        removed = 0
        for path in self.folder.glob("??/*"):
            partial = path.suffix == PARTIAL_SUFFIX
            if partial and time.time() - path.stat().st_mtime < _ABANDONED:
                continue
            if partial or _is_damaged(path):
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
