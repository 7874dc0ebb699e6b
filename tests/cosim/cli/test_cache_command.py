"""`gaincell cache`: lists, explains, prunes."""

import json

import oracles  # noqa: F401  # registers the procedure of the plan
import pytest
import typer
from typer.testing import CliRunner

from gaincell.cosim.cli import app
from gaincell.cosim.cli.cache import parse_age


@pytest.fixture
def run(monkeypatch, tmp_path, tiny_technology):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GAINCELL_CACHE", str(tmp_path / "cache"))
    plan = tmp_path / "oracles.toml"
    plan.write_text(f'procedures = ["oracle_rc"]\ntechnology = "{tiny_technology}"\n')

    def invoke(*words):
        return CliRunner().invoke(app, [str(plan) if word == "PLAN" else str(word) for word in words])

    assert invoke("characterize", "--plan", "PLAN", "--out", tmp_path / "out").exit_code == 0
    return invoke


def test_the_list_is_for_people_and_for_machines(run, tmp_path):
    assert "oracle_rc" in run("cache").stdout
    found = json.loads(run("cache", "--json").stdout)
    assert found["folder"] == str(tmp_path / "cache")
    (held,) = found["procedures"]
    assert {"procedure": "oracle_rc", "entries": 4, "rows": 12}.items() <= held.items()


def test_explain_names_what_changed(run):
    assert "up to date" in run("cache", "explain", "PLAN").stdout
    result = run("cache", "explain", "PLAN", "--temperature", 85)
    assert "4x settings: .temp 27.0 became .temp 85.0" in result.stdout
    assert "up to date" in run("cache", "explain", "PLAN", "--set", "cell.c_store=10f").stdout
    (found,) = json.loads(run("cache", "explain", "PLAN", "--samples", 9, "--json").stdout)["procedures"]
    assert found["reasons"] == {"the swept points": 6}


def test_prune_removes_what_is_asked_for_and_nothing_else(run):
    assert run("cache", "prune").exit_code == 2
    assert "removed 0 entries" in run("cache", "prune", "--stale").stdout
    assert "removed 0 entries" in run("cache", "prune", "--older-than", "1d").stdout
    assert "would remove 4 entries" in run("cache", "prune", "--all", "--dry-run").stdout
    assert json.loads(run("cache", "prune", "--all", "--json").stdout)["entries"] == 4
    assert json.loads(run("cache", "--json").stdout)["procedures"] == []


def test_ages_are_read():
    assert [parse_age(text) for text in ("90s", "2h", "1.5d")] == [90.0, 7200.0, 129600.0]
    with pytest.raises(typer.BadParameter, match="30d, 12h or 2w"):
        parse_age("a month")
