"""The tolerance study: changes of a deck, compared values, and the error of a known circuit."""

import re

import numpy as np
import oracles
import pandas as pd
import pytest

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import find
from gaincell.characterization.procedures import tolerance
from gaincell.characterization.procedures.tolerance import at_tolerance, runs_of
from gaincell.characterization.stale import stale
from gaincell.characterization.table import read_table
from gaincell.circuits.runner import Simulation, ngspice_version

PULSES = Simulation("* x\n.options reltol=0.0002 gmin=1e-15\n.tran 5e-11 2e-08 0 2e-10\n.end\n")
SLOW = Simulation("* x\n.options reltol=0.0001\n.tran 1e-05 0.1 0 0.001\n.end\n")
SWEEP = Simulation("* x\n.dc vg 0 0.9 0.01\n.end\n")


def settings(simulation):
    """Last reltol and largest step of a deck."""
    lines = simulation.netlist.splitlines()
    reltol = [word for line in lines for word in line.split() if word.startswith("reltol=")][-1]
    return float(reltol.removeprefix("reltol=")), float(
        next(line for line in lines if line.startswith(".tran")).split()[4]
    )


@pytest.mark.parametrize(
    ("simulation", "run", "expected"),
    [
        (PULSES, "as run", (2e-4, 2e-10)),
        (PULSES, "coarse", (1e-3, 50e-12)),
        (PULSES, "reltol", (1e-4, 50e-12)),
        (PULSES, "step", (1e-3, 25e-12)),
        (PULSES, "fine", (5e-5, 25e-12)),
        (SLOW, "coarse", (1e-3, 1e-3)),
        (SLOW, "step", (1e-3, 0.5e-3)),
        (SLOW, "fine", (2.5e-5, 0.5e-3)),
    ],
)
def test_tolerances_are_set_in_the_deck(simulation, run, expected):
    assert settings(at_tolerance(simulation, run)) == pytest.approx(expected)


def test_finest_run_reduces_a_stated_chgtol():
    """A deck without chgtol keeps the default of the simulator."""
    deck = Simulation(PULSES.netlist.replace("gmin=1e-15", "gmin=1e-15 chgtol=1e-16"))
    stated = [float(x) for x in re.findall(r"chgtol=(\S+)", at_tolerance(deck, "fine").netlist)]
    assert stated == pytest.approx([1e-16, 1e-17], rel=1e-12)
    assert at_tolerance(deck, "step").netlist.count("chgtol") == 1
    assert "chgtol" not in at_tolerance(PULSES, "fine").netlist


def test_runs_that_would_change_nothing_are_left_out():
    assert runs_of(SWEEP) == ["coarse", "reltol", "as run", "fine"]
    assert runs_of(Simulation("*" * (tolerance.LARGE + 1))) == ["as run", "fine"]


def test_differences_match_the_given_values():
    rng = np.random.default_rng(0)
    exact = rng.uniform(-1, 1, 6)
    shift = {"coarse": 3e-3, "reltol": 1e-3, "step": 2e-3, "as run": 5e-4, "fine": 0.0}
    rows = pd.DataFrame(
        [
            {"procedure": "p", "rows": [0, 1, 2], "run": run, "column": "c", "value": value + by * (-1) ** i}
            for run, by in shift.items()
            for i, value in enumerate(exact)
        ]
    )
    table = tolerance.Tolerance().finish(rows.assign(point=0, status="ok", message=""))
    found = table.set_index("setting")
    expected = {"reltol 1e-3 to 1e-4": 2e-3, "step 50 ps to 25 ps": 1e-3, "as run": 5e-4}
    assert found["rms"].to_dict() == pytest.approx(expected)
    assert found["worst"].to_dict() == pytest.approx(expected)
    assert found["points"].tolist() == [6, 6, 6]
    assert found.loc["as run", "scale"] == pytest.approx(np.abs(exact).max())


@pytest.fixture
def study(tmp_path, tiny_technology):
    plan = Plan(name="study", technology=str(tiny_technology), procedures=("oracle_rc", "tolerance"))
    return plan, tmp_path / "out", Cache(tmp_path / "cache")


def test_study_of_a_known_circuit_finds_its_error(study):
    plan, out, cache = study
    summary = characterize(plan, out, jobs=1, cache=cache)
    assert summary.failed == 0
    table = read_table(out, "tolerance")
    assert set(table["setting"]) == {"reltol 1e-3 to 1e-4", "as run"}  # its deck has no largest step
    assert (table["procedure"] == "oracle_rc").all()
    assert (table["points"] == 6).all()
    as_run = table.set_index("setting").loc["as run"]
    assert as_run["scale"] == pytest.approx(1e-12 * (1 - np.exp(-2.0)), rel=1e-3)
    rc = read_table(out, "oracle_rc")
    true_error = np.abs(rc["charge"] - oracles.OracleRc.exact(rc)).max()
    assert 0.0 < as_run["worst"] < 2 * true_error


def test_study_is_repeated_when_the_measuring_code_changes(study, monkeypatch):
    plan, out, cache = study
    characterize(plan, out, jobs=1, cache=cache)
    alone = plan.override(procedures=("tolerance", "oracle_rc"))
    assert characterize(alone, out, jobs=1, cache=cache).procedures["tolerance"].cached == 8
    sources = {"oracle_rc": {"oracles": "edited"}}
    monkeypatch.setattr(
        "gaincell.characterization.execute.modules", lambda p: sources.get(p.name, {"other": "same"})
    )
    characterize(alone, out, jobs=1, cache=cache)
    sources["oracle_rc"] = {"oracles": "edited again"}
    assert characterize(alone, out, jobs=1, cache=cache).procedures["tolerance"].cached == 0


def test_entries_of_the_study_are_not_stale(study):
    plan, out, cache = study
    characterize(plan, out, jobs=1, cache=cache)
    is_stale = stale(ngspice_version())
    assert {entry.key.procedure for entry in cache.entries()} == {"oracle_rc", "tolerance"}
    assert not any(is_stale(entry) for entry in cache.entries())


def test_failed_points_of_the_study_are_rows(study, monkeypatch):
    plan, out, cache = study
    monkeypatch.setattr(type(find("oracle_rc")), "measure", _refuse)
    summary = characterize(plan.override(procedures=("tolerance", "oracle_rc")), out, jobs=1, cache=cache)
    assert summary.procedures["tolerance"].failed == 8
    table = read_table(out, "tolerance")
    assert set(table["status"]) == {"unmeasured"}
    assert set(table["message"]) == {"nothing to see"}


def _refuse(self, ctx, points, waves):
    from gaincell.circuits.errors import SimulationError

    raise SimulationError("nothing to see")
