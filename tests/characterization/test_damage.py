"""Damaged cache entries are misses, damaged results are refused, and foreign files stay as they are."""

import json

import numpy as np
import oracles
import pandas as pd
import pytest

from gaincell.characterization import stale
from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import FOR_A_FIT, characterize, require_samples
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import MANIFEST, read_manifest, read_table
from gaincell.circuits.errors import PlanError, TableError
from gaincell.models.fitting.fit import REQUIRED_TABLES


@pytest.fixture
def plan(tiny_technology):
    return Plan(name="oracles", technology=str(tiny_technology), procedures=("oracle_rc", "oracle_ramp"))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def flipped(data, rng):
    """The bytes with one bit changed."""
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(changed)


def test_an_entry_with_any_changed_bit_is_a_miss_or_has_the_same_rows(plan, cache, tmp_path):
    characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    rng = np.random.default_rng(4)
    outcomes = {"miss": 0, "same": 0}
    for path in sorted(cache.folder.rglob("*.parquet")):
        whole, rows = path.read_bytes(), cache.get(path.stem)
        for _ in range(40):
            path.write_bytes(flipped(whole, rng))
            found = cache.get(path.stem)
            list(cache.entries())
            if found is None:
                outcomes["miss"] += 1
            else:
                pd.testing.assert_frame_equal(found, rows)
                outcomes["same"] += 1
        path.write_bytes(whole)
    assert outcomes["miss"] > 120
    assert sum(outcomes.values()) == 280


def test_run_on_damaged_entries_gives_the_undisturbed_tables(plan, cache, tmp_path):
    characterize(plan, tmp_path / "a", jobs=1, cache=cache)
    rng = np.random.default_rng(6)
    paths = sorted(cache.folder.rglob("*.parquet"))
    for path in paths[:4]:
        path.write_bytes(flipped(path.read_bytes()[: rng.integers(200, 2000)], rng))
    damaged = sum(not cache.holds(path.stem) for path in paths)
    explained = stale.explain(plan, cache)
    assert sum(e.batches - e.fresh for e in explained) == damaged == 4
    summary = characterize(plan, tmp_path / "b", jobs=1, cache=cache)
    assert (summary.points, summary.failed) == (15, 0)
    assert summary.cached < 15
    for name in plan.procedures:
        pd.testing.assert_frame_equal(read_table(tmp_path / "a", name), read_table(tmp_path / "b", name))


def test_an_entry_that_answers_another_question_is_a_miss(plan, cache, tmp_path):
    characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    one, other, *_ = sorted(cache.folder.rglob("*.parquet"))
    one.write_bytes(other.read_bytes())
    assert cache.get(one.stem) is None
    assert not cache.holds(one.stem)
    assert cache.get(other.stem) is not None
    assert cache.sweep() == 1


def test_a_file_that_is_no_entry_is_a_miss(plan, cache, tmp_path):
    characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    path, *others = sorted(cache.folder.rglob("*.parquet"))
    pd.DataFrame({"point": [0], "status": ["ok"], "message": [""]}).to_parquet(path)
    assert cache.get(path.stem) is None
    path.unlink()
    path.mkdir()
    assert cache.get(path.stem) is None
    assert len(list(cache.entries())) == len(others)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_measured_values_that_are_not_finite_fail_and_are_not_cached(
    plan, cache, tmp_path, monkeypatch, value
):
    measure = oracles.OracleRc.measure

    def broken(self, ctx, points, waves):
        rows = measure(self, ctx, points, waves)
        rows.loc[1, "charge"] = value
        return rows

    monkeypatch.setattr(oracles.OracleRc, "measure", broken)
    summary = characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    assert summary.failed == 4  # one row of each of four batches
    table = read_table(tmp_path / "out", "oracle_rc")
    bad = table["status"] == "not-finite"
    assert bad.sum() == 4
    assert table.loc[bad, "charge"].isna().all()
    assert np.isfinite(table.loc[~bad, "charge"]).all()
    assert table.loc[bad, "message"].str.contains("charge is not finite").all()
    assert characterize(plan, tmp_path / "out", jobs=1, cache=cache).cached == 3  # only oracle_ramp


def test_results_with_any_changed_bit_are_refused_or_read_the_same(plan, cache, tmp_path):
    out = tmp_path / "out"
    characterize(plan, out, jobs=1, cache=cache)
    manifest, table = read_manifest(out), read_table(out, "oracle_rc")
    rng = np.random.default_rng(7)
    refused = 0
    for name, times in ((MANIFEST, 300), ("oracle_rc.parquet", 30)):
        whole = (out / name).read_bytes()
        for _ in range(times):
            (out / name).write_bytes(flipped(whole, rng))
            try:
                assert read_manifest(out) == manifest
                pd.testing.assert_frame_equal(read_table(out, "oracle_rc"), table)
            except TableError:
                refused += 1
        (out / name).write_bytes(whole)
    assert refused > 250


