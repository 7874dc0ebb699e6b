"""The folder of the netlists of a run, and the check that a run overwrites no foreign files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from ..circuits.errors import TableError
from ..circuits.files import sweep, write_atomically, write_json
from .procedure import procedure_names
from .table import MANIFEST, read_manifest

NETLISTS = "netlists"
"""Name of the folder of the netlists, beside the tables."""

LOCK = ".lock"
"""Name of the file that a run locks in the folder of its results. It shows that a run has used the folder."""

_RECORD = ".written.json"
"""File in the folder of the netlists: the paths of the files that runs have written there."""
_DECK = re.compile(r"[0-9a-f]{12}\.cir")


def require_own_folder(out: Path, procedures: Iterable[str]) -> None:
    """Refuse a folder of results in which a run would overwrite files that no run has written.

    Args:
        out: folder of the results; it need not exist.
        procedures: names of the procedures of the run.

    Raises:
        TableError: the folder has a file with the name of a table or of the manifest, and no run has used it.
    """
    if (out / LOCK).exists():
        return
    with suppress(TableError):
        read_manifest(out)
        return
    for name in (MANIFEST, *(f"{procedure}.parquet" for procedure in procedures)):
        if (out / name).exists():
            raise TableError(
                f"{out / name} is not from a characterization and would be overwritten; choose another folder"
            )


def write_netlists(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace the netlists of earlier runs in a folder; other files in it stay.

    Args:
        folder: folder of the netlists; it is made if necessary.
        files: content of each file, by its path below `folder`.

    Raises:
        OSError: a file cannot be written or removed.
    """
    earlier = _written(folder)
    for place in {folder, *((folder / name).parent for name in earlier | files.keys())}:
        sweep(place)
    # If the run is killed between here and the end, the next one knows the files of both.
    write_json(folder / _RECORD, sorted(earlier | files.keys()))
    for name in sorted(earlier - files.keys()):
        path = folder / name
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            for parent in list(PurePosixPath(name).parents)[:-1]:
                (folder / parent).rmdir()
    for name, data in files.items():
        write_atomically(folder / name, data)
    write_json(folder / _RECORD, sorted(files))


def _written(folder: Path) -> set[str]:
    """Paths below `folder` of the files that earlier runs have written."""
    try:
        names = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        names = []
    inside = {name for name in names if _is_inside(name)} if isinstance(names, list) else set()
    # Versions without a record have left decks, whose names tell their origin.
    decks = {
        f"{name}/{path.name}"
        for name in procedure_names()
        for path in (folder / name).glob("*.cir")
        if _DECK.fullmatch(path.name)
    }
    return {name for name in inside | decks if not (folder / name).is_dir()}


def _is_inside(name: object) -> bool:
    if not isinstance(name, str) or not name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
