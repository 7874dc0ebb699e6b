"""Temporary folders and the process group of the simulations of one process, which do not outlive it.

A process that is killed can neither remove its folders nor stop its simulations. A watcher does: a shell
that reads a pipe whose other end only this process holds. The system closes the pipe when the process ends,
however it ends. The watcher then kills the process group of the simulations and removes the folder. If the
watcher was killed as well, the next process removes the folder: only an owner that runs holds its lock.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "gaincell-"
"""Start of the names of the folders in the temporary directory."""

LOCK = ".gaincell-lock"
"""File in each folder, locked as long as its owner runs."""

_WATCHER = """
trap '' HUP INT QUIT TERM
PATH=/usr/bin:/bin
read line
kill -9 "-$1" 2>/dev/null
cd /
rm -rf -- "$2"
"""
_LEADER = "trap '' HUP INT QUIT TERM; read line"


@dataclass
class Workspace:
    """Folder and process group of the simulations of this process."""

    folder: Path
    """Folder of all temporary files."""
    lock: int
    """Descriptor of the locked file."""
    leader: subprocess.Popen
    """Process whose number is that of the group. It keeps the group in existence."""
    watcher: subprocess.Popen
    """Shell that ends group and folder."""
    made: dict[object, Path] = field(default_factory=dict)
    """Folders that are made once, by key."""

    @property
    def group(self) -> int:
        """Number of the process group."""
        return self.leader.pid

    @property
    def works(self) -> bool:
        """Whether folder, group and watcher still exist."""
        return self.watcher.poll() is None and self.leader.poll() is None and self.folder.is_dir()


_current: Workspace | None = None
_changing = threading.RLock()


def workspace() -> Workspace:
    """The workspace of this process, made at the first call.

    Raises:
        OSError: the temporary directory cannot be written, or no shell can be started.
    """
    global _current
    with _changing:
        if _current is None or not _current.works:
            close()
            sweep()
            _current = _open()
        return _current


def _open() -> Workspace:
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    # Locked before it gets its name: a concurrent sweep finds no lock file, or a locked one.
    unnamed = folder / f"{LOCK}-new"
    lock = os.open(unnamed, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(folder / LOCK)
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        # Groups of their own: Ctrl-C reaches this process only, which then decides.
        leader = subprocess.Popen(["/bin/sh", "-c", _LEADER], cwd="/", process_group=0, **streams)
        watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHER, "gaincell-watcher", str(leader.pid), str(folder)],
            cwd="/",
            process_group=0,
            **streams,
        )
    except BaseException:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Workspace(folder, lock, leader, watcher)


def close() -> None:
    """End the workspace of this process, if it has one, with everything in its group and its folder."""
    global _current
    with _changing:
        ended, _current = _current, None
        if ended is None:
            return
        for process in (ended.watcher, ended.leader):
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(ended.folder, ignore_errors=True)
        os.close(ended.lock)


def sweep() -> int:
    """Remove the folders of processes that have ended without doing so; return their number."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # another program's, or removed meanwhile
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        finally:
            os.close(handle)
    return removed


def _forget() -> None:
    """In a forked process: leave the workspace to its owner and let its pipes end with the owner."""
    global _current, _changing
    inherited, _current, _changing = _current, None, threading.RLock()
    if inherited is not None:
        for process in (inherited.watcher, inherited.leader):
            process.returncode = 0  # not a child of this process
            with contextlib.suppress(OSError):
                process.stdin.close()
        with contextlib.suppress(OSError):
            os.close(inherited.lock)


os.register_at_fork(after_in_child=_forget)
atexit.register(close)
