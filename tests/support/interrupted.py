"""Runs in separate processes that log their simulations, so that tests can kill and count them."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
sys.path.insert(0, {support!r})
import oracles
from pathlib import Path
from gaincell.characterization import backends, execute
from gaincell.characterization.cache import Cache
from gaincell.characterization.plan import Plan

simulate = execute.simulate

def logged(simulation, **options):
    result = simulate(simulation, **options)
    with open({log!r}, "a") as log:
        log.write("x")
    return result

execute.simulate = logged
plan = Plan(name="kill", technology={technology!r}, procedures=("oracle_ramp",), samples={samples})
print("started", flush=True)
with backends.backend({backend!r}, {scheduler!r}):
    summary = execute.characterize(plan, Path({out!r}), jobs=2, cache=Cache(Path({cache!r})))
print(summary.cached, summary.failed)
"""


def start(
    folder: Path,
    technology: Path,
    samples: int,
    out: str = "out",
    *,
    scheduler: str | None = None,
    stderr: int | None = None,
):
    """Start a run of `oracle_ramp` with two workers; all runs in `folder` share its cache and log."""
    script = SCRIPT.format(
        support=str(Path(__file__).parent),
        technology=str(technology),
        samples=samples,
        out=str(folder / out),
        cache=str(folder / "cache"),
        log=str(folder / "log"),
        backend="dask" if scheduler else "local",
        scheduler=scheduler,
    )
    command = [sys.executable, "-c", script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)


def simulated(folder: Path) -> int:
    """Number of finished simulations of all runs in `folder`."""
    log = folder / "log"
    return len(log.read_text()) if log.exists() else 0
