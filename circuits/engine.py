"""What the runner needs to know about a simulator."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .rawfile import Waveforms
from .status import Status

RELAXED_OPTIONS: tuple[dict[str, str], ...] = (
    {"method": "gear", "itl1": "500", "itl4": "100"},
    {"method": "gear", "itl1": "1000", "itl4": "500", "reltol": "3e-3", "abstol": "1e-11", "vntol": "1e-5"},
)
"""Options of the first and second retry after a convergence failure."""


@dataclass(frozen=True)
class Job:
    """One run of a simulator: what to write, what to start, and what to read."""

    files: Mapping[str, str]
    """Content of each input file, by its name in the folder of the run."""
    command: list[str]
    """Executable and arguments."""
    variables: Mapping[str, str | None]
    """Environment variables; None removes one. HOME is the folder of the run."""
    read: Callable[[Path], tuple[Waveforms, ...]]
    """Reads the plots from the folder of the run; raises SimulationError or FileNotFoundError if there are
    none."""
    place: Path | None = field(default=None)
    """Folder below which the folder of the run must be; None for any."""


@dataclass(frozen=True)
class Engine(ABC):
    """A simulator."""

    name: str
    """Name, as on the command line."""
    signs: Sequence[tuple[Status, re.Pattern[str]]]
    """Statuses of failed runs, and the messages that show them, in the order of the test."""
    relaxed: tuple[dict[str, str], ...]
    """Options of the first and second retry after a convergence failure, by ngspice's names; the result
    records those that were used."""

    @abstractmethod
    def find(self) -> Path:
        """Path of the executable.

        Raises:
            SimulationError: it is not installed; the message says how to install it.
        """

    @abstractmethod
    def version(self) -> str:
        """Version, which is part of the cache keys and differs from that of every other simulator.

        Raises:
            SimulationError: it is not installed, or does not say its version.
        """

    @abstractmethod
    def prepare(self, netlist: str) -> Job:
        """The run of a deck.

        Args:
            netlist: deck with its libraries by absolute paths, as `Technology.header` writes them.

        Raises:
            SimulationError: the simulator is not installed.
            DeckError: a card that cannot be translated for the simulator.
            TechnologyError: a library has a reference that is refused (see `library`).
        """

    def messages(self, log: str) -> str:
        """The part of the output of a run in which `signs` are looked for."""
        return log
