"""Execution of a plan: every batch in its own simulator process, in parallel and cached, into tables."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, cpu_count, delayed

from ..circuits.errors import DeckError, PlanError, SimulationError
from ..circuits.probe import probe, probe_sizes
from ..circuits.runner import Status, engine_of, simulate, simulator_version
from ..circuits.technology import Technology
from .cache import Cache
from .cache_key import CacheKey, titled
from .netlists import require_own_folder
from .output import TableRecord, portable, write_run
from .plan import Plan
from .procedure import Batch, Context, Procedure, find
from .source import modules
from .tasks import UNMEASURED, Task, batch_rows, merged_table, with_finite_values

# The cache keeps failures that the same deck would repeat, not those that depend on the machine.
_CACHED = frozenset({Status.OK, Status.NONCONVERGED, Status.INCOMPLETE, UNMEASURED})

_CIRCUITS = {
    "cell": ".subckt gain_cell",
    "converter": ".subckt charge_to_pulse",
    "readout": ".subckt charge_to_pulse",
}
"""Designs by name, and the text by which a deck shows that it may have their circuit."""

FOR_A_FIT = frozenset({"cell_transfer", "cell_write", "cell_retention", "converter", "row_driver", "column"})
"""Procedures whose tables every fit of hardware needs."""

Progress = Callable[[int, int, str, float], None]
"""Callback with the points done, all points, the procedure whose batch has just finished, and the estimated
share of the work that is done, 0 to 1."""


@dataclass(frozen=True)
class Counts:
    """Numbers of points of one procedure."""

    points: int = 0
    """Number of points."""
    failed: int = 0
    """Number of points whose status is not ok."""
    cached: int = 0
    """Number of points from the cache."""
    seconds: float = 0.0
    """Time for simulating and measuring the other points, summed over processes, s."""


@dataclass(frozen=True)
class Summary:
    """Numbers of points of a whole run."""

    points: int
    """Number of points."""
    failed: int
    """Number of points whose status is not ok."""
    cached: int
    """Number of points from the cache."""
    seconds: float
    """Wall-clock time of the run, s."""
    procedures: dict[str, Counts] = field(default_factory=dict)
    """Numbers of points by procedure."""


def characterize(
    plan: Plan,
    out: Path,
    *,
    jobs: int | None = None,
    cache: Cache | None = None,
    progress: Progress | None = None,
    simulator: str = "ngspice",
    trim: dict[str, Any] | None = None,
) -> Summary:
    """Run every procedure of a plan and write tables, netlists and the manifest.

    Each batch enters the cache when it finishes, so an interrupted run continues where it stopped. A point
    that fails is a row with its status and message and without measured values. The active joblib backend
    (`joblib.parallel_config`) runs the batches, such as that of `backends.dask`; the default is threads,
    since every simulation is a process. Workers on other machines may read the cache if they have the same
    folder, but only this process writes it.

    Args:
        plan: procedures, operating condition and sizes.
        out: folder of the results; its tables, netlists and manifest are replaced.
        jobs: number of parallel simulations; all cores by default.
        cache: cache of batches; the user's by default.
        progress: callback after every batch.
        simulator: one of `runner.SIMULATORS`.
        trim: JSON-able record of the trim that the plan's sizes contain, for the manifest; None: not trimmed.

    Returns:
        Numbers of points.

    Raises:
        TechnologyError: unknown technology or corner, unknown design size, models that the simulator cannot
            use, or a library that changes during the run.
        PlanError: unknown procedure, or a plan that asks for a trim without its record.
        SimulationError: the simulator is unknown, missing, or cannot take the decks of a procedure.
        TableError: `out` has foreign files that the run would overwrite.
        OSError: `out` cannot be written.
    """
    if plan.trim and trim is None:
        raise PlanError(f"plan {plan.name!r} trims the die first: use run_plan, or override(trim=False)")
    started = time.perf_counter()
    cache = Cache.default() if cache is None else cache
    technology = Technology.load(plan.technology)
    technology.sections(plan.corner)
    require_own_folder(Path(out), plan.procedures)
    version = simulator_version(simulator)
    tasks = tasks_of(plan, technology, version)
    done = {t.key: rows for group in tasks.values() for t in group if (rows := cache.get(t.key)) is not None}
    cached = frozenset(done)
    missing = [task for group in tasks.values() for task in group if task.key not in done]
    _require_understood(missing, simulator)
    if missing:
        probe(technology, plan.corner, plan.temperature, simulator=simulator)
    circuits = {name for name, mark in _CIRCUITS.items() if any(mark in task.deck for task in missing)}
    if circuits:
        designs = missing[0].context.condition.designs
        probe_sizes(technology, plan.corner, plan.temperature, designs, circuits, simulator=simulator)
    seconds = _simulate_missing(tasks, done, cache, jobs, progress, simulator)
    records = [
        TableRecord(
            group[0].procedure,
            with_finite_values(group[0].procedure, group[0].procedure.finish(merged_table(group, done))),
            {task.key: task.deck for task in group},
        )
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
    write_run(Path(out), plan, technology, simulator, version, records, asdict(summary), trim)
    return summary


def _require_understood(missing: list[Task], simulator: str) -> None:
    """Refuse a plan with a procedure whose decks the simulator cannot take, from the first one of each.

    Raises:
        SimulationError: the simulator is unknown, missing, or cannot take a card.
    """
    engine = engine_of(simulator)
    for name, task in {task.procedure.name: task for task in reversed(missing)}.items():
        try:
            engine.prepare(task.batch.simulation.netlist)
        except DeckError as error:
            raise PlanError(f"procedure {name!r}: {error}; leave it out or use --simulator ngspice") from None


def tasks_of(plan: Plan, technology: Technology, simulator: str) -> dict[str, list[Task]]:
    """Batches of a plan with their netlists and keys.

    Args:
        plan: the plan.
        technology: its loaded technology.
        simulator: version of the simulator, from `runner.simulator_version`.

    Returns:
        Tasks of each procedure by its name, in the order of the plan.

    Raises:
        PlanError: unknown procedure, fewer samples than a fit needs, or points that are not in exactly one
            batch.
        TechnologyError: unknown circuit or size in the plan's designs.
    """
    require_samples(plan)
    return {
        name: _tasks(find(name), Context.of(plan, name, technology), simulator) for name in plan.procedures
    }


def require_samples(plan: Plan) -> None:
    """Refuse a plan for a fit with fewer samples of a procedure than the fit needs.

    A plan is for a fit if it has all of `FOR_A_FIT`; others may have any number of samples.

    Raises:
        PlanError: too few samples, or an unknown procedure.
    """
    if not set(plan.procedures) >= FOR_A_FIT:
        return
    for name in plan.procedures:
        samples, fewest = plan.sample_count(name), find(name).fewest
        if samples is not None and samples < fewest:
            raise PlanError(
                f"samples={samples}: a fit of the table of {name} needs at least {fewest} samples"
            )


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
    """sha256 of the modules that measure a batch, by module."""
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
    simulator: str,
) -> dict[str, float]:
    """Simulate the batches that are not in `done` and add them; return the time (s) of each by key."""
    everything = [task for group in tasks.values() for task in group]
    # The longest netlist takes the most time. Started first, it does not occupy a single core at the end.
    missing = sorted((t for t in everything if t.key not in done), key=lambda t: -len(t.deck))
    total, work = sum(len(task.points) for task in everything), sum(map(_work, everything))
    finished = total - sum(len(task.points) for task in missing)
    spent_work = work - sum(map(_work, missing))
    if progress:
        progress(finished, total, "", spent_work / work)
    seconds = {}
    # One task is one simulation: with several to a joblib batch an interruption would lose more. A cluster
    # that grows with its load must see all tasks.
    each_at_once = {"batch_size": 1, "pre_dispatch": "all", "return_as": "generator_unordered"}
    parallel = Parallel(n_jobs=jobs or cpu_count(), prefer="threads", **each_at_once)
    by_key = {task.key: task for task in missing}
    home = _process()
    for key, rows, spent, where in parallel(
        delayed(_run)(task, cache, home, simulator) for task in by_key.values()
    ):
        done[key], seconds[key] = rows, spent
        if where != home:
            _remember(cache, by_key[key], rows)
        finished, spent_work = finished + len(by_key[key].points), spent_work + _work(by_key[key])
        if progress:
            progress(finished, total, by_key[key].procedure.name, spent_work / work)
    return seconds


def _work(task: Task) -> float:
    """Estimate of a task's simulation time, arbitrary unit: netlists of n devices take about n^1.5."""
    return len(task.deck) ** 1.5


