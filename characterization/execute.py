"""Run a plan: every batch in its own ngspice child, in parallel, cached as it finishes, into tables."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed

from ..circuits.errors import GaincellError, PlanError, SimulationError
from ..circuits.probe import probe
from ..circuits.runner import Result, Status, ngspice_version, simulate
from ..circuits.technology import Technology
from .cache import Cache
from .cache_key import CacheKey
from .output import TableRecord, portable, write_run
from .plan import Plan
from .procedure import Batch, Context, Procedure, find
from .source import modules

UNMEASURED = "unmeasured"
"""Row status of a point that was simulated but whose waveforms did not show what is measured."""

# A failure that the same deck would repeat is worth remembering; one that depends on this machine is not.
_CACHED = frozenset({Status.OK, Status.NONCONVERGED, Status.INCOMPLETE, UNMEASURED})

Progress = Callable[[int, int, str], None]
"""Called with points done, points in all, and the procedure whose batch has just finished."""


@dataclass(frozen=True)
class Counts:
    """Points of one procedure, or of a whole run."""

    points: int = 0
    failed: int = 0
    cached: int = 0
    seconds: float = 0.0
    """Simulation and measuring time of the points that were not cached, summed over processes, s."""


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    points: int
    failed: int
    cached: int
    seconds: float
    """Wall-clock time of the run, s."""
    procedures: dict[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One batch with all that a worker needs."""

    procedure: Procedure
    context: Context
    batch: Batch
    points: pd.DataFrame
    cache_key: CacheKey
    key: str
    deck: str
    """The netlist with portable library paths, as written beside the tables."""


