"""What a running process has used so far, as the kernel counts it (Linux's /proc)."""

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
    """Largest resident size, B."""


def usage_of(pid: int) -> Usage:
    """What the process has used until now; NaN where the system does not tell, or when it has ended.

    The peak belongs to the program that runs now: a child's `ru_maxrss`, in contrast, remembers the size of
    the process that it was forked from.
    """
    try:
        times = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return Usage()
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    if not peak:
        return Usage()
    ticks = int(times[11]) + int(times[12])  # fields 14 and 15 of proc(5), counted behind the program's name
    return Usage(cpu=ticks / os.sysconf("SC_CLK_TCK"), memory=1024.0 * int(peak[0]))
