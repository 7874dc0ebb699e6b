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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from . import child
from .copied import with_copied_libraries
from .errors import SimulationError, TechnologyError
from .rawfile import Waveforms, read_raw, select_plot
from .status import INSTALL_NGSPICE, SIGNS, Status
from .usage import Usage
from .workspace import workspace

SPICEINIT = "set num_threads=1\n"
"""Content of the .spiceinit file. ngspice's BSIM4 starts OpenMP threads that OMP_NUM_THREADS does not limit;
for small circuits they only consume time."""

VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "LC_ALL": "C",
    "SPICE_ASCIIRAWFILE": "0",
    "SPICE_USERINIT_DIR": None,
    "NGSPICE_INPUT_DIR": None,
}
"""Environment variables of the simulator; None removes one. An inherited SPICE_ASCIIRAWFILE would make the
raw file a text file, SPICE_USERINIT_DIR would replace the .spiceinit file, and NGSPICE_INPUT_DIR would be
searched for files. HOME is the folder of the run: ngspice crashes without HOME."""

VERSION_TIMEOUT = 20.0
"""Time limit of `ngspice --version`, s; it takes milliseconds."""

RELAXED_OPTIONS: tuple[dict[str, str], ...] = (
    {"method": "gear", "itl1": "500", "itl4": "100"},
    {"method": "gear", "itl1": "1000", "itl4": "500", "reltol": "3e-3", "abstol": "1e-11", "vntol": "1e-5"},
)
"""Options of the first and second retry after a convergence failure; the result records those that were
used."""


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
        SimulationError: there is none, or it does not say its version.
    """
    return _version_of(find_ngspice())


@lru_cache
def _version_of(executable: Path) -> str:
    with _run_folder() as folder:
        log = folder / "log"
        try:
            child.run([str(executable), "--version"], folder, log, VERSION_TIMEOUT, _variables(folder))
        except subprocess.TimeoutExpired:
            raise SimulationError(
                f"{executable} --version gave no answer within {VERSION_TIMEOUT:g} s; {INSTALL_NGSPICE}"
            ) from None
        except OSError as error:
            raise SimulationError(
                f"{executable} cannot be started ({error.strerror or error}); {INSTALL_NGSPICE}"
            ) from None
        text = log.read_text(errors="replace")
    match = re.search(r"ngspice-([\w.+-]+)", text)
    if match is None:
        raise SimulationError(f"{executable} --version does not say its version; {INSTALL_NGSPICE}")
    return match[1]


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
    with ExitStack() as stack:
        try:
            netlist, place = with_copied_libraries(simulation.netlist)
            folder = stack.enter_context(_run_folder(place))
            (folder / ".spiceinit").write_text(SPICEINIT)
            # ngspice ignores a last line (.end) without a newline.
            (folder / "deck.cir").write_text(netlist.rstrip() + "\n", errors="surrogateescape")
            command = [str(executable), "-b", "-r", "deck.raw", "deck.cir"]
            code, usage = child.run(command, folder, folder / "log", simulation.timeout, _variables(folder))
        except TechnologyError as error:
            return result(Status.MISSING_MODEL, str(error))
        except subprocess.TimeoutExpired:
            return result(Status.TIMEOUT, f"no result after {simulation.timeout:g} s")
        plots = _plots(folder / "deck.raw")
        log = (folder / "log").read_text(errors="replace")
    status, message, waveforms = _judge(simulation, code, log, select_plot(plots, simulation.plot))
    return result(status, message, waveforms)


def _variables(folder: Path) -> dict[str, str | None]:
    return {**VARIABLES, "HOME": str(folder)}


@contextmanager
def _run_folder(place: Path | None = None) -> Iterator[Path]:
    """Folder of one run, below `place` or the workspace."""
    parent = workspace().folder if place is None else place
    with tempfile.TemporaryDirectory(prefix="run-", dir=parent, ignore_cleanup_errors=True) as name:
        yield Path(name)


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
        return Status.CRASHED, f"ngspice was ended by {_signal(-code)}", None
    complete = waveforms is not None and len(waveforms.axis) > 0
    if complete and (wrong := _not_finite(waveforms)):
        return Status.NOT_FINITE, f"{wrong} of the {waveforms.plot} is not finite everywhere", None
    if complete and code == 0 and _reached(waveforms, simulation.end):
        return Status.OK, "", waveforms
    for status, pattern in SIGNS:
        if match := pattern.search(log):
            return status, _message(log, match.start()), None
    if complete:
        wanted = "" if simulation.end is None else f" instead of {simulation.end:g}"
        return Status.INCOMPLETE, f"{waveforms.axis_name} ended at {waveforms.axis[-1]:g}{wanted}", None
    tail = " ".join(log.split())[-200:]
    return Status.CRASHED, f"ngspice left with status {code} and no data: {tail}", None


def _signal(number: int) -> str:
    """Name of a signal; with the usual reason of a kill."""
    try:
        name = signal.Signals(number).name
    except ValueError:  # a real-time signal between the lowest and the highest one
        return f"signal {number}"
    return f"signal {name}" + (" (too little memory?)" if number == signal.SIGKILL else "")


def _not_finite(waveforms: Waveforms) -> str | None:
    """Name of the axis or of a vector with a value that is not finite."""
    vectors = {waveforms.axis_name: waveforms.axis, **waveforms.signals}
    return next((name for name, values in vectors.items() if not np.isfinite(values).all()), None)


def _reached(waveforms: Waveforms, end: float | None) -> bool:
    return end is None or abs(waveforms.axis[-1] - end) <= 1e-6 * max(abs(end), np.ptp(waveforms.axis))


def _message(log: str, position: int) -> str:
    """The line at `position` with its neighbours, in which ngspice names the netlist line and the reason."""
    lines = [line.strip() for line in log.splitlines()]
    at = log.count("\n", 0, position)
    return " | ".join(line for line in lines[max(at - 1, 0) : at + 3] if line)[:400]
