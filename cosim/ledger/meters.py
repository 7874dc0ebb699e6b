"""Energy meters of a measured host: RAPL of a processor, NVML of a GPU, a stated power."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from ...circuits.errors import HostError

POWERCAP = Path("/sys/class/powercap")
"""Folder of Linux's energy counters."""


class Meter(Protocol):
    """A counter of energy."""

    description: str
    """Where the energy is from."""

    def joules(self) -> float:
        """Energy since some time in the past, J."""


class StatedPower:
    """A power that the user states, times the time that passes."""

    def __init__(self, watts: float) -> None:
        """Args:
        watts: power, W.
        """
        self._watts = watts
        self.description = f"{watts:g} W stated"

    def joules(self) -> float:
        """Power times the time of a clock, J."""
        return self._watts * time.perf_counter()


class Rapl:
    """Energy of all processor packages, and of the memory where it has a counter, by Linux's powercap."""

    def __init__(self, folder: Path = POWERCAP) -> None:
        """Args:
            folder: folder of the counters.

        Raises:
            HostError: there is no counter, or it is not readable.
        """
        packages = sorted(folder.glob("intel-rapl:[0-9]*"))
        # `intel-rapl:0` is a package, `intel-rapl:0:1` a part of it; only memory is not in a package's sum.
        self._zones = [
            zone
            for zone in packages
            if ":" not in zone.name.removeprefix("intel-rapl:") or _name(zone) == "dram"
        ]
        if not self._zones:
            raise HostError(f"no energy counter in {folder}; state the processor's power with --watts")
        try:
            self._wraps = [float((zone / "max_energy_range_uj").read_text()) for zone in self._zones]
            self._last = [self._read(zone) for zone in self._zones]
        except (OSError, ValueError) as error:
            raise HostError(
                f"the energy counters in {folder} are not readable ({type(error).__name__}); run as root, or "
                "state the processor's power with --watts"
            ) from error
        self._total = 0.0
        self.description = "energy by RAPL"

    @staticmethod
    def _read(zone: Path) -> float:
        return float((zone / "energy_uj").read_text())

    def joules(self) -> float:
        """Energy since the meter was made, J. A counter that starts again at 0 is continued, once."""
        for place, (zone, wrap) in enumerate(zip(self._zones, self._wraps, strict=True)):
            now = self._read(zone)
            passed = now - self._last[place]
            self._total += (passed if passed >= 0 else passed + wrap) * 1e-6
            self._last[place] = now
        return self._total


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return ""


class Nvml:
    """Energy of one NVIDIA GPU, by the driver's library NVML."""

    def __init__(self, index: int = 0) -> None:
        """Args:
            index: number of the GPU in NVML.

        Raises:
            HostError: the package is missing, or the GPU has no counter.
        """
        try:
            import pynvml
        except ImportError as error:
            raise HostError(
                "no package nvidia-ml-py; install it, or state the GPU's power with --watts"
            ) from error
        try:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            self._count = pynvml.nvmlDeviceGetTotalEnergyConsumption
            self._count(self._handle)
        except pynvml.NVMLError as error:
            raise HostError(
                f"NVML counts no energy here ({error}); state the GPU's power with --watts"
            ) from error
        self.description = "energy by NVML"

    def joules(self) -> float:
        """Energy since the driver was loaded, J."""
        return self._count(self._handle) * 1e-3
