"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one step, making its folder; an interrupted write leaves the old content or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def require_folder(folder: Path) -> None:
    """Refuse a folder that could not be written, before the work whose result would go there.

    Tries in the folder, or where it would be made; leaves nothing behind. Raises `OSError` naming the folder.
    """
    place = folder.absolute()
    try:
        while not place.exists():
            place = place.parent
        with tempfile.NamedTemporaryFile(dir=place, prefix=".gaincell."):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def require_file(path: Path) -> None:
    """Refuse a file that could not be written, as `require_folder` does. Raises `OSError` naming it."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    require_folder(path.parent)
