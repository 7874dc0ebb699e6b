"""Tables that a fit needs, small enough to change in a test."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from gaincell.characterization.table import SHIPPED_TABLES, write_manifest
from gaincell.models.fitting.fit import REQUIRED_TABLES

SOURCE = SHIPPED_TABLES / "generic28"


def copy_required(folder: Path) -> Path:
    """Copy the required tables of the shipped characterization, with a manifest of these."""
    folder.mkdir(parents=True)
    manifest = json.loads((SOURCE / "manifest.json").read_text())
    manifest["tables"] = {name: manifest["tables"][name] for name in REQUIRED_TABLES}
    for entry in manifest["tables"].values():
        shutil.copy(SOURCE / entry["file"], folder)
    write_manifest(folder, manifest)
    return folder


def rewrite(
    folder: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame], described: bool = True
) -> None:
    """Change a table, and the manifest with it, so that both belong together."""
    path = folder / f"{name}.parquet"
    change(pd.read_parquet(path)).to_parquet(path)
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = manifest["tables"][name]
    rows = pd.read_parquet(path)
    entry |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "rows": len(rows)}
    if not described:
        entry["columns"] = {c: d for c, d in entry["columns"].items() if c in rows.columns}
    write_manifest(folder, manifest)
