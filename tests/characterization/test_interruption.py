"""Killed and concurrent runs: whole entries, at most one batch per worker lost, equal tables."""

import os
import signal
import time

import numpy as np
import oracles  # noqa: F401  # registers the interrupted procedure
import pandas as pd
import pytest
from interrupted import simulated, start

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import read_table
from gaincell.circuits.errors import TableError

WORKERS = 2


def test_run_killed_at_random_times_loses_at_most_one_batch_per_worker(tmp_path, tiny_technology):
    rng = np.random.default_rng(3)
    samples, cached = 600, 0
    for _ in range(5):
        before = simulated(tmp_path)
        run = start(tmp_path, tiny_technology, samples)
        assert run.stdout.readline() == "started\n"
        time.sleep(rng.uniform(0.0, 0.5))
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
        entries = list((tmp_path / "cache").rglob("[!.]*.parquet"))
        assert all(len(pd.read_parquet(entry)) == 5 for entry in entries)
        # Simulations that are not in the cache were in progress when the run was killed.
        assert simulated(tmp_path) - before <= len(entries) - cached + WORKERS
        cached = len(entries)
        with pytest.raises(TableError, match="no finished characterization"):
            read_table(tmp_path / "out", "oracle_ramp")
    plan = Plan(name="kill", technology=str(tiny_technology), procedures=("oracle_ramp",), samples=samples)
    summary = characterize(plan, tmp_path / "out", jobs=WORKERS, cache=Cache(tmp_path / "cache"))
    assert (summary.points, summary.failed, summary.cached) == (samples, 0, cached)
    table = read_table(tmp_path / "out", "oracle_ramp")
    np.testing.assert_allclose(
        table["voltage"], table["current"] * table["time"] / 1e-12, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("outs", [("one", "other"), ("same", "same")])
def test_concurrent_runs_share_one_cache(tmp_path, tiny_technology, outs):
    samples = 60
    runs = [start(tmp_path, tiny_technology, samples, out) for out in outs]
    assert [run.communicate()[0].split()[-1] for run in runs] == ["0", "0"]
    assert [run.returncode for run in runs] == [0, 0]
    tables = [read_table(tmp_path / out, "oracle_ramp") for out in outs]
    pd.testing.assert_frame_equal(*tables)
    # Both runs may simulate every batch, but a finished batch is not simulated again.
    count = simulated(tmp_path)
    assert samples <= count <= 2 * samples
    again = start(tmp_path, tiny_technology, samples, "third")
    assert again.communicate()[0].split()[-1] == "0"
    assert simulated(tmp_path) == count
    pd.testing.assert_frame_equal(read_table(tmp_path / "third", "oracle_ramp"), tables[0])
    assert len(list((tmp_path / "cache").rglob("*.parquet"))) == samples
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_sweep_removes_damaged_entries_and_old_temporary_files(tmp_path, tiny_technology):
    cache = Cache(tmp_path / "cache")
    plan = Plan(name="kill", technology=str(tiny_technology), procedures=("oracle_ramp",))
    characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    entry, damaged, intact = sorted(cache.folder.rglob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:50])
    fresh, old = entry.with_name(".a.part"), entry.with_name(".b.part")
    for part in (fresh, old):
        part.write_bytes(b"PAR1")
    os.utime(old, (0, 0))
    assert cache.sweep() == 2
    assert sorted(path for path in cache.folder.rglob("*") if path.is_file()) == sorted(
        [entry, intact, fresh]
    )
