"""Why entries of the cache no longer fit, and which can go."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..circuits.runner import ngspice_version
from ..circuits.technology import Technology
from .cache import Cache, Entry
from .cache_key import CacheKey
from .execute import tasks_of
from .plan import Plan
from .procedure import find, procedure_names
from .source import module_of, modules


@dataclass(frozen=True)
class Holding:
    """What the cache has of one procedure."""

    procedure: str
    """Its name; "-" for entries of another gaincell version."""
    entries: int
    rows: int
    size: int
    """Bytes."""
    oldest: float
    """Time since the entry that has waited longest was used, s."""
    newest: float
    """Time since the last use of any, s."""


@dataclass(frozen=True)
class Explanation:
    """What a plan would find in the cache for one procedure."""

    procedure: str
    batches: int
    fresh: int
    """Batches whose rows are in the cache."""
    reasons: dict[str, int]
    """Why the others are not -> number of batches."""


def holdings(cache: Cache) -> list[Holding]:
    """What the cache holds, by procedure."""
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


def explain(plan: Plan, cache: Cache) -> list[Explanation]:
    """For every procedure of a plan, how many of its batches are cached, and what changed for the others.

    A batch that is not there is compared with the entry of its procedure that it shares most with.

    Raises:
        TechnologyError, PlanError, SimulationError: as `characterize` does.
    """
    technology = Technology.load(plan.technology)
    technology.sections(plan.corner)
    tasks = tasks_of(plan, technology, ngspice_version())
    known: dict[str, list[CacheKey]] = {}
    for entry in cache.entries():
        if entry.key is not None:
            known.setdefault(entry.key.procedure, []).append(entry.key)
    found = []
    for name, group in tasks.items():
        known_keys = known.get(name, [])
        keys = {key.digest for key in known_keys}
        missing = [task.cache_key for task in group if task.key not in keys]
        reasons = Counter(_reason(key, known_keys) for key in missing)
        found.append(Explanation(name, len(group), len(group) - len(missing), dict(reasons)))
    return found


def _reason(key: CacheKey, known: Iterable[CacheKey]) -> str:
    """The shortest list of changes that leads from a known key to this one."""
    candidates = [key.changes(other) for other in known]
    if not candidates:
        return "never simulated"
    return "; ".join(min(candidates, key=lambda changes: (len(changes), changes)))


def stale(simulator: str) -> Callable[[Entry], bool]:
    """Whether no plan can use an entry any more: other format, measuring code or ngspice than now."""
    current: dict[tuple[str, ...], dict[str, str]] = {}

    def is_stale(entry: Entry) -> bool:
        key = entry.key
        if key is None or key.simulator != simulator or key.procedure not in procedure_names():
            return True
        used = tuple(sorted({key.procedure, *_studied(key)}))
        if used not in current:
            current[used] = {k: v for name in used for k, v in modules(find(name)).items()}
        return key.source != dict(sorted(current[used].items()))

    return is_stale


def _studied(key: CacheKey) -> list[str]:
    """Other procedures whose modules are among those that measured the entry."""
    return [name for name in procedure_names() if module_of(find(name)) in key.source]


def prune(cache: Cache, unwanted: Callable[[Entry], bool], *, dry_run: bool = False) -> tuple[int, int]:
    """Remove the entries that are unwanted; returns their number and size in bytes.

    Safe while others run: what they still need, they simulate again.
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
