"""Runs on a Dask cluster of separate processes: killed and resumed runs, error messages."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest
from dask_cluster import cluster
from interrupted import simulated, start

from gaincell.characterization import backends, execute
from gaincell.characterization.backends import backend
from gaincell.characterization.cache import Cache
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import read_table
from gaincell.circuits.errors import BackendError, SimulationError
from gaincell.circuits.runner import ngspice_version
from gaincell.circuits.technology import Technology

needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="needs pip install 'gaincell[dask]'")


@pytest.fixture
def scheduler(tmp_path):
    """Scheduler file of a local scheduler, and its process and those of its two workers."""
    with cluster(tmp_path) as found:
        yield found


@needs_dask
def test_killed_cluster_run_resumes_from_the_cache(tmp_path, tiny_technology, scheduler):
    samples = 200
    file, processes = scheduler
    cache = Cache(tmp_path / "cache")
    first = start(tmp_path, tiny_technology, samples, scheduler=file)
    wait_for_entries(cache, 5)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    cached = len(list(cache.folder.rglob("*.parquet")))
    assert 5 <= cached < samples
    second = start(tmp_path, tiny_technology, samples, scheduler=file)
    wait_for_entries(cache, cached + 5)
    processes[1].kill()  # the other worker repeats its task
    assert second.communicate()[0].splitlines()[-1] == f"{cached} 0"
    # Only the workers have simulated, and only the client has written entries.
    assert simulated(tmp_path) == 0
    assert len(list(cache.folder.rglob("*.parquet"))) == samples
    table = read_table(tmp_path / "out", "oracle_ramp")
    assert len(table) == 5 * samples
    np.testing.assert_allclose(
        table["voltage"], table["current"] * table["time"] / 1e-12, rtol=1e-4, atol=1e-6
    )


@needs_dask
@pytest.mark.slow
def test_lost_scheduler_is_a_one_line_error(tmp_path, tiny_technology, scheduler):
    file, processes = scheduler
    run = start(tmp_path, tiny_technology, 200, scheduler=file, stderr=subprocess.PIPE)
    wait_for_entries(Cache(tmp_path / "cache"), 5)
    processes[0].kill()
    _, complaint = run.communicate()
    assert run.returncode == 1
    assert "BackendError: lost the Dask scheduler" in complaint.splitlines()[-1]


def wait_for_entries(cache, count):
    deadline = time.monotonic() + 60
    while len(list(cache.folder.rglob("*.parquet"))) < count and time.monotonic() < deadline:
        time.sleep(0.01)


@needs_dask
def test_unreachable_scheduler_is_a_one_line_error(tmp_path):
    script = (
        "from gaincell.characterization import backends\n"
        "backends.CONNECT = 1.0\n"
        "with backends.backend('dask', 'tcp://127.0.0.1:1'): pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "BackendError: no Dask scheduler answers at tcp://127.0.0.1:1" in done.stderr
    assert "start one with `dask scheduler`" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("slurm", None), "unknown backend 'slurm'; use one of local, dask"),
        (("dask", None), "needs --scheduler ADDRESS"),
        (("local", "tcp://host:8786"), "needs --backend dask"),
    ],
)
def test_invalid_backend_options_are_refused(words, sentence):
    with pytest.raises(BackendError, match=sentence):
        backend(*words)


def test_error_for_missing_dask_has_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(BackendError, match=r"pip install 'gaincell\[dask\]'"),
        backends.dask("tcp://host:8786"),
    ):
        pass


def test_worker_with_another_ngspice_or_gaincell_is_refused(tmp_path, tiny_technology, monkeypatch):
    plan = Plan(name="x", technology=str(tiny_technology), procedures=("oracle_ramp",))
    technology = Technology.load(plan.technology)
    task = execute.tasks_of(plan, technology, ngspice_version())["oracle_ramp"][0]
    cache = Cache(tmp_path / "cache")
    _, rows, seconds, here = execute._run(task, cache, "elsewhere 1", "ngspice")
    assert (len(rows), seconds > 0, here != "elsewhere 1") == (5, True, True)
    assert cache.get(task.key) is None
    with monkeypatch.context() as patch:
        patch.setattr(execute, "simulator_version", lambda name: "99")
        with pytest.raises(SimulationError, match="has ngspice 99, this run was started with"):
            execute._run(task, cache, "elsewhere 1", "ngspice")
    monkeypatch.setattr(execute, "modules", lambda procedure: {"oracles": "edited"})
    with pytest.raises(SimulationError, match="has another gaincell"):
        execute._run(task, cache, "elsewhere 1", "ngspice")
