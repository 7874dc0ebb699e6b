"""Contents of the cache, reasons for missing entries, and removal of stale ones."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..circuits.runner import simulator_version
from ..circuits.technology import Technology
from .cache import Cache, Entry
from .cache_key import CacheKey
from .execute import tasks_of
from .plan import Plan
from .procedure import find, procedure_names
from .source import module_of, modules


@dataclass(frozen=True)
class Holding:
    """Entries of one procedure in the cache."""

    procedure: str
    """Name of the procedure; "-" for entries of another gaincell version."""
    entries: int
    """Number of entries."""
    rows: int
    """Number of table rows."""
    size: int
    """Size of the files, B."""
    oldest: float
    """Time since the last use of the least recently used entry, s."""
    newest: float
    """Time since the last use of the most recently used entry, s."""


@dataclass(frozen=True)
class Explanation:
    """Batches of a plan that are in the cache, and reasons for the missing ones, for one procedure."""

    procedure: str
    """Name of the procedure."""
    batches: int
    """Number of batches."""
    fresh: int
    """Number of batches whose rows are in the cache."""
    reasons: dict[str, int]
    """Number of missing batches by reason."""


def holdings(cache: Cache) -> list[Holding]:
    """Entries of a cache, summed by procedure and sorted by its name."""
    now, groups = time.time(), {}
    for entry in cache.entries():
        groups.setdefault(entry.key.procedure if entry.key else "-", []).append(entry)
    return [
        Holding(
            procedure=name,
            entries=len(group),
            rows=sum(entry.rows for entry in group),
            size=sum(entry.size for entry in group),
            oldest=now - min(entry.used for entry in group),
            newest=now - max(entry.used for entry in group),
        )
        for name, group in sorted(groups.items())
    ]


def explain(plan: Plan, cache: Cache, simulator: str = "ngspice") -> list[Explanation]:
    """Find which batches of a plan are cached, and why the others are not.

    A missing batch is compared with the entry of its procedure that differs from it in the fewest parts.

    Args:
        plan: the plan.
        cache: the cache.
        simulator: one of `runner.SIMULATORS`.

    Returns:
        One explanation for each procedure of the plan.

    Raises:
        TechnologyError, PlanError, SimulationError: as `execute.characterize`.
    """
    technology = Technology.load(plan.technology)
    technology.sections(plan.corner)
    tasks = tasks_of(plan, technology, simulator_version(simulator))
    known: dict[str, list[CacheKey]] = {}
    for entry in cache.entries():
        if entry.key is not None:
            known.setdefault(entry.key.procedure, []).append(entry.key)
    found = []
    for name, group in tasks.items():
        known_keys = known.get(name, [])
        missing = [task.cache_key for task in group if not cache.holds(task.key)]
        reasons = Counter(_reason(key, known_keys) for key in missing)
        found.append(Explanation(name, len(group), len(group) - len(missing), dict(reasons)))
    return found


def _reason(key: CacheKey, known: Iterable[CacheKey]) -> str:
    """The shortest list of changes from a known key to this one."""
    if any(key == other for other in known):
        return "its entry is damaged"
    candidates = [key.changes(other) for other in known]
    if not candidates:
        return "never simulated"
    return "; ".join(min(candidates, key=lambda changes: (len(changes), changes)))


def stale(*simulators: str) -> Callable[[Entry], bool]:
    """Make a test for entries that no plan can use any more.

    Args:
        simulators: versions of the simulators in use, from `runner.simulator_version`.

    Returns:
        Function of an entry: whether its format, measuring code or simulator differ from the present ones.
    """
    current: dict[tuple[str, ...], dict[str, str]] = {}

    def is_stale(entry: Entry) -> bool:
        key = entry.key
        if key is None or key.simulator not in simulators or key.procedure not in procedure_names():
            return True
        used = tuple(sorted({key.procedure, *_studied(key)}))
        if used not in current:
            current[used] = {k: v for name in used for k, v in modules(find(name)).items()}
        return key.source != dict(sorted(current[used].items()))

    return is_stale


def _studied(key: CacheKey) -> list[str]:
    """Procedures whose modules are among those that measured the entry."""
    return [name for name in procedure_names() if module_of(find(name)) in key.source]


def prune(cache: Cache, unwanted: Callable[[Entry], bool], *, dry_run: bool = False) -> tuple[int, int]:
    """Remove entries from a cache. Concurrent runs simulate again the removed entries that they need.

    Args:
        cache: the cache.
        unwanted: whether to remove an entry.
        dry_run: only count the entries.

    Returns:
        Number of the unwanted entries and their size, B.
    """
    count = size = 0
    for entry in cache.entries():
        if unwanted(entry):
            count, size = count + 1, size + entry.size
            if not dry_run:
                entry.path.unlink(missing_ok=True)
    if not dry_run:
        cache.sweep()
    return count, size
