"""The bookkeeping of the attention benchmarks: turns, peaks, ratios. No test looks at a clock."""

import json
import subprocess
import sys
from itertools import pairwise

import pytest

PEAKS = """
import json, tempfile
import memory
memory.return_freed_memory()
import torch
from contenders import Case, Signals
from dense import DenseAttention, Manner

torch.set_num_threads(1)
cpu = torch.device("cpu")
case = Case(512, 512, 512, heads=2)
signals = Signals.draw(case, cpu, torch.float32)
attention = DenseAttention(512, 512, 512, Manner(gradient="surrogate"))
found = []
for run in (signals.forward, signals.training):
    run(attention)
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as seen:
        run(attention)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        seen.export_chrome_trace(file.name)
        events = json.load(open(file.name))["traceEvents"]
    live = [(e["ts"], e["args"]["Bytes"]) for e in events if e["name"] == "[memory]"]
    level = highest = 0
    for _, change in sorted(live):
        level += change
        highest = max(highest, level)
    found.append([memory.peak(lambda: run(attention), cpu), highest / 2**20])
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_resident_peak_is_the_profiler_s(benchmark_module):
    folder = benchmark_module("memory").__file__.rpartition("/")[0]
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    for resident, profiled in json.loads(done.stdout.splitlines()[-1]):
        assert profiled > 10
        assert resident == pytest.approx(profiled, rel=0.1)


def test_calls_take_turns_until_nothing_is_new(benchmark_module):
    timing = benchmark_module("timing")
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    times = timing.in_turn(calls, rounds=3, seconds=0)
    assert list(times) == ["a", "b"]
    assert all(len(taken.samples) == 3 for taken in times.values())
    changes = sum(x != y for x, y in pairwise(order))
    assert changes >= 5  # a b a b a b, each repeated within its sample


def test_nothing_to_time_is_no_endless_loop(benchmark_module):
    assert benchmark_module("timing").in_turn({}) == {}


def test_ratios_and_what_is_asked(benchmark_module):
    targets, contenders = benchmark_module("targets"), benchmark_module("contenders")

    def result(seconds, mib):
        return {"forward": {"best_s": seconds}, "training": {"best_s": 3 * seconds}, "forward_MiB": mib}

    results = {"dense": result(1.2, 300.0), "sdpa": result(0.1, 4.0), "native": result(0.1, 30.0)}
    results["torch"] = {"unavailable": "for the test"}
    found = {
        (r.contender, r.measure, r.baseline): r
        for r in targets.ratios(contenders.Case(1024, 1024, 1024), results, gpu=False)
    }
    assert {name for name, _, _ in found} == {"native"}
    assert found["native", "forward", "dense"].value == pytest.approx(12)
    assert found["native", "forward", "sdpa"].met
    assert found["native", "training", "dense"].limit == 9
    assert found["native", "forward_MiB", "dense"].met
    assert not found["native", "forward_MiB", "sdpa"].met  # 7.5 times the memory, 4 times are allowed


@pytest.mark.parametrize(
    ("name", "measure", "against_dense", "shape", "limit"),
    [
        ("native", "forward", True, (2048, 2048, 256), 30),
        ("native", "forward", True, (2048, 2048, 1024), 12),
        ("native", "forward", False, (2048, 2048, 256), 1.5),
        ("native without decay", "forward", False, (256, 256, 256), 0.9),
        ("native without decay", "training", False, (256, 256, 256), 1.0),
        ("torch", "training", False, (256, 256, 256), 4.0),
        ("torch", "forward", True, (256, 256, 256), None),
        ("native", "forward", False, (1, 1024, 1024), 1.5),
        ("native on levels", "forward", False, (1, 1024, 1024), 0.8),
        ("torch", "forward", False, (1, 1024, 1024), 10.0),
        ("native, generic28", "forward", False, (256, 256, 256), 2.0),
        ("native, generic28", "forward", True, (256, 256, 256), None),
    ],
)
def test_limits(benchmark_module, name, measure, against_dense, shape, limit):
    case = benchmark_module("contenders").Case(*shape)
    assert benchmark_module("targets").limit(name, measure, against_dense, case, gpu=False) == limit


def test_pairs_inside_the_window(benchmark_module):
    case = benchmark_module("contenders").Case
    assert case(4, 4, 4).pairs == 10
    assert case(4, 4, 2).pairs == 7
    assert case(1, 1024, 1024).pairs == 1024
