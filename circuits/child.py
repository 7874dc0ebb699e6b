"""A child process with a time limit, which costs its parent nothing while it runs.

A pipe would wake the parent for every few lines of messages, and `Popen.wait` with a limit sleeps and looks
again: on one core both take time from the simulator. Messages go to a file, and the kernel says when it ends.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from .usage import Usage, usage_of

LOOK = 0.5
"""Time between two looks at what a running process uses, s."""


def run(
    command: list[str], folder: Path, log: Path, timeout: float, variables: Mapping[str, str]
) -> tuple[int, Usage]:
    """Exit status and usage of a command in `folder`; what it prints is in `log`.

    Args:
        command: executable and arguments.
        folder: working directory.
        log: file that gets standard output and errors.
        timeout: wall-clock limit, s.
        variables: environment variables, over those of this process.

    Raises:
        subprocess.TimeoutExpired: the limit has passed; the process is gone.
    """
    environment = {**os.environ, **variables}
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
        )
        try:
            ended = _watch(process, stack)
            while not ended(max(0.0, min(LOOK, ends - time.monotonic()))):
                usage = usage_of(process.pid)
                if time.monotonic() >= ends:
                    raise subprocess.TimeoutExpired(command, timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
    return process.returncode, usage


def _watch(process: subprocess.Popen, stack: ExitStack) -> Callable[[float], bool]:
    """Function of a time (s): waits as long at most, and says whether the process has ended."""
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
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