def characterize(
    plan: Plan,
    out: Path,
    *,
    jobs: int | None = None,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Run every procedure of `plan` and write tables, netlists and manifest into `out`.

    Batches run on `jobs` cores (all by default) and enter the cache one by one as they finish, so an
    interrupted run continues where it stopped. A point that fails is a row with its status, message and no
    measured values. Whatever joblib backend is active (`joblib.parallel_config`) is used, such as that of
    `backends.dask`; the default is threads, since every simulation is a process of its own already. Workers
    elsewhere may read the cache, where they have the same folder, but only this process writes it.

    Raises:
        TechnologyError: unknown technology or corner, or models that ngspice cannot use.
        PlanError: unknown procedure or design size.
        SimulationError: ngspice is missing.
    """
    started = time.perf_counter()
    cache = Cache.default() if cache is None else cache
    technology = Technology.load(plan.technology)
    technology.sections(plan.corner)
    simulator = ngspice_version()
    tasks = tasks_of(plan, technology, simulator)
    done = {t.key: rows for group in tasks.values() for t in group if (rows := cache.get(t.key)) is not None}
    cached = frozenset(done)
    if any(task.key not in done for group in tasks.values() for task in group):
        probe(technology, plan.corner, plan.temperature)
    seconds = _simulate_missing(tasks, done, cache, jobs, progress)
    records = [
        TableRecord(group[0].procedure, _finished(group, done), {task.key: task.deck for task in group})
        for group in tasks.values()
    ]
    counts = {r.procedure.name: _count(tasks[r.procedure.name], r.rows, cached, seconds) for r in records}
    summary = Summary(
        points=sum(count.points for count in counts.values()),
        failed=sum(count.failed for count in counts.values()),
        cached=sum(count.cached for count in counts.values()),
        seconds=time.perf_counter() - started,
        procedures=counts,
    )
    write_run(Path(out), plan, technology, simulator, records, asdict(summary))
    return summary


def tasks_of(plan: Plan, technology: Technology, simulator: str) -> dict[str, list[Task]]:
    """Procedure of the plan -> its batches, each with its netlist and the parts of its key."""
    return {
        name: _tasks(find(name), Context.of(plan, name, technology), simulator) for name in plan.procedures
    }


def _tasks(procedure: Procedure, context: Context, simulator: str) -> list[Task]:
    points = procedure.points(context).reset_index(drop=True)
    batches = procedure.batches(context, points)
    positions = sorted(int(i) for batch in batches for i in batch.index)
    if not positions or positions != list(range(len(points))):
        raise PlanError(
            f"procedure {procedure.name!r}: every point must be in exactly one batch; correct `batches`"
        )
    tasks = []
    for batch in batches:
        own = points.iloc[list(batch.index)].reset_index(drop=True)
        deck = portable(batch.simulation.netlist, context.technology)
        cache_key = CacheKey.of(
            procedure.name,
            replace(batch.simulation, netlist=deck),
            own,
            library=context.technology.library_digest,
            simulator=simulator,
            source=_source(procedure, batch),
        )
        tasks.append(Task(procedure, context, batch, own, cache_key, cache_key.digest, deck))
    return tasks


def _source(procedure: Procedure, batch: Batch) -> dict[str, str]:
    """The modules that measure a batch, and sha256 of each."""
    found = modules(procedure)
    for name in batch.uses:
        found = found | modules(find(name))
    return dict(sorted(found.items()))


def _simulate_missing(
    tasks: dict[str, list[Task]],
    done: dict[str, pd.DataFrame],
    cache: Cache,
    jobs: int | None,
    progress: Progress | None,
) -> dict[str, float]:
    """Simulate what `done` lacks and add it there; returns seconds by key."""
    everything = [task for group in tasks.values() for task in group]
    # The longest netlist takes longest: started first, it does not leave one core working alone at the end.
    missing = sorted((t for t in everything if t.key not in done), key=lambda t: -len(t.deck))
    total = sum(len(task.points) for task in everything)
    finished = total - sum(len(task.points) for task in missing)
    if progress:
        progress(finished, total, "")
    seconds = {}
    # A batch here is a simulation already: joblib's own batches would only make an interruption dearer. A
    # cluster that grows with its load has to see all of them.
    each_at_once = {"batch_size": 1, "pre_dispatch": "all", "return_as": "generator_unordered"}
    parallel = Parallel(n_jobs=jobs or cpu_count(), prefer="threads", **each_at_once)
    by_key = {task.key: task for task in missing}
    home = _process()
    for key, rows, spent, where in parallel(delayed(_run)(task, cache, home) for task in by_key.values()):
        done[key], seconds[key] = rows, spent
        if where != home:
            _remember(cache, by_key[key], rows)
        finished += len(by_key[key].points)
        if progress:
            progress(finished, total, by_key[key].procedure.name)
    return seconds


def _run(task: Task, cache: Cache, home: str) -> tuple[str, pd.DataFrame, float, str]:
    """Key and rows of a batch, the time it took, and the process that ran it.

    In the process that started the run it enters the cache at once, or a kill would lose what waits for the
    main thread; elsewhere the cache may be out of reach. A batch that a concurrent run has finished meanwhile
    is taken from the cache.
    """
    here = _process()
    if here != home:
        _require_same_software(task)
    if (known := cache.get(task.key)) is not None:
        return task.key, known, 0.0, home
    started = time.perf_counter()
    rows = _rows(task, simulate(task.batch.simulation))
    if here == home:
        _remember(cache, task, rows)
    return task.key, rows, time.perf_counter() - started, here


def _remember(cache: Cache, task: Task, rows: pd.DataFrame) -> None:
    if set(rows["status"]) <= _CACHED:
        cache.put(task.cache_key, rows)


def _process() -> str:
    return f"{platform.node()} {os.getpid()}"


def _require_same_software(task: Task) -> None:
    """On another machine than the one that made the key, gaincell and ngspice must be the same."""
    simulator, source = task.cache_key.simulator, task.cache_key.source
    if ngspice_version() != simulator:
        raise SimulationError(
            f"{platform.node()} has ngspice {ngspice_version()}, this run was started with {simulator}; "
            "install the same version on every worker"
        )
    if _source(task.procedure, task.batch) != source:
        raise SimulationError(
            f"{platform.node()} has another gaincell than the one that started this run; "
            "install the same one and start the workers again"
        )


def _rows(task: Task, result: Result) -> pd.DataFrame:
    """Measured columns, `point` (position in the batch), `status` and `message`."""
    if result.waveforms is None:
        return _failed(task, result.status, f"{result.message} {result.status.remedy}")
    try:
        measured = task.procedure.measure(task.context, task.points, result.waveforms)
    except GaincellError as error:
        return _failed(task, UNMEASURED, str(error))
    costs = {"cpu": result.usage.cpu, "memory": result.usage.memory}
    asked = {name: cost for name, cost in costs.items() if name in task.procedure.measured}
    measured = measured.assign(**asked)
    _check(task, measured)
    if "point" not in measured:
        measured = measured.assign(point=np.arange(len(task.points)))
    relaxed = " ".join(f"{name}={value}" for name, value in result.options.items())
    message = f"converged with {relaxed}" if relaxed else ""
    return measured.assign(status=str(result.status), message=message).reset_index(drop=True)


def _check(task: Task, measured: pd.DataFrame) -> None:
    """A procedure that does not keep its own word is a programming error, not a failed point."""
    name = task.procedure.name
    if "point" not in measured and len(measured) != len(task.points):
        raise ValueError(f"{name}.measure: {len(measured)} rows for {len(task.points)} points")
    present = (set(measured) | set(task.points)) - {"point"}
    if different := present ^ set(task.procedure.measured):
        raise ValueError(f"{name}.columns and the table differ in: {', '.join(sorted(different))}")


def _failed(task: Task, status: str, message: str) -> pd.DataFrame:
    return pd.DataFrame({"point": np.arange(len(task.points)), "status": str(status), "message": message})


def _table(tasks: list[Task], done: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Swept and measured columns of all batches, in the order of the points."""
    parts = []
    for task in tasks:
        rows = done[task.key]
        local = rows["point"].to_numpy()
        swept = task.points.iloc[local].reset_index(drop=True)
        measured = rows.drop(columns=["point", "status", "message"]).reset_index(drop=True)
        point = pd.Series(np.asarray(task.batch.index)[local], name="point")
        state = rows[["status", "message"]].reset_index(drop=True)
        parts.append(pd.concat([point, swept, measured, state], axis=1))
    table = pd.concat(parts, ignore_index=True).sort_values("point", kind="stable", ignore_index=True)
    # Batches that failed lack the measured columns, and could come first: the order is the procedure's.
    declared = tasks[0].procedure.measured
    return table.reindex(columns=["point", *declared, "status", "message"])


def _finished(tasks: list[Task], done: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return tasks[0].procedure.finish(_table(tasks, done))


def _count(
    tasks: list[Task], rows: pd.DataFrame, cached: frozenset[str], seconds: dict[str, float]
) -> Counts:
    return Counts(
        points=sum(len(task.points) for task in tasks),
        failed=int(rows.loc[rows["status"] != Status.OK, "point"].nunique()),
        cached=sum(len(task.points) for task in tasks if task.key in cached),
        seconds=sum(seconds.get(task.key, 0.0) for task in tasks),
    )
