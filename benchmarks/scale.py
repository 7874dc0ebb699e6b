"""Whole procedures over processes, and memory over many runs: python benchmarks/scale.py --help"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from decks import build

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.circuits.runner import Simulation, simulate

WARM_UP = 50
"""Runs before memory is first read: imports and allocator pools have settled by then."""


def memory_growth(runs: int) -> dict[str, float]:
    """Resident memory of this process before and after `runs` simulations, MB."""
    circuit = build("rc", "generic28")
    decks = [circuit.deck(np.array([volts])) for volts in circuit.values(WARM_UP + runs)]
    for deck in decks[:WARM_UP]:
        simulate(Simulation(deck)).require()
    before = _resident()
    for deck in decks[WARM_UP:]:
        simulate(Simulation(deck)).require()
    after = _resident()
    return {"runs": runs, "before_MB": before, "after_MB": after, "growth_MB": after - before}


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def scaling(procedure: str, technology: str, jobs: list[int], repeat: int, samples: int | None) -> list[dict]:
    """Points per second of `gaincell characterize` on an empty cache, everything included, by processes."""
    plan = Plan(name="benchmark", technology=technology, procedures=(procedure,)).override(samples=samples)
    best = dict.fromkeys(jobs, float("inf"))
    points = 0
    for _ in range(repeat):
        for count in jobs:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                summary = characterize(plan, folder / "out", jobs=count, cache=Cache(folder / "cache"))
            points, best[count] = summary.points, min(best[count], summary.seconds)
    return [
        {
            "jobs": count,
            "seconds": seconds,
            "points_per_second": points / seconds,
            "speed_up": best[jobs[0]] / seconds,
        }
        for count, seconds in best.items()
    ]


def run(
    procedure: Annotated[list[str] | None, typer.Option(help="Procedures [default: cell_transfer].")] = None,
    technology: Annotated[str, typer.Option(help="Shipped technology, or TOML file.")] = "generic28",
    jobs: Annotated[list[int] | None, typer.Option(min=1, help="Processes [default: 1 and 2].")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Samples, instead of the default.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Rounds; the best counts.")] = 3,
    runs: Annotated[int, typer.Option(min=0, help="Runs of the memory test; 0 leaves it out.")] = 2000,
) -> None:
    """Print scaling and memory growth as one JSON object."""
    result: dict = {"load": os.getloadavg()[0], "cores": os.cpu_count()}
    result["procedures"] = {
        name: scaling(name, technology, jobs or [1, 2], repeat, samples)
        for name in procedure or ["cell_transfer"]
    }
    if runs:
        result["memory"] = memory_growth(runs)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    typer.run(run)
