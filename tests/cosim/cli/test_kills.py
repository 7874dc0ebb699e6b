"""`fit` and `report` ended at random instants leave nothing; the next run equals an undisturbed one."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fit_tables import copy_required, rewrite

from gaincell.circuits.errors import HardwareError
from gaincell.circuits.files import as_written
from gaincell.cosim.view.report import ReportSources
from gaincell.cosim.view.report.sources import ReportData
from gaincell.models import Hardware
from gaincell.models.hardware import SHIPPED

pytest.importorskip("plotly")

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)

FORKS = """
import json, os, signal, sys
sys.stdout.reconfigure(line_buffering=True)
from gaincell.cosim.cli import commands, main
from gaincell.cosim.view.report import waveforms
from gaincell.models.fitting import folder
waveforms.SHOWN = waveforms.SHOWN[:1]
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.setsid()
        sys.argv[1:] = json.loads(line)
        sink = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(sink, stream)
        main()
    print(child)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status))
"""
"""Runs the command lines that it reads, each in a process of its own, which has imported everything."""


class Commands:
    """Starts command lines in processes that can be killed."""

    def __init__(self, temporary):
        self.temporary = temporary
        environment = {**os.environ, "TMPDIR": str(temporary)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, "-c", FORKS], env=environment, **pipes)

    def run(self, *words, end=None):
        """Run a command; `end` is (time in s, signal) of its kill. Returns exit status and time."""
        begins = time.monotonic()
        self.process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        if end is not None:
            time.sleep(end[0])
            # The process is waited for only by its parent, so its number is not another one's here.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, end[1])
        status = int(self.process.stdout.readline())
        ends = time.monotonic() + 60
        while processes_below(self.temporary) or list(self.temporary.iterdir()):
            assert time.monotonic() < ends, "processes or folders are left"
            time.sleep(0.02)
        return status, time.monotonic() - begins


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    started = Commands(tmp_path_factory.mktemp("tmp"))
    with started.process:
        yield started


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def processes_below(folder):
    """Processes whose working folder is below a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            place = os.readlink(process / "cwd").removesuffix(" (deleted)")
        except OSError:
            continue
        if Path(place).is_relative_to(folder):
            found.append(process.name)
    return found


def test_fit_ended_at_random_leaves_old_or_new_hardware_or_a_refusal(tmp_path, commands):
    rng, out = np.random.default_rng(5), tmp_path / "out"
    tables = [copy_required(tmp_path / name) for name in ("one", "other")]
    rewrite(tables[1], "row_driver", lambda rows: rows.assign(e_drive=rows["e_drive"] * 2))
    calm = [tmp_path / "calm-one", tmp_path / "calm-other"]
    runs = [commands.run("fit", t, "--out", c) for t, c in zip(tables, calm, strict=True)]
    assert [status for status, _ in runs] == [0, 0]
    longest = min(seconds for _, seconds in runs)
    whole = [Hardware.from_pretrained(folder) for folder in calm]
    assert whole[0] != whole[1]
    for i, number in enumerate(SIGNALS):
        commands.run("fit", tables[i % 2], "--out", out, end=(rng.uniform(0, longest), number))
        try:
            found = Hardware.from_pretrained(out)
        except HardwareError:
            continue
        assert found in whole
        # What a report would read: no report of other hardware.
        fit = ReportData(ReportSources(hardware=out)).fit
        assert fit is None or (as_written(fit) and fit["hardware"] == found.digest)
    assert commands.run("fit", tables[0], "--out", out)[0] == 0
    assert files(out) == files(calm[0])


def test_report_ended_at_random_leaves_a_whole_page_or_none(tmp_path, commands):
    rng, folder = np.random.default_rng(6), tmp_path / "results"
    shutil.copytree(SHIPPED / "leroux2025", folder / "hardware")
    words = ["report", folder, "--out"]
    status, longest = commands.run(*words, tmp_path / "calm" / "report.html")
    assert status == 0
    calm, out = files(tmp_path / "calm"), tmp_path / "out"
    page = Path("report.html")
    for number in SIGNALS[:3]:
        commands.run(*words, out / "report.html", end=(rng.uniform(0, longest), number))
        assert {path for path in files(out) if not path.name.startswith(".")} <= calm.keys()
        assert not (out / page).exists() or (out / page).read_bytes().endswith(b"</html>\n")
    assert commands.run(*words, out / "report.html")[0] == 0
    found = files(out)
    assert found.keys() == calm.keys()
    # Pictures and the page hold times of their making.
    assert abs(len(found[page]) / len(calm[page]) - 1) < 0.01
    assert all(abs(len(found[path]) / len(data) - 1) < 0.05 for path, data in calm.items())
