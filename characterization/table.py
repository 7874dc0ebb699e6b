"""Reader of characterization tables: Parquet files described by a manifest.

A run removes the manifest before it replaces the first table and writes it after the last one. Tables without
a manifest, or that differ from it, are therefore from an interrupted run.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd
import pyarrow as pa

from ..circuits.errors import TableError
from ..circuits.files import sealed, values_digest, write_json

MANIFEST = "manifest.json"
"""File name of the manifest."""

MANIFEST_FORMAT = 2
"""Format number of the manifest. Format 1 had no digest."""

SHIPPED_TABLES = Path(__file__).parent / "tables"
"""Folder of the shipped tables, one sub-folder per technology. The shipped hardware is fitted to them."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder: conditions of the run and descriptions of its tables.

    Raises:
        TableError: there is no finished run in the folder, or the manifest cannot be read, is damaged, or has
            a format of another gaincell version.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TableError(
            f"{folder} holds no finished characterization (no {MANIFEST}); {_remedy(folder)}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise TableError(f"{path} cannot be read ({error}); {_remedy(folder)}") from None
    if not isinstance(manifest, dict) or not _describes_tables(manifest.get("tables")):
        raise TableError(f"{path} is not a characterization manifest; {_remedy(folder)}")
    found = manifest.get("format", 1)
    if type(found) is not int or not 1 <= found <= MANIFEST_FORMAT:
        raise TableError(
            f"{path} has format {found!r}, this version reads 1 to {MANIFEST_FORMAT}; {_remedy(folder)}"
        )
    if (found > 1 or "digest" in manifest) and manifest.get("digest") != values_digest(manifest):
        raise TableError(f"{path} is damaged or was edited; {_remedy(folder)}")
    return manifest


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest of a folder with its format and its digest.

    Args:
        folder: results of a run, whose tables are complete.
        manifest: conditions and descriptions of the tables; a format and a digest in it are replaced.

    Raises:
        OSError: the folder cannot be written.
    """
    values = {"format": MANIFEST_FORMAT} | {
        n: v for n, v in manifest.items() if n not in ("format", "digest")
    }
    write_json(folder / MANIFEST, sealed(values), indent=2)


def _describes_tables(tables: Any) -> bool:
    """Whether every table has a file in the folder, a digest and a number of rows."""
    return isinstance(tables, dict) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("sha256"), str)
        and type(entry.get("rows")) is int
        and isinstance(entry.get("file"), str)
        and entry["file"] == Path(entry["file"]).name != ""
        for entry in tables.values()
    )


def read_table(folder: Path, procedure: str) -> pd.DataFrame:
    """Read the table of a procedure.

    Args:
        folder: results of a run.
        procedure: name of the procedure.

    Returns:
        Swept and measured columns in SI units, and `point`, `status` and `message`.

    Raises:
        TableError: the table is missing, damaged, or not the one that the manifest describes.
    """
    folder = Path(folder)
    tables = read_manifest(folder)["tables"]
    if procedure not in tables:
        known = ", ".join(tables)
        raise TableError(
            f"{folder} has no table {procedure!r} (it has {known}); run a plan that includes it: "
            f"gaincell characterize --plan PLAN --out {quote(str(folder))}"
        )
    entry = tables[procedure]
    path = folder / entry["file"]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror}); {_remedy(folder)}") from None
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise TableError(f"{path} is damaged or from another run than {MANIFEST}; {_remedy(folder)}")
    try:
        rows = pd.read_parquet(io.BytesIO(data))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise TableError(f"{path} is not a Parquet table ({error}); {_remedy(folder)}") from None
    if len(rows) != entry["rows"]:
        raise TableError(f"{path} has {len(rows)} rows instead of {entry['rows']}; {_remedy(folder)}")
    return rows


def _remedy(folder: Path) -> str:
    return f"run: gaincell characterize --out {quote(str(folder))}"
