"""Results of simulation batches, stored by the content of what produced them.

An entry is one Parquet file written in one step (temporary file, then rename), so a run that is killed at any
instant leaves only whole entries behind, and concurrent runs may share a cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from ..circuits.runner import Simulation

FORMAT = 1
"""Raised when the meaning of an entry changes; older entries are then never found again."""


def default_folder() -> Path:
    """$GAINCELL_CACHE, or gaincell below the user's cache folder."""
    if chosen := os.environ.get("GAINCELL_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gaincell"


def batch_key(
    procedure: str,
    simulation: Simulation,
    points: pd.DataFrame,
    *,
    library: str,
    simulator: str,
    source: str,
) -> str:
    """sha256 of all that determines a batch's rows.

    Args:
        procedure: its name.
        simulation: with a netlist that names library files without their place on this machine.
        points: the batch's swept values.
        library: digest of the technology's library files.
        simulator: ngspice version.
        source: fingerprint of the measuring code.
    """
    parts = {
        "format": FORMAT,
        "procedure": procedure,
        "netlist": simulation.netlist,
        "end": simulation.end,
        "plot": simulation.plot,
        "points": {str(name): [repr(value) for value in points[name].tolist()] for name in points},
        "library": library,
        "simulator": simulator,
        "source": source,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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
            return pd.read_parquet(self.path(key))
        except (OSError, pa.ArrowException):
            return None

    def put(self, key: str, rows: pd.DataFrame) -> None:
        """Store the rows of a batch."""
        write_parquet(rows, self.path(key))


def write_parquet(rows: pd.DataFrame, path: Path) -> None:
    """Write a table in one step: the file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    os.close(handle)
    try:
        rows.to_parquet(temporary, index=False)
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
