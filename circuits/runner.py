"""Runner: one short-lived ngspice process per deck, with checks for completeness and classified failures.

A crash, a leak or a hang of the simulator costs one deck. ngspice exits with status 0 after many failures, so
a run is judged by its waveforms and, where they are missing, by its messages.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import numpy as np

from . import child
from .errors import SimulationError
from .rawfile import Waveforms, read_raw, select_plot
from .usage import Usage

INSTALL_NGSPICE = "install it with: sudo apt-get install ngspice"
"""Remedy in the messages about a missing simulator."""

SPICEINIT = "set num_threads=1\n"
"""Content of the .spiceinit file. ngspice's BSIM4 starts OpenMP threads that OMP_NUM_THREADS does not limit;
for small circuits they only consume time."""

VARIABLES = {"OMP_NUM_THREADS": "1", "LC_ALL": "C", "SPICE_ASCIIRAWFILE": "0"}
"""Environment variables of the simulator. An inherited SPICE_ASCIIRAWFILE would make the raw file a text
file."""

RELAXED_OPTIONS: tuple[dict[str, str], ...] = (
    {"method": "gear", "itl1": "500", "itl4": "100"},
    {"method": "gear", "itl1": "1000", "itl4": "500", "reltol": "3e-3", "abstol": "1e-11", "vntol": "1e-5"},
)
"""Options of the first and second retry after a convergence failure; the result records those that were
used."""


class Status(StrEnum):
    """How a simulation ended; every failure has a remedy."""

    OK = "ok"
    NONCONVERGED = "nonconverged"
    MISSING_MODEL = "missing-model"
    SYNTAX = "syntax"
    INCOMPLETE = "incomplete"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    MISSING_SIMULATOR = "missing-simulator"

    @property
    def remedy(self) -> str:
        """Advice to the user, one sentence; empty for OK."""
        return _REMEDIES[self]


_REMEDIES = {
    Status.OK: "",
    Status.NONCONVERGED: "Relax reltol or the time step, soften ideal edges, or start it with .ic.",
    Status.MISSING_MODEL: "Check the model names, the library path and the .lib section of the technology.",
    Status.SYNTAX: "Correct the netlist line that ngspice names.",
    Status.INCOMPLETE: "It ended before its last point: relax reltol, or check the .tran/.dc limits.",
    Status.TIMEOUT: "Raise the timeout, enlarge the time step, or put fewer points in one netlist.",
    Status.CRASHED: "Run the netlist by hand with `ngspice -b`; if it crashes there too, simplify it.",
    Status.MISSING_SIMULATOR: f"ngspice was not found on PATH: {INSTALL_NGSPICE}.",
}

# The order matters: ngspice calls a missing model also "Error on line", a missing library "fatal error".
_SIGNS: tuple[tuple[Status, re.Pattern[str]], ...] = (
    (
        Status.MISSING_MODEL,
        re.compile(
            r"could not find a valid modelname|unknown subckt|unable to find definition of model"
            r"|could not find (?:library|include) file|library file .* not found"
            r"|section definition .* not found",
            re.IGNORECASE,
        ),
    ),
    (
        Status.NONCONVERGED,
        re.compile(
            r"timestep too small|singular matrix|iteration limit reached|no convergence"
            r"|source stepping failed|gmin step(?:ping)? failed",
            re.IGNORECASE,
        ),
    ),
    (
        Status.SYNTAX,
        re.compile(
            r"error on line|undefined parameter|expression err|unknown parameter|circuit not parsed"
            r"|cannot compute substitute|mal formed|syntax error|fatal error in ngspice|no circuits? loaded"
            r"|no job list|incomplete or empty netlist|no simulations run",
            re.IGNORECASE,
        ),
    ),
)


@dataclass(frozen=True)
class Simulation:
    """A complete deck and the condition for a complete run."""

    netlist: str
    """Deck: title line, circuit, options, .save, analyses and .end; no .control block."""
    end: float | None = None
    """Value that the sweep axis must reach (s for .tran); None for no check."""
    timeout: float = 600.0
    """Wall-clock time limit of one attempt, s."""
    plot: str | None = None
    """Part of the name of the plot to return, such as `transient` or `dc`, for a deck with several
    analyses."""


@dataclass(frozen=True)
class Result:
    """Outcome of a simulation."""

    status: Status
    """How the simulation ended."""
    message: str
    """Message of the simulator on a failure; empty on success."""
    waveforms: Waveforms | None = field(repr=False)
    """Waveforms of the selected plot; None unless `status` is OK."""
    seconds: float
    """Wall-clock time of all attempts, s."""
    retries: int = 0
    """Number of attempts after the first."""
    options: dict[str, str] = field(default_factory=dict)
    """Relaxed options of the attempt that this result comes from; empty if the deck ran unchanged."""
    usage: Usage = field(default_factory=Usage)
    """Usage of the last attempt's process, read every `child.SAMPLE_INTERVAL` s; NaN for a shorter run."""

    @property
    def ok(self) -> bool:
        """Whether the simulation succeeded."""
        return self.status is Status.OK

    def require(self) -> Waveforms:
        """The waveforms.

        Raises:
            SimulationError: the simulation failed; with the simulator's message and the remedy.
        """
        if self.waveforms is None:
            raise SimulationError(f"simulation failed ({self.status}): {self.message} {self.status.remedy}")
        return self.waveforms


