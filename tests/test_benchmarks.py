"""The benchmarks run, and their ways of simulating agree."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "runner.py"


def test_all_ways_of_simulating_give_the_same_answers():
    words = ["--points", "3", "--copies", "2", "--repeat", "1", "--json"]
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    circuits = json.loads(done.stdout)["circuits"]
    assert set(circuits) == {"rc", "mos", "cell"}
    for ways in circuits.values():
        assert len(ways) == 4
        assert all(way["difference_V"] < 1e-6 for way in ways.values())
