"""Peak memory of one call: of the whole process on a CPU, of torch's allocator on a GPU.

A native kernel takes its workspace where torch's profiler does not see it, so the peak is read from the
operating system: resident pages at their highest during the call, less those before it. That is the peak of
live memory only while freed blocks go back at once, which glibc can be told to do.
"""

from __future__ import annotations

import ctypes
import re
import statistics
from collections.abc import Callable
from pathlib import Path

import torch

MIB = 2**20
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
"""Parameters of mallopt(3)."""
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the allocator keep what is freed, so that no time goes into fresh pages; False without glibc."""
    return _mallopt({_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: _NEVER})


def return_freed_memory() -> bool:
    """Let the allocator return every freed block of 64 KiB or more at once; False without glibc."""
    return _mallopt({_M_MMAP_MAX: 65536, _M_MMAP_THRESHOLD: 65536, _M_TRIM_THRESHOLD: 65536})


def _mallopt(settings: dict[int, int]) -> bool:
    return _has_glibc() and all(ctypes.CDLL(None).mallopt(name, value) for name, value in settings.items())


def _has_glibc() -> bool:
    library = ctypes.CDLL(None)
    return hasattr(library, "mallopt") and hasattr(library, "malloc_trim")


def peak(call: Callable[[], object], device: torch.device) -> float | None:
    """MiB that `call` needs at its peak beyond what was there, its results included: median of three calls.

    None where it cannot be measured (a CPU without Linux and glibc). Needs `return_freed_memory` from the
    start of the process: blocks that were ever kept leave holes in which later ones stay resident.
    """
    if device.type == "cuda":
        return _peak_on_gpu(call, device)
    if not (_has_glibc() and Path("/proc/self/clear_refs").exists()):
        return None
    return statistics.median(_peak_resident(call) for _ in range(3))


def _peak_on_gpu(call: Callable[[], object], device: torch.device) -> float:
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    torch.cuda.synchronize(device)
    return (torch.cuda.max_memory_allocated(device) - before) / MIB


def _peak_resident(call: Callable[[], object]) -> float:
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is now the present
    before = _status("VmRSS")
    call()
    return max(0.0, _status("VmHWM") - before)


def _status(field: str) -> float:
    """A size in /proc/self/status, MiB."""
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def profiled_peak(call: Callable[[], object]) -> float:
    """The same from torch's profiler, MiB: every block of torch's CPU allocator, none of anyone else's."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        call()
    events = profile.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    live = highest = 0
    for _, change in changes:
        live += change
        highest = max(highest, live)
    return highest / MIB