def find_ngspice() -> Path:
    """Path of the ngspice executable on PATH.

    Raises:
        SimulationError: there is none; the message says how to install it.
    """
    found = shutil.which("ngspice")
    if found is None:
        raise SimulationError(f"ngspice was not found on PATH; {INSTALL_NGSPICE}")
    return Path(found)


def ngspice_version() -> str:
    """Version of the ngspice on PATH, such as `39`.

    Raises:
        SimulationError: there is none.
    """
    return _version_of(find_ngspice())


@lru_cache
def _version_of(executable: Path) -> str:
    text = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=60).stdout
    match = re.search(r"ngspice-(\S+)", text)
    return match.group(1) if match else "unknown"


def simulate(simulation: Simulation, *, retry: bool = True) -> Result:
    """Run a deck in one ngspice process. A failure of the simulator is a result, not an exception.

    Args:
        simulation: deck and condition for a complete run.
        retry: run a deck that does not converge or stops early up to twice more, with `RELAXED_OPTIONS`.

    Returns:
        Result of the first attempt that succeeds, else of the first attempt.
    """
    result = _attempt(simulation)
    if not retry or result.status not in (Status.NONCONVERGED, Status.INCOMPLETE):
        return result
    seconds = result.seconds
    for count, options in enumerate(RELAXED_OPTIONS, start=1):
        again = _attempt(replace(simulation, netlist=with_options(simulation.netlist, options)))
        seconds += again.seconds
        if again.ok:
            return replace(again, seconds=seconds, retries=count, options=dict(options))
    return replace(result, seconds=seconds, retries=len(RELAXED_OPTIONS))


def with_options(netlist: str, options: dict[str, str]) -> str:
    """Add an .options line before .end, where it overrides the earlier ones.

    Args:
        netlist: deck.
        options: simulator options, name -> value.

    Returns:
        The extended deck.
    """
    line = ".options " + " ".join(f"{name}={value}" for name, value in options.items())
    body, end, _ = netlist.rstrip().rpartition("\n.end")
    if not end:
        body = netlist.rstrip()
    return f"{body}\n{line}\n.end\n"


def _attempt(simulation: Simulation) -> Result:
    started = time.perf_counter()
    usage = Usage()

    def result(status: Status, message: str, waveforms: Waveforms | None = None) -> Result:
        return Result(status, message, waveforms, time.perf_counter() - started, usage=usage)

    try:
        executable = find_ngspice()
    except SimulationError as error:
        return result(Status.MISSING_SIMULATOR, str(error))
    with tempfile.TemporaryDirectory(prefix="gaincell-") as name:
        folder = Path(name)
        (folder / ".spiceinit").write_text(SPICEINIT)
        # ngspice ignores a last line (.end) without a newline.
        (folder / "deck.cir").write_text(simulation.netlist.rstrip() + "\n")
        command = [str(executable), "-b", "-r", "deck.raw", "deck.cir"]
        try:
            code, usage = child.run(command, folder, folder / "log", simulation.timeout, VARIABLES)
        except subprocess.TimeoutExpired:
            return result(Status.TIMEOUT, f"no result after {simulation.timeout:g} s")
        plots = _plots(folder / "deck.raw")
        log = (folder / "log").read_text(errors="replace")
    status, message, waveforms = _judge(simulation, code, log, select_plot(plots, simulation.plot))
    return result(status, message, waveforms)


def _plots(raw: Path) -> tuple[Waveforms, ...]:
    """Plots of the run; none if it died before its first point (its messages then tell the reason)."""
    try:
        return read_raw(raw)
    except (FileNotFoundError, SimulationError):
        return ()


def _judge(
    simulation: Simulation, code: int, log: str, waveforms: Waveforms | None
) -> tuple[Status, str, Waveforms | None]:
    """Status, message and waveforms of a finished process with the exit status `code`."""
    if code < 0:
        return Status.CRASHED, f"ngspice was ended by signal {signal.Signals(-code).name}", None
    complete = waveforms is not None and len(waveforms.axis) > 0
    if complete and code == 0 and _reached(waveforms, simulation.end):
        return Status.OK, "", waveforms
    for status, pattern in _SIGNS:
        if match := pattern.search(log):
            return status, _message(log, match.start()), None
    if complete:
        wanted = "" if simulation.end is None else f" instead of {simulation.end:g}"
        return Status.INCOMPLETE, f"{waveforms.axis_name} ended at {waveforms.axis[-1]:g}{wanted}", None
    tail = " ".join(log.split())[-200:]
    return Status.CRASHED, f"ngspice left with status {code} and no data: {tail}", None


def _reached(waveforms: Waveforms, end: float | None) -> bool:
    return end is None or abs(waveforms.axis[-1] - end) <= 1e-6 * max(abs(end), np.ptp(waveforms.axis))


def _message(log: str, position: int) -> str:
    """The line at `position` with its neighbours, in which ngspice names the netlist line and the reason."""
    lines = [line.strip() for line in log.splitlines()]
    at = log.count("\n", 0, position)
    return " | ".join(line for line in lines[max(at - 1, 0) : at + 3] if line)[:400]
