"""Usage of a running process, and its record in the result of a simulation."""

import math
import os
import subprocess
import sys

from gaincell.circuits import child
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.usage import usage_of

LONG = """* an oscillator that takes a second or two
v1 in 0 sin(0 1 1g)
r1 in out 1k
c1 out 0 1p
.options reltol=1e-6
.save v(out)
.tran 0.2p 40n 0 0.2p
.end
"""


def test_usage_counts_memory_and_processor_time():
    code = "held = bytearray(50_000_000)\nsum(range(3_000_000))\nprint(1, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        used = usage_of(process.pid)
        process.communicate(b"\n")
    assert 50e6 < used.memory < 200e6
    assert 0.02 < used.cpu < 60


def test_usage_of_an_ended_process_is_nan():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert math.isnan(usage_of(process.pid).cpu)


def test_memory_of_the_parent_is_not_counted(monkeypatch):
    """A peak inherited through fork and exec (`ru_maxrss`) would be that of this process."""
    monkeypatch.setattr(child, "SAMPLE_INTERVAL", 0.05)
    used = simulate(Simulation(LONG, end=40e-9)).usage
    ours = usage_of(os.getpid()).memory
    assert 1e6 < used.memory < ours
    assert used.cpu > 0


def test_usage_of_a_short_run_is_nan():
    deck = "* short\nv1 in 0 1\nr1 in 0 1k\n.save v(in)\n.op\n.end\n"
    assert math.isnan(simulate(Simulation(deck)).usage.memory)


def test_long_run_is_stopped_at_its_time_limit():
    assert simulate(Simulation(LONG.replace("40n", "40u"), end=40e-6, timeout=0.7)).status == "timeout"
