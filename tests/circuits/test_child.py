"""Child processes, waited for by a pidfd and by polling."""

import os
import subprocess
import sys

import pytest

from gaincell.circuits import child


@pytest.fixture(params=["pidfd", "polling"])
def waiting(request, monkeypatch):
    if request.param == "polling":
        monkeypatch.delattr(os, "pidfd_open", raising=False)


def run(tmp_path, code, timeout=30.0):
    return child.run([sys.executable, "-c", code], tmp_path, tmp_path / "log", timeout, {"MARK": "here"})


@pytest.mark.usefixtures("waiting")
def test_child_uses_folder_and_variables_and_returns_status_and_messages(tmp_path):
    code = "import os, sys; print(os.environ['MARK'], os.getcwd()); sys.stderr.write('oh'); sys.exit(3)"
    status, _ = run(tmp_path, code)
    assert status == 3
    assert sorted((tmp_path / "log").read_text().split()) == sorted(["here", str(tmp_path), "oh"])


@pytest.mark.usefixtures("waiting")
def test_process_is_killed_at_its_time_limit(tmp_path):
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired):
        run(tmp_path, code, timeout=1.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "log").read_text()), 0)


@pytest.mark.usefixtures("waiting")
def test_signal_is_a_negative_status(tmp_path):
    assert run(tmp_path, "import os; os.kill(os.getpid(), 9)")[0] == -9


def test_no_file_descriptor_is_left_open(tmp_path):
    before = os.listdir("/proc/self/fd")
    for _ in range(5):
        run(tmp_path, "")
    assert len(os.listdir("/proc/self/fd")) <= len(before)
