"""Runs in a hostile environment, and runs that are killed at random, equal an undisturbed one."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import oracles
import pandas as pd
import pytest

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import read_table

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import oracles
from pathlib import Path
from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
technology, out, cache, samples = sys.argv[2:]
names = ("oracle_rc", "oracle_ramp", "oracle_device")
plan = Plan(name="hostile", technology=technology, procedures=names, samples=int(samples))
print("started", flush=True)
summary = characterize(plan, Path(out), jobs=2, cache=Cache(Path(cache)))
print(summary.points, summary.failed)
"""
SUPPORT = str(Path(oracles.__file__).parent)
NAMES = ("oracle_rc", "oracle_ramp", "oracle_device")


def undisturbed(tmp_path, technology, samples):
    plan = Plan(name="hostile", technology=str(technology), procedures=NAMES, samples=samples)
    characterize(plan, tmp_path / "calm", jobs=2, cache=Cache(tmp_path / "calm-cache"))
    return {name: read_table(tmp_path / "calm", name) for name in NAMES}


@pytest.mark.parametrize("odd", ["a b", "it's", 'say "x"', "ümläut $HOME;x"])
def test_hostile_environment_gives_the_tables_of_a_calm_one(tmp_path, tiny_technology, odd):
    expected = undisturbed(tmp_path, tiny_technology, 3)
    odd_folder = tmp_path / odd
    for name in ("tmp", "work", "init"):
        (odd_folder / name).mkdir(parents=True)
    kit = Path(shutil.move(tiny_technology.parent, odd_folder / f"kit {odd}"))
    library = (kit / "tiny.lib").rename(kit / f"tiny {odd}.lib")
    toml = kit / f"tiny {odd}.toml"
    text = (kit / "tiny.toml").read_text()
    toml.write_text(text.replace('"tiny.lib"', "'''" + library.name + "'''"))
    for place in ("work", "init"):
        (odd_folder / place / ".spiceinit").write_text("set filetype=ascii\nset temp=200\nquit\n")
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "LC_ALL")}
    environment |= {
        "LC_ALL": "de_DE.UTF-8",
        "TMPDIR": str(odd_folder / "tmp"),
        "SPICE_USERINIT_DIR": str(odd_folder / "init"),
        "NGSPICE_INPUT_DIR": str(odd_folder / "init"),
        "SPICE_ASCIIRAWFILE": "1",
    }
    places = [str(toml), str(odd_folder / "out"), str(odd_folder / "cache")]
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, SUPPORT, *places, "3"],
        cwd=odd_folder / "work",
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.split()[-1] == "0"
    for name, table in expected.items():
        pd.testing.assert_frame_equal(read_table(odd_folder / "out", name), table)
    decks = sorted((odd_folder / "out" / "netlists" / "oracle_device").glob("*.cir"))
    for deck in decks:  # the decks run by hand, in their folder
        command = ["ngspice", "-b", "-r", str(tmp_path / "bare.raw"), deck.name]
        subprocess.run(command, check=True, capture_output=True, cwd=deck.parent)
    assert len(decks) == 2
    assert list((odd_folder / "tmp").iterdir()) == []


def workers(folder):
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


def test_runs_ended_at_random_leave_nothing_and_the_next_equals_an_undisturbed_one(tmp_path, tiny_technology):
    samples, rng = 60, np.random.default_rng(11)
    expected = undisturbed(tmp_path, tiny_technology, samples)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    places = [str(tiny_technology), str(tmp_path / "out"), str(tmp_path / "cache")]
    command = [sys.executable, "-c", SCRIPT, SUPPORT, *places, str(samples)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        run = subprocess.Popen(command, env=environment, **pipes)
        assert run.stdout.readline() == "started\n"
        time.sleep(rng.uniform(0.0, 0.5))
        run.send_signal(number)
        run.communicate()
        ends = time.monotonic() + 60
        while workers(temporary) or list(temporary.iterdir()):
            assert time.monotonic() < ends, "processes or folders are left"
            time.sleep(0.02)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(read_table(tmp_path / "out", name), table)
    assert list(temporary.iterdir()) == []
