"""Characterization tables on disk: Parquet files that their manifest vouches for.

The manifest is removed before the first table is replaced and written after the last one, so tables without
it, or that differ from it, are the remains of an interrupted run.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from ..circuits.errors import TableError

MANIFEST = "manifest.json"
SHIPPED_TABLES = Path(__file__).parent / "tables"
"""One folder per technology with the tables that its shipped hardware was fitted to."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """The conditions of the run that wrote the tables in `folder`; TableError without a finished run."""
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TableError(
            f"{folder} holds no finished characterization (no {MANIFEST}); {_remedy(folder)}"
        ) from None
    except (OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read ({error}); {_remedy(folder)}") from None
    if not isinstance(manifest, dict) or "tables" not in manifest:
        raise TableError(f"{path} is not a characterization manifest; {_remedy(folder)}")
    return manifest


def read_table(folder: Path, procedure: str) -> pd.DataFrame:
    """The table of a procedure: swept and measured columns in SI units, `point`, `status` and `message`.

    Raises:
        TableError: the table is missing, damaged, or not the one that the manifest describes.
    """
    folder = Path(folder)
    tables = read_manifest(folder)["tables"]
    if procedure not in tables:
        known = ", ".join(tables)
        raise TableError(
            f"{folder} has no table {procedure!r} (it has {known}); run a plan that includes it: "
            f"gaincell characterize --plan PLAN --out {folder}"
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
    except (OSError, pa.ArrowException) as error:
        raise TableError(f"{path} is not a Parquet table ({error}); {_remedy(folder)}") from None
    if len(rows) != entry["rows"]:
        raise TableError(f"{path} has {len(rows)} rows instead of {entry['rows']}; {_remedy(folder)}")
    return rows


def _remedy(folder: Path) -> str:
    return f"run: gaincell characterize --out {folder}"
