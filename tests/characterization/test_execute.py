"""Execution of plans: closed forms, caching, failures, interruption, written netlists."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracles
import pandas as pd
import pytest

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.output import git_revision
from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import find, procedure
from gaincell.characterization.table import read_manifest, read_table
from gaincell.circuits.errors import PlanError, SimulationError, TableError, TechnologyError
from gaincell.circuits.rawfile import read_raw


@pytest.fixture
def plan(tiny_technology):
    return Plan(name="oracles", technology=str(tiny_technology), procedures=("oracle_rc", "oracle_ramp"))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.mark.parametrize("jobs", [1, 2])
def test_tables_match_the_closed_forms(plan, cache, tmp_path, jobs):
    summary = characterize(plan, tmp_path / "out", jobs=jobs, cache=cache)
    assert (summary.points, summary.failed, summary.cached) == (15, 0, 0)
    rc = read_table(tmp_path / "out", "oracle_rc")
    assert list(rc) == ["point", "width", "resistance", "charge", "status", "message"]
    assert len(rc) == 12
    np.testing.assert_allclose(rc["charge"], oracles.OracleRc.exact(rc), rtol=1e-3)
    ramp = read_table(tmp_path / "out", "oracle_ramp")
    assert ramp["point"].tolist() == np.repeat([0, 1, 2], 5).tolist()
    np.testing.assert_allclose(ramp["voltage"], ramp["current"] * ramp["time"] / 1e-12, rtol=1e-4, atol=1e-6)


def test_manifest_keeps_the_record_of_a_trim(plan, cache, tmp_path):
    record = {"bottom": 0, "middle": -3, "top": 7, "i_ramp": {"converter": [2e-5, 2e-5]}}
    characterize(plan, tmp_path / "out", jobs=1, cache=cache, trim=record)
    assert read_manifest(tmp_path / "out")["trim"] == record
    characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    assert "trim" not in read_manifest(tmp_path / "out")


def test_second_run_simulates_nothing_and_gives_equal_tables(plan, cache, tmp_path, monkeypatch):
    characterize(plan, tmp_path / "a", jobs=1, cache=cache)
    monkeypatch.setattr("gaincell.characterization.execute.simulate", None)
    summary = characterize(plan, tmp_path / "b", jobs=1, cache=cache)
    assert summary.cached == summary.points == 15
    for name in plan.procedures:
        pd.testing.assert_frame_equal(read_table(tmp_path / "a", name), read_table(tmp_path / "b", name))


def test_cache_without_reading_is_filled_but_not_used(plan, cache, tmp_path):
    characterize(plan, tmp_path / "out", jobs=1, cache=replace(cache, read=False))
    assert characterize(plan, tmp_path / "out", jobs=1, cache=replace(cache, read=False)).cached == 0
    assert characterize(plan, tmp_path / "out", jobs=1, cache=cache).cached == 15


def test_grown_plan_simulates_only_the_new_points(plan, cache, tmp_path):
    characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    grown = plan.override(samples={"oracle_ramp": 5})
    summary = characterize(grown, tmp_path / "out", jobs=1, cache=cache)
    assert summary.points == 17
    assert summary.cached == 15


def test_cache_depends_on_temperature_and_library_content_not_path(plan, cache, tmp_path, tiny_technology):
    characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    assert characterize(plan.override(temperature=85.0), tmp_path / "out", jobs=1, cache=cache).cached == 0
    moved = tiny_technology.parent.rename(tmp_path / "elsewhere") / "tiny.toml"
    elsewhere = plan.override(technology=str(moved))
    assert characterize(elsewhere, tmp_path / "out", jobs=1, cache=cache).cached == 15
    library = moved.with_name("tiny.lib")
    library.write_text(library.read_text() + "* edited\n")
    assert characterize(elsewhere, tmp_path / "out", jobs=1, cache=cache).cached == 0


def test_damaged_cache_entry_is_simulated_again(plan, cache, tmp_path):
    characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    entries = sorted(cache.folder.rglob("*.parquet"))
    entries[0].write_bytes(entries[0].read_bytes()[:100])
    summary = characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    assert 0 < summary.points - summary.cached <= 4
    assert summary.failed == 0


def test_failures_are_rows_with_status_and_message(plan, cache, tmp_path):
    failing = plan.override(procedures=("oracle_failing",))
    summary = characterize(failing, tmp_path / "out", jobs=1, cache=cache)
    assert (summary.points, summary.failed) == (3, 2)
    table = read_table(tmp_path / "out", "oracle_failing").set_index("kind")
    assert table["status"].to_dict() == {"model": "missing-model", "works": "ok", "measure": "unmeasured"}
    assert "nosuch" in table.loc["model", "message"]
    assert "lengthen the window" in table.loc["measure", "message"]
    assert table["voltage"].isna().tolist() == [True, False, True]
    # A missing model can be corrected without changing the deck, so it is simulated again.
    assert characterize(failing, tmp_path / "out", jobs=1, cache=cache).cached == 2


def test_written_netlists_reproduce_the_table_in_bare_ngspice(plan, cache, tmp_path):
    characterize(plan.override(procedures=("oracle_ramp",)), tmp_path / "out", jobs=1, cache=cache)
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    netlists = sorted((moved / "netlists" / "oracle_ramp").glob("*.cir"))
    finals = []
    for netlist in netlists:
        raw = tmp_path / "bare.raw"
        subprocess.run(["ngspice", "-b", "-r", raw, netlist], check=True, capture_output=True, cwd="/")
        finals.append(read_raw(raw)[-1]["v(out)"][-1])
    table = read_table(moved, "oracle_ramp")
    np.testing.assert_array_equal(sorted(finals), sorted(table.groupby("point")["voltage"].last()))


def test_manifest_has_the_conditions_of_the_run(plan, cache, tmp_path):
    characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    manifest = read_manifest(tmp_path / "out")
    assert Plan.build(manifest["plan"]) == plan
    assert set(manifest["technology"]["files"]) == {"tiny.lib", "cards/tiny_cards.inc"}
    assert manifest["ngspice"]
    assert manifest["git_revision"] == git_revision()
    assert manifest["tables"]["oracle_rc"]["options"] == [".options reltol=1e-5"]
    assert manifest["tables"]["oracle_rc"]["columns"]["charge"].startswith("C:")
    assert manifest["summary"]["points"] == 15


def test_progress_counts_every_point_once(plan, cache, tmp_path):
    seen = []
    characterize(plan, tmp_path / "out", jobs=2, cache=cache, progress=lambda *event: seen.append(event))
    assert seen[0] == (0, 15, "", 0.0)
    assert [done for done, *_ in seen] == sorted(done for done, *_ in seen)
    assert [share for *_, share in seen] == sorted(share for *_, share in seen)
    assert seen[-1][:2] == (15, 15)
    assert seen[-1][3] == pytest.approx(1.0)


KILLED = """
import sys
sys.path.insert(0, {support!r})
import oracles
from pathlib import Path
from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.output import git_revision
from gaincell.characterization.plan import Plan
plan = Plan(name="kill", technology={technology!r}, procedures=("oracle_ramp",), samples=200)
print("started", flush=True)
characterize(plan, Path({out!r}), jobs=2, cache=Cache(Path({cache!r})))
"""


def test_killed_run_resumes_and_leaves_only_whole_files(plan, cache, tmp_path, tiny_technology):
    out = tmp_path / "out"
    characterize(plan.override(procedures=("oracle_ramp",)), out, jobs=1, cache=Cache(tmp_path / "other"))
    before = read_table(out, "oracle_ramp")
    script = KILLED.format(
        support=str(Path(oracles.__file__).parent),
        technology=str(tiny_technology),
        out=str(out),
        cache=str(cache.folder),
    )
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while len(list(cache.folder.rglob("*.parquet"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    entries = list(cache.folder.rglob("*.parquet"))
    assert 5 <= len(entries) < 200
    assert all(len(pd.read_parquet(entry)) == 5 for entry in entries)
    pd.testing.assert_frame_equal(read_table(out, "oracle_ramp"), before)
    resumed = plan.override(procedures=("oracle_ramp",), samples=200)
    summary = characterize(resumed, out, jobs=2, cache=cache)
    assert (summary.points, summary.failed, summary.cached) == (200, 0, len(entries))
    table = read_table(out, "oracle_ramp")
    np.testing.assert_allclose(
        table["voltage"], table["current"] * table["time"] / 1e-12, rtol=1e-4, atol=1e-6
    )


def test_tables_of_an_interrupted_write_are_refused(plan, cache, tmp_path, monkeypatch):
    out = tmp_path / "out"
    characterize(plan, out, jobs=1, cache=cache)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gaincell.characterization.output.write_manifest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        characterize(plan, out, jobs=1, cache=cache)
    with pytest.raises(TableError, match=r"no finished characterization.*gaincell characterize --out"):
        read_table(out, "oracle_rc")


def test_invalid_plans_are_refused_before_simulation(plan, cache, tmp_path, monkeypatch):
    with pytest.raises(PlanError, match="unknown procedure 'nosuch'; use one of .*oracle_rc"):
        characterize(plan.override(procedures=("nosuch",)), tmp_path / "out", cache=cache)
    with pytest.raises(TechnologyError, match="no corner 'ff'"):
        characterize(plan.override(corner="ff"), tmp_path / "out", cache=cache)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SimulationError, match="apt-get install ngspice"):
        characterize(plan, tmp_path / "out", cache=cache)
    assert not (tmp_path / "out").exists()


def test_netlist_that_includes_another_file_is_refused(plan, cache, tmp_path, monkeypatch):
    rc = find("oracle_rc")

    def including(ctx, points):
        return [
            replace(
                b,
                simulation=replace(b.simulation, netlist=f"* x\n.include /etc/x.sp\n{b.simulation.netlist}"),
            )
            for b in oracles.OracleRc().batches(ctx, points)
        ]

    monkeypatch.setattr(rc, "batches", including, raising=False)
    with pytest.raises(PlanError, match=r"loads a file of its own \(\.include /etc/x\.sp\)"):
        characterize(plan, tmp_path / "out", jobs=1, cache=cache)


def test_procedure_with_wrong_rows_columns_or_batches_is_refused(plan, cache, tmp_path, monkeypatch):
    rc = find("oracle_rc")
    monkeypatch.setattr(
        rc, "measure", lambda ctx, points, waves: pd.DataFrame({"charge": [0.0]}), raising=False
    )
    with pytest.raises(ValueError, match="1 rows for 4 points"):
        characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    monkeypatch.setattr(rc, "measure", lambda ctx, points, waves: points[["width"]] * 2, raising=False)
    with pytest.raises(ValueError, match="differ in: charge"):
        characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    monkeypatch.setattr(rc, "batches", lambda ctx, points: [], raising=False)
    with pytest.raises(PlanError, match="every point must be in exactly one batch"):
        characterize(plan, tmp_path / "out", jobs=1, cache=cache)


def test_second_procedure_with_a_registered_name_is_refused():
    impostor = type("OracleRc", (oracles.OracleRc,), {"__module__": "elsewhere"})
    with pytest.raises(ValueError, match="'oracle_rc' is already defined in oracles"):
        procedure(impostor)


def test_tables_that_differ_from_their_manifest_are_refused(plan, cache, tmp_path):
    out = tmp_path / "out"
    characterize(plan, out, jobs=1, cache=cache)
    with pytest.raises(TableError, match=r"no table 'nosuch' \(it has oracle_rc, oracle_ramp\)"):
        read_table(out, "nosuch")
    path = out / "oracle_rc.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TableError, match=r"oracle_rc\.parquet is damaged.*run: gaincell characterize"):
        read_table(out, "oracle_rc")
    path.unlink()
    with pytest.raises(TableError, match="cannot be read"):
        read_table(out, "oracle_rc")
    (out / "manifest.json").write_text(json.dumps({"tables": {}})[:-3])
    with pytest.raises(TableError, match=r"manifest\.json cannot be read"):
        read_table(out, "oracle_ramp")
