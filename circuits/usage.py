"""Processor time and memory of a running process, read from Linux's /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """Processor time and memory of a process."""

    cpu: float = float("nan")
    """User and system time, s."""
    memory: float = float("nan")
    """Peak resident memory, B."""


def usage_of(pid: int) -> Usage:
    """Read what a process has used until now.

    The peak memory is that of the program that runs now. The `ru_maxrss` of a child, in contrast, includes
    the size of the process it was forked from.

    Args:
        pid: process identifier.

    Returns:
        Time and memory; NaN where /proc is missing or the process has ended.
    """
    try:
        times = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return Usage()
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    if not peak:
        return Usage()
    ticks = int(times[11]) + int(times[12])  # utime, stime: fields 14 and 15 of proc(5)
    return Usage(cpu=ticks / os.sysconf("SC_CLK_TCK"), memory=1024.0 * int(peak[0]))