@pytest.mark.parametrize("number", [99, 0, -1, "1", True, None, 1.5])
def test_unknown_format_of_a_manifest_is_refused(plan, cache, tmp_path, number):
    characterize(plan, tmp_path, jobs=1, cache=cache)
    values = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps({**values, "format": number}))
    with pytest.raises(TableError, match="has format|is damaged"):
        read_table(tmp_path, "oracle_rc")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        '{"tables": []}',
        '{"tables": {"a": null}}',
        '{"tables": {"a": {"file": "a"}}}',
        '{"tables": {"oracle_rc": {"file": "../x", "sha256": "", "rows": 1}}}',
        "[" * 100000,
        "\xff",
    ],
)
def test_text_that_is_no_manifest_is_one_sentence(tmp_path, text):
    (tmp_path / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(TableError, match=r"run: gaincell characterize --out"):
        read_table(tmp_path, "oracle_rc")


def test_foreign_files_beside_the_netlists_stay(plan, cache, tmp_path):
    out = tmp_path / "out"
    characterize(plan, out, jobs=1, cache=cache)
    foreign = [
        out / "netlists" / name for name in ("notes.txt", "library/mine.lib", "oracle_rc/x.cir", "a/b")
    ]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    smaller = plan.override(procedures=("oracle_ramp",), temperature=85.0)
    characterize(smaller, out, jobs=1, cache=cache)
    assert all(path.read_text() == "mine" for path in foreign)
    decks = sorted(path.relative_to(out / "netlists").parent.name for path in out.rglob("*.cir"))
    assert decks == ["oracle_ramp"] * 3 + ["oracle_rc"]  # the decks of the first run are gone


@pytest.mark.parametrize("name", [MANIFEST, "oracle_rc.parquet"])
def test_foreign_files_with_the_name_of_a_result_are_not_overwritten(plan, cache, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text('{"name": "web app"}')
    with pytest.raises(TableError, match="would be overwritten; choose another folder"):
        characterize(plan, out, jobs=1, cache=cache)
    assert sorted(path.name for path in out.iterdir()) == [name]
    assert (out / name).read_text() == '{"name": "web app"}'


def test_damaged_record_of_netlists_removes_nothing_outside(plan, cache, tmp_path):
    out, outside = tmp_path / "out", tmp_path / "keep"
    outside.write_text("mine")
    characterize(plan, out, jobs=1, cache=cache)
    for record in ('["../../keep"]', json.dumps([str(outside)]), '{"a": 1}', "nonsense", "[null, 3, []]"):
        (out / "netlists" / ".written.json").write_text(record)
        characterize(plan, out, jobs=1, cache=cache)
        assert outside.read_text() == "mine"


@pytest.mark.parametrize(
    ("procedure", "fewest"),
    [
        ("column", 7),
        ("cell_mismatch", 8),
        ("write_mismatch", 8),
        ("converter_mismatch", 2),
        ("bias_mismatch", 2),
    ],
)
def test_too_few_samples_for_the_fit_are_refused_before_simulation(tmp_path, cache, procedure, fewest):
    names = dict.fromkeys((*FOR_A_FIT, procedure))
    plan = Plan(name="few", procedures=tuple(names), samples={procedure: fewest - 1})
    with pytest.raises(
        PlanError, match=f"samples={fewest - 1}: .* of {procedure} needs at least {fewest} samples"
    ):
        characterize(plan, tmp_path / "out", jobs=1, cache=cache)
    assert not (tmp_path / "out").exists()
    require_samples(plan.override(samples={procedure: fewest}))
    require_samples(plan.override(procedures=(procedure,)))


def test_a_plan_for_a_fit_has_the_tables_that_a_fit_requires():
    assert set(REQUIRED_TABLES) == FOR_A_FIT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('.include "cards/tiny_cards.inc"', '.include "my cards.inc"'),
        ('.include "cards/tiny_cards.inc"', ".incl cards/tiny_cards.inc"),
        ('.include "cards/tiny_cards.inc"', ".include ~/tiny_cards.inc"),
    ],
)
def test_rows_follow_a_changed_file_of_the_library(
    plan, cache, tmp_path, tiny_technology, monkeypatch, old, new
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    text = (tiny_technology.parent / "cards" / "tiny_cards.inc").read_text()
    places = [tiny_technology.parent / "my cards.inc", tmp_path / "home" / "tiny_cards.inc"]
    places += [tiny_technology.parent / "cards" / "tiny_cards.inc"]
    for place in places:
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    library = tiny_technology.with_name("tiny.lib")
    library.write_text(library.read_text().replace(old, new))
    device = plan.override(procedures=("oracle_device",))
    assert characterize(device, tmp_path / "out", jobs=1, cache=cache).cached == 0
    before = read_table(tmp_path / "out", "oracle_device")["current"].to_numpy()
    for place in places:
        place.write_text(text.replace("vto={tiny_vth}", "vto={tiny_vth+0.2}"))
    assert all(explained.fresh == 0 for explained in stale.explain(device, cache))
    characterize(device, tmp_path / "out", jobs=1, cache=cache)
    after = read_table(tmp_path / "out", "oracle_device")["current"].to_numpy()
    np.testing.assert_allclose(after / before, [(0.3 / 0.5) ** 2, (0.4 / 0.6) ** 2], rtol=1e-3)
    copies = {path.name for path in (tmp_path / "out" / "netlists" / "library").rglob("*.inc")}
    assert copies == {"my cards.inc" if "my" in new else "tiny_cards.inc"}
