"""Characterization of a die as a plan asks for it: trimmed first, or as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from .cache import Cache
from .execute import FOR_A_FIT, Progress, Summary, characterize
from .plan import Plan
from .trimming import REPLICAS, Trim, find_trim


def run_plan(
    plan: Plan,
    out: Path,
    *,
    jobs: int | None = None,
    cache: Cache | None = None,
    progress: Progress | None = None,
    simulator: str = "ngspice",
    trimmed: Callable[[Trim], None] = lambda trim: None,
) -> Summary:
    """Trim the die where the plan asks for it, then characterize it.

    Args:
        plan: procedures, operating condition and sizes.
        out, jobs, cache, progress, simulator: as `characterize`.
        trimmed: called with the trim before the procedures are simulated.

    Returns:
        Numbers of points, without those of the trim.

    Raises:
        PlanError, TechnologyError, SimulationError, TableError, OSError: as `find_trim` and `characterize`.
    """
    record = None
    if plan.trim:
        trim = find_trim(plan, cache=cache, jobs=jobs, simulator=simulator)
        plan, record = trimmed_plan(plan, trim), asdict(trim)
        trimmed(trim)
    return characterize(
        plan, out, jobs=jobs, cache=cache, progress=progress, simulator=simulator, trim=record
    )


def trimmed_plan(plan: Plan, trim: Trim) -> Plan:
    """The plan with the sizes of a trim; a plan for a fit simulates the banks' replicas too.

    Args:
        plan: the plan whose die was trimmed.
        trim: result of `find_trim`.
    """
    sizes = {circuit: dict(fields) for circuit, fields in plan.designs.items()}
    for circuit, fields in trim.designs.items():
        sizes[circuit] = sizes.get(circuit, {}) | fields
    needed = set(plan.procedures) >= FOR_A_FIT and REPLICAS not in plan.procedures
    return plan.override(
        designs=sizes, procedures=(*plan.procedures, REPLICAS) if needed else plan.procedures
    )
