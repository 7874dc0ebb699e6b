"""The benchmarks run, and their ways of simulating agree."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def run(script, *words):
    done = subprocess.run([sys.executable, BENCHMARKS / script, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_all_ways_of_simulating_give_the_same_answers():
    circuits = run("runner.py", "--points", "3", "--copies", "2", "--repeat", "1", "--json")["circuits"]
    assert set(circuits) == {"rc", "cell", "mismatch"}
    for ways in circuits.values():
        assert len(ways) == 3
        assert all(way["agrees"] for way in ways.values())


def test_memory_does_not_grow_with_the_number_of_runs():
    # The benchmark's 2,000 runs, shortened; a leak of one waveform or pipe per run would show here too.
    found = run("scale.py", "--procedure", "row_driver", "--jobs", "1", "--repeat", "1", "--runs", "200")
    assert found["memory"]["growth_MB"] < 1.0
    (only,) = found["procedures"]["row_driver"]
    assert only["speed_up"] == pytest.approx(1.0)
