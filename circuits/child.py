"""Child processes with a time limit, waited for without polling.

A pipe wakes the parent for every few lines of messages, and `Popen.wait` with a timeout polls. On one core
both take time from the simulator. So the messages go to a file, and a pidfd reports the end of the process.
The child joins the process group of `workspace`, so it does not outlive this process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from .usage import PROC, Usage, usage_of
from .workspace import workspace

SAMPLE_INTERVAL = 0.5
"""Time between two readings of the usage of a running process, s."""


def run(
    command: list[str], folder: Path, log: Path, timeout: float, variables: Mapping[str, str | None]
) -> tuple[int, Usage]:
    """Run a command and wait for its end.

    Args:
        command: executable and arguments.
        folder: working directory.
        log: file that gets standard output and errors.
        timeout: wall-clock limit, s.
        variables: environment variables, which override those of this process; None removes one.

    Returns:
        Exit status (negative: number of the signal that ended the process), and the usage at the last
        reading.

    Raises:
        subprocess.TimeoutExpired: the time limit has passed; the process was killed.
        OSError: the command cannot be started.
    """
    merged = {**os.environ, **variables}
    environment = {name: value for name, value in merged.items() if value is not None}
    usage, ends = Usage(), time.monotonic() + timeout
    with ExitStack() as stack:
        output = stack.enter_context(log.open("wb"))
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=workspace().group,
        )
        try:
            ended = _watch(process, stack)
            while not ended(max(0.0, min(SAMPLE_INTERVAL, ends - time.monotonic()))):
                usage = usage_of(process.pid)
                if time.monotonic() >= ends:
                    raise subprocess.TimeoutExpired(command, timeout)
        except BaseException:
            _kill(process)
            raise
    return process.returncode, usage


def _kill(process: subprocess.Popen) -> None:
    """Kill a process and all that it has started: an `ngspice` on PATH may be a script."""
    parents = {}
    for status in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    found = [process.pid]
    for ancestor in found:
        found += [pid for pid, parent in parents.items() if parent == ancestor and pid not in found]
    process.kill()
    for pid in found[1:]:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _watch(process: subprocess.Popen, stack: ExitStack) -> Callable[[float], bool]:
    """Function that waits at most a given time (s) and returns whether the process has ended."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, an old kernel, or a sandbox
        return lambda seconds: _ends_within(process, seconds)
    stack.callback(os.close, descriptor)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)

    def ended(seconds: float) -> bool:
        if not poll.poll(seconds * 1000):
            return False
        process.wait()
        return True

    return ended


def _ends_within(process: subprocess.Popen, seconds: float) -> bool:
    """Fallback of `_watch` without a pidfd: poll."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
