"""Atomic file writes, checks that a path can be written, digests, and the cache folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL_SUFFIX = ".gaincell.part"
"""Suffix of temporary files and folders, which also begin with a dot. A killed process leaves them behind;
`sweep` removes them."""

_MODE = 0o644


def cache_folder() -> Path:
    """Folder of results that can be computed again, shared by all processes of a user.

    Returns:
        $GAINCELL_CACHE if it is set, else `gaincell` in $XDG_CACHE_HOME, else in ~/.cache.
    """
    if chosen := os.environ.get("GAINCELL_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gaincell"


def replace_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file with a function that needs a file name (Parquet, `torch.save`, safetensors) in one step.

    `write` gets a temporary file in the folder of `path`, which then replaces `path`. A reader, a concurrent
    writer or an interruption sees the old content or the new one, never a part of either. The data are not
    flushed to the disk (no fsync): this protects from killed processes, not from power failures.

    Args:
        path: file to write or replace; its folder is made if necessary. Of a symbolic link, the target.
        write: writes the whole content to the path it is given, an empty file with the suffix PARTIAL_SUFFIX.

    Raises:
        OSError: the folder or the file cannot be written, or `path` is a device, a pipe or a socket.
        Exception: whatever `write` raises. `path` is then unchanged and the temporary file is removed.
    """
    path = _regular(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = {"dir": path.parent, "prefix": f".{path.name}.", "suffix": PARTIAL_SUFFIX}
    handle, partial = _locked(lambda: _made_file(**names))
    try:
        write(partial)
        partial.chmod(_MODE)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


@contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder in a folder, for files that are then moved out of it.

    Args:
        folder: folder of results; it is made if necessary, and swept.

    Yields:
        An empty folder, which is removed in the end.

    Raises:
        OSError: the folder cannot be made.
    """

    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    names = {"dir": folder, "prefix": ".save.", "suffix": PARTIAL_SUFFIX}
    handle, partial = _locked(lambda: tempfile.mkdtemp(**names))
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(handle)


def sweep(folder: Path) -> int:
    """Remove the temporary files and folders that killed processes have left in a folder.

    Those of running processes are locked and stay.

    Args:
        folder: folder of results; it need not exist.

    Returns:
        Number of removed files and folders.
    """
    removed = 0
    for path in folder.glob(f".*{PARTIAL_SUFFIX}"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed += 1
        except OSError:
            continue
        finally:
            os.close(handle)
    return removed


def _regular(path: Path) -> Path:
    """The file that a path leads to. A device or a pipe would be replaced by a file, /dev/null too."""
    target = path.resolve() if path.is_symlink() else path
    if target.exists() and not target.is_file():
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return target


def _made_file(**names: Any) -> str:
    handle, name = tempfile.mkstemp(**names)
    os.close(handle)
    return name


def _locked(make: Callable[[], str]) -> tuple[int, Path]:
    """Descriptor and path of a new temporary file or folder, locked as long as this process has it open."""
    while True:
        name = make()
        try:
            handle = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # swept before it was locked
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(name):
            return handle, Path(name)
        os.close(handle)


def write_atomically(path: Path, data: bytes) -> None:
    """Write bytes in one step (see `replace_atomically`).

    Args:
        path: file to write or replace; its folder is made if necessary.
        data: the whole content.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    replace_atomically(path, lambda partial: partial.write_bytes(data))


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8 in one step, line ends unchanged (see `replace_atomically`).

    Args:
        path: file to write or replace; its folder is made if necessary.
        text: the whole content.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    write_atomically(path, text.encode())


def write_json(path: Path, value: Any, indent: int = 1) -> None:
    """Write a value as indented JSON with a final newline in one step (see `replace_atomically`).

    Args:
        path: file to write or replace; its folder is made if necessary.
        value: dictionaries, lists, strings, numbers, booleans and None.
        indent: spaces per level.

    Raises:
        TypeError: `value` holds something that JSON has no form for.
        OSError: the folder or the file cannot be written.
    """
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False) + "\n")


def values_digest(values: dict[str, Any]) -> str:
    """sha256 (hexadecimal) of JSON values, whatever their layout and order, without the entry "digest"."""
    content = {name: value for name, value in values.items() if name != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """Values as they will be read from JSON, with their digest, by which `as_written` knows them again.

    The digest protects from damage and from edits that were forgotten, not from someone who makes a new one.

    Args:
        values: dictionaries, lists, tuples, strings, numbers, booleans, None, and what `str` can write.

    Returns:
        The values without tuples and with strings as keys, and the entry "digest".
    """
    plain = json.loads(json.dumps(values, default=str))
    return plain | {"digest": values_digest(plain)}


def as_written(values: dict[str, Any]) -> bool | None:
    """Whether values from JSON are those that were sealed; None if they have no digest."""
    return values["digest"] == values_digest(values) if "digest" in values else None


def digest(path: Path) -> str:
    """sha256 of the content of a file, hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written, before the computation whose results would go there.

    Makes a temporary file in the folder, or in its nearest existing parent, and removes it again, with those
    that killed processes have left in the folder.

    Args:
        folder: existing folder, or one that would be made.

    Raises:
        OSError: the folder cannot be made or written; the error names `folder`.
    """
    sweep(folder)
    place = folder.absolute()
    try:
        while not place.exists():
            place = place.parent
        with tempfile.NamedTemporaryFile(dir=place, prefix=".gaincell."):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def require_file(path: Path) -> None:
    """Refuse a file that cannot be written, before the computation whose result would go there.

    Args:
        path: existing file, or one that would be made.

    Raises:
        OSError: `path` is no regular file, or its folder cannot be made or written (see `require_folder`).
    """
    require_folder(_regular(path).parent)
