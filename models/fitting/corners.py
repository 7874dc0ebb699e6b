"""Characterization and fit of one design at all corners and several temperatures, as `DieSet` reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...characterization.cache import Cache
from ...characterization.plan import Plan
from ...characterization.trimmed_plan import run_plan
from ..dies import CORNERS
from ..hardware import Hardware
from .folder import fit_folder
from .report import FitReport

Report = Callable[[int, int, str], None]
"""Called with (conditions done, conditions, current condition)."""


@dataclass(frozen=True)
class FittedCondition:
    """One condition of a set."""

    corner: str
    """Process corner."""
    temperature: float
    """Temperature, C."""
    folder: Path
    """Folder with `tables` and `hardware`."""
    hardware: Hardware
    """What was fitted."""
    report: FitReport
    """How well, and what differs from die to die."""


def fit_corners(
    plan: Plan,
    out: Path,
    *,
    corners: Sequence[str] = tuple(CORNERS),
    temperatures: Sequence[float] = (-40.0, 27.0, 125.0),
    jobs: int | None = None,
    cache: Cache | None = None,
    report: Report = lambda done, total, item: None,
) -> list[FittedCondition]:
    """Characterize a design at every corner and temperature, and fit a hardware to each.

    Simulations come from the cache where it has them, so an interrupted run continues.

    Args:
        plan: technology, supply, sizes and procedures, and whether each die is trimmed.
        out: folder of the set; each condition has a folder such as `fs_-40` in it.
        corners: corners of the technology.
        temperatures: temperatures, C.
        jobs: number of parallel simulations; all cores by default.
        cache: cache of simulations; the user's by default.
        report: called with (conditions done, conditions, current condition).

    Returns:
        The conditions, in the order of corners and temperatures.

    Raises:
        PlanError, TechnologyError, SimulationError, TableError: as `run_plan` and `fit_folder`.
        OSError: `out` cannot be written.
    """
    conditions = [(corner, float(celsius)) for corner in corners for celsius in temperatures]
    found = []
    for corner, celsius in conditions:
        name = f"{corner}_{celsius:g}"
        report(len(found), len(conditions), name)
        own = plan.override(corner=corner, temperature=celsius)
        folder = out / name
        run_plan(own, folder / "tables", jobs=jobs, cache=cache)
        hardware, fitted = fit_folder(folder / "tables", folder / "hardware")
        found.append(FittedCondition(corner, celsius, folder, hardware, fitted))
        report(len(found), len(conditions), name)
    return found