def _run(task: Task, cache: Cache, home: str, simulator: str) -> tuple[str, pd.DataFrame, float, str]:
    """Key and rows of a batch, its time (s), and the process that simulated it.

    The process that started the run writes the cache entry at once: a kill would lose entries that wait for
    the main thread. Other processes may have no access to the cache. If a concurrent run has finished the
    batch meanwhile, its rows come from the cache.
    """
    here = _process()
    if here != home:
        _require_same_software(task, simulator)
    if (known := cache.get(task.key)) is not None:
        return task.key, known, 0.0, home
    started = time.perf_counter()
    result = simulate(task.batch.simulation, simulator=simulator)
    # Else the rows would enter the cache, and the table, as those of the library that the key names.
    task.context.technology.require_unchanged()
    rows = batch_rows(task, result)
    if here == home:
        _remember(cache, task, rows)
    return task.key, rows, time.perf_counter() - started, here


def _remember(cache: Cache, task: Task, rows: pd.DataFrame) -> None:
    if set(rows["status"]) <= _CACHED:
        cache.put(task.cache_key, rows)


def _process() -> str:
    """Machine and number of this process."""
    return f"{platform.node()} {os.getpid()}"


def _require_same_software(task: Task, simulator: str) -> None:
    """Refuse a worker whose gaincell or simulator differs from that of the process that made the key."""
    wanted, source = task.cache_key.simulator, task.cache_key.source
    if (version := simulator_version(simulator)) != wanted:
        raise SimulationError(
            f"{platform.node()} has {titled(version)}, this run was started with {titled(wanted)}; "
            "install the same version on every worker"
        )
    if _source(task.procedure, task.batch) != source:
        raise SimulationError(
            f"{platform.node()} has another gaincell than the process that started this run; "
            "install the same version and start the workers again"
        )


def _count(
    tasks: list[Task], rows: pd.DataFrame, cached: frozenset[str], seconds: dict[str, float]
) -> Counts:
    return Counts(
        points=sum(len(task.points) for task in tasks),
        failed=int(rows.loc[rows["status"] != Status.OK, "point"].nunique()),
        cached=sum(len(task.points) for task in tasks if task.key in cached),
        seconds=sum(seconds.get(task.key, 0.0) for task in tasks),
    )
