"""`--simulator` of the commands that simulate."""

import json

import pytest
from typer.testing import CliRunner

from gaincell.circuits.errors import SimulationError
from gaincell.circuits.vacask import VACASK
from gaincell.cosim.cli import app

try:
    VACASK.find()
    MISSING = ""
except SimulationError as error:
    MISSING = str(error)


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.mark.skipif(bool(MISSING), reason=MISSING or "installed")
def test_waves_says_which_simulator_it_used(run, tmp_path):
    arguments = ("waves", "cell-read", "--out", str(tmp_path / "a.csv"), "--json")
    found = {name: json.loads(run(*arguments, "--simulator", name).stdout) for name in ("ngspice", "vacask")}
    assert all(report["simulator"] == name for name, report in found.items())
    charges = [report["measured"][0]["q_bl"] for report in found.values()]
    assert charges[0] == pytest.approx(charges[1], rel=1e-3)
    assert charges[0] != charges[1]


@pytest.mark.parametrize(
    "command",
    [
        ("characterize", "--plan", "quick", "--out", "out"),
        ("waves", "cell-read", "--out", "a.csv"),
        ("cache", "explain", "quick"),
    ],
)
def test_unknown_simulator_is_one_sentence(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    result = run(*command, "--simulator", "spectre")
    assert result.exit_code == 2
    assert "unknown simulator 'spectre'; use one of ngspice, vacask" in result.stderr
    assert "Traceback" not in result.stderr


def test_missing_simulator_is_one_sentence(run, tmp_path, monkeypatch):
    def gone(self):
        raise SimulationError("VACASK is not installed; install it with: pip install 'gaincell[vacask]'")

    monkeypatch.setattr(type(VACASK), "find", gone)
    monkeypatch.chdir(tmp_path)
    for command in (("waves", "cell-read", "--out", "a.csv"), ("characterize", "--out", "out")):
        result = run(*command, "--simulator", "vacask")
        assert result.exit_code == 1
        assert result.stderr.count("pip install 'gaincell[vacask]'") == 1


def test_doctor_names_the_second_simulator(run):
    report = json.loads(run("doctor", "--json").stdout)
    (check,) = [check for check in report["checks"] if check["name"] == "VACASK"]
    assert not check["required"]
    assert "pip install 'gaincell[vacask]'" in check["needed_for"]
