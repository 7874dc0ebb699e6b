"""Simulations and temporary folders end with their process, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gaincell.circuits import workspace
from gaincell.circuits.workspace import LOCK, PREFIX, sweep

SCRIPT = """
import sys, threading
from gaincell.circuits.runner import Simulation, simulate
deck = "* endless\\nv1 a 0 pulse(0 1 0 1n 1n 1n 4n)\\nr1 a 0 1k\\n.tran 1p 1\\n.save v(a)\\n.end\\n"
runs = [threading.Thread(target=simulate, args=(Simulation(deck, timeout=300.0),)) for _ in range(2)]
for run in runs:
    run.daemon = True
    run.start()
print("started", flush=True)
sys.stdin.readline()
"""


def processes(folder):
    """Processes that work in a folder or below."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            place = os.readlink(process / "cwd")
        except OSError:
            continue
        if Path(place.removesuffix(" (deleted)")).is_relative_to(folder):
            found.append(int(process.name))
    return found


def wait(condition, seconds=60.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "the condition was not met in time"
        time.sleep(0.02)


def start(folder):
    environment = {**os.environ, "TMPDIR": str(folder)}
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert run.stdout.readline() == b"started\n"
    return run


@pytest.mark.parametrize("how", ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL", "end"])
def test_nothing_outlives_the_process(tmp_path, how):
    run = start(tmp_path)
    wait(lambda: len(processes(tmp_path)) == 2)
    assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 1
    if how == "end":
        run.stdin.write(b"\n")
        run.stdin.flush()
    else:
        os.kill(run.pid, signal.Signals[how])
    run.wait(60)
    wait(lambda: not processes(tmp_path) and not list(tmp_path.iterdir()))
    run.communicate()


def test_next_process_removes_what_a_killed_watcher_has_left(tmp_path, monkeypatch):
    monkeypatch.setattr(workspace.tempfile, "tempdir", str(tmp_path))
    left, foreign, running = (tmp_path / f"{PREFIX}{name}" for name in ("1-a", "mine", "2-b"))
    for folder in (left, foreign, running):
        (folder / "run").mkdir(parents=True)
    (left / LOCK).touch()
    (running / LOCK).touch()
    with (running / LOCK).open() as handle:
        workspace.fcntl.flock(handle, workspace.fcntl.LOCK_EX)
        assert sweep() == 1
    assert sorted(tmp_path.iterdir()) == sorted([foreign, running])


def test_workspace_is_made_again_after_its_folder_was_removed():
    first = workspace.workspace()
    assert workspace.workspace() is first
    workspace.shutil.rmtree(first.folder)
    second = workspace.workspace()
    assert second.folder.is_dir()
    assert second.folder != first.folder
    assert first.watcher.returncode is not None


def test_forked_process_has_a_workspace_of_its_own():
    mine = workspace.workspace()
    pid = os.fork()
    if pid == 0:
        other = workspace.workspace()
        different = other.folder != mine.folder and other.works
        workspace.close()
        os._exit(0 if different and mine.folder.is_dir() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert mine.works
