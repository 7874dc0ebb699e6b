"""What a running process has used, and what a simulation's result says of it."""

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


def test_a_process_is_charged_for_what_it_holds_and_does():
    code = "held = bytearray(50_000_000)\nsum(range(3_000_000))\nprint(1, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        used = usage_of(process.pid)
        process.communicate(b"\n")
    assert 50e6 < used.memory < 200e6
    assert 0.02 < used.cpu < 60


def test_a_process_that_is_gone_has_no_usage():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert math.isnan(usage_of(process.pid).cpu)


def test_the_parents_size_does_not_count(monkeypatch):
    """The peak that the kernel hands on through fork and exec would be this process's."""
    monkeypatch.setattr(child, "SAMPLE_INTERVAL", 0.05)
    used = simulate(Simulation(LONG, end=40e-9)).usage
    ours = usage_of(os.getpid()).memory
    assert 1e6 < used.memory < ours
    assert used.cpu > 0


def test_a_short_run_is_not_looked_at():
    deck = "* short\nv1 in 0 1\nr1 in 0 1k\n.save v(in)\n.op\n.end\n"
    assert math.isnan(simulate(Simulation(deck)).usage.memory)


def test_a_run_beyond_its_time_is_given_up():
    assert simulate(Simulation(LONG.replace("40n", "40u"), end=40e-6, timeout=0.7)).status == "timeout"
