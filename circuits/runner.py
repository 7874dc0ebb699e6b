"""Runner: one short-lived simulator process per deck, with checks for completeness and classified failures.

A crash, a leak or a hang of the simulator costs one deck. ngspice exits with status 0 after many failures, so
a run is judged by its waveforms and, where they are missing, by its messages.
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from . import child
from .engine import Engine, Job
from .errors import DeckError, SimulationError, TechnologyError, UnknownSimulatorError
from .ngspice import NGSPICE, find_ngspice, ngspice_version
from .rawfile import Waveforms, select_plot
from .status import Status
from .usage import Usage
from .workspace import workspace

__all__ = [
    "SIMULATORS",
    "Result",
    "Simulation",
    "Status",
    "engine_of",
    "find_ngspice",
    "ngspice_version",
    "simulate",
    "simulator_version",
    "with_options",
]

SIMULATORS = ("ngspice", "vacask")
"""Names of the simulators."""


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


def engine_of(name: str) -> Engine:
    """The engine of a simulator.

    Args:
        name: one of `SIMULATORS`.

    Raises:
        UnknownSimulatorError: another name.
    """
    if name == "vacask":
        from .vacask import VACASK

        return VACASK
    if name == "ngspice":
        return NGSPICE
    raise UnknownSimulatorError(f"unknown simulator {name!r}; use one of {', '.join(SIMULATORS)}")


def simulator_version(name: str) -> str:
    """Version of a simulator as it enters cache keys: `39` of ngspice, `vacask 0.3` of VACASK.

    Raises:
        SimulationError: unknown name, or it is not installed.
    """
    return engine_of(name).version()


def simulate(simulation: Simulation, *, retry: bool = True, simulator: str = "ngspice") -> Result:
    """Run a deck in one process of a simulator. A failure of the simulator is a result, not an exception.

    Args:
        simulation: deck and condition for a complete run.
        retry: run a deck that does not converge or stops early up to twice more, with relaxed options.
        simulator: one of `SIMULATORS`; decks are written for ngspice and translated for others.

    Returns:
        Result of the first attempt that succeeds, else of the first attempt.

    Raises:
        SimulationError: unknown simulator.
    """
    engine = engine_of(simulator)
    result = _attempt(simulation, engine)
    if not retry or result.status not in (Status.NONCONVERGED, Status.INCOMPLETE):
        return result
    seconds = result.seconds
    for count, options in enumerate(engine.relaxed, start=1):
        again = _attempt(replace(simulation, netlist=with_options(simulation.netlist, options)), engine)
        seconds += again.seconds
        if again.ok:
            return replace(again, seconds=seconds, retries=count, options=dict(options))
    return replace(result, seconds=seconds, retries=len(engine.relaxed))


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


def _attempt(simulation: Simulation, engine: Engine) -> Result:
    started = time.perf_counter()
    usage = Usage()

    def result(status: Status, message: str, waveforms: Waveforms | None = None) -> Result:
        return Result(status, message, waveforms, time.perf_counter() - started, usage=usage)

    with ExitStack() as stack:
        try:
            job = engine.prepare(simulation.netlist)
            folder = stack.enter_context(_run_folder(job.place))
            for name, text in job.files.items():
                (folder / name).write_text(text, errors="surrogateescape")
            variables = {**job.variables, "HOME": str(folder)}
            code, usage = child.run(job.command, folder, folder / "log", simulation.timeout, variables)
        except TechnologyError as error:
            return result(Status.MISSING_MODEL, str(error))
        except DeckError as error:
            return result(Status.UNSUPPORTED, str(error))
        except SimulationError as error:
            return result(Status.MISSING_SIMULATOR, str(error))
        except subprocess.TimeoutExpired:
            return result(Status.TIMEOUT, f"no result after {simulation.timeout:g} s")
        plots = _plots(job, folder)
        log = engine.messages((folder / "log").read_text(errors="replace"))
    waveforms = select_plot(plots, simulation.plot)
    status, message, waveforms = _judge(simulation, engine, code, log, waveforms)
    return result(status, message, waveforms)


@contextmanager
def _run_folder(place: Path | None = None) -> Iterator[Path]:
    """Folder of one run, below `place` or the workspace."""
    parent = workspace().folder if place is None else place
    with tempfile.TemporaryDirectory(prefix="run-", dir=parent, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _plots(job: Job, folder: Path) -> tuple[Waveforms, ...]:
    """Plots of the run; none if it died before its first point (its messages then tell the reason)."""
    try:
        return job.read(folder)
    except (FileNotFoundError, SimulationError):
        return ()


def _judge(
    simulation: Simulation, engine: Engine, code: int, log: str, waveforms: Waveforms | None
) -> tuple[Status, str, Waveforms | None]:
    """Status, message and waveforms of a finished process with the exit status `code`."""
    if code < 0:
        return Status.CRASHED, f"{engine.name} was ended by {_signal(-code)}", None
    complete = waveforms is not None and len(waveforms.axis) > 0
    if complete and (wrong := _not_finite(waveforms)):
        return Status.NOT_FINITE, f"{wrong} of the {waveforms.plot} is not finite everywhere", None
    if complete and code == 0 and _reached(waveforms, simulation.end):
        return Status.OK, "", waveforms
    for status, pattern in engine.signs:
        if match := pattern.search(log):
            return status, _message(log, match.start()), None
    if complete:
        wanted = "" if simulation.end is None else f" instead of {simulation.end:g}"
        return Status.INCOMPLETE, f"{waveforms.axis_name} ended at {waveforms.axis[-1]:g}{wanted}", None
    tail = " ".join(log.split())[-200:]
    return Status.CRASHED, f"{engine.name} left with status {code} and no data: {tail}", None


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
    """The line at `position` with its neighbours, where a simulator names the netlist line and the reason."""
    lines = [line.strip() for line in log.splitlines()]
    at = log.count("\n", 0, position)
    return " | ".join(line for line in lines[max(at - 1, 0) : at + 3] if line)[:400]
