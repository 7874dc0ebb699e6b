"""A library that is edited while a run simulates: the run says so, and keeps no row of a mixture."""

import os

import oracles  # noqa: F401  # registers the procedures
import pandas as pd
import pytest

from gaincell.characterization import execute
from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import MANIFEST, read_table
from gaincell.circuits.errors import TechnologyError

NAMES = ("oracle_rc", "oracle_device")


@pytest.fixture
def plan(tiny_technology):
    return Plan(name="changing", technology=str(tiny_technology), procedures=NAMES)


@pytest.fixture
def cards(tiny_technology):
    return tiny_technology.parent / "cards" / "tiny_cards.inc"


def run(plan, folder, name):
    summary = characterize(plan, folder / name, jobs=1, cache=Cache(folder / "cache"))
    return {procedure: read_table(folder / name, procedure) for procedure in NAMES}, summary


def edit(path):
    path.write_text(path.read_text().replace("kp=300u", "kp=200u"))


def edit_keeping_size_and_time(path):
    before = path.stat()
    edit(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def replace_by_a_new_file(path):
    text = path.read_text().replace("kp=300u", "kp=200u")
    path.unlink()
    path.write_text(text)


def include_another(path):
    (path.parent / "more.inc").write_text("* more\n")
    path.write_text(path.read_text() + '.include "more.inc"\n')


CHANGES = [edit, edit_keeping_size_and_time, replace_by_a_new_file, include_another, os.unlink]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("after", [1, 3])
def test_library_changed_during_a_run_is_noticed(plan, cards, tmp_path, monkeypatch, change, after):
    text, count, simulate = cards.read_text(), [], execute.simulate

    def changing(simulation, **options):
        count.append(1)
        if len(count) == after:
            change(cards)
        return simulate(simulation, **options)

    with monkeypatch.context() as patch, pytest.raises(TechnologyError, match="has changed during the run"):
        patch.setattr(execute, "simulate", changing)
        run(plan, tmp_path, "out")
    assert len(count) == after, "the batch during which it changed is the last one"
    assert not (tmp_path / "out" / MANIFEST).exists()
    # The same command again, on what is there now and on what was there before.
    for content in (cards.read_text() if cards.exists() else text, text):
        cards.write_text(content)
        tables, _ = run(plan, tmp_path, "out")
        calm = characterize(plan, tmp_path / "calm", jobs=1, cache=Cache(tmp_path / "other"))
        assert calm.failed == 0
        for name, table in tables.items():
            pd.testing.assert_frame_equal(read_table(tmp_path / "calm", name), table)


def test_library_changed_between_the_last_batch_and_the_manifest_is_noticed(
    plan, cards, tmp_path, monkeypatch
):
    run(plan, tmp_path, "out")
    write = execute.write_run

    def changing(*arguments):
        edit(cards)
        write(*arguments)

    monkeypatch.setattr(execute, "write_run", changing)
    with pytest.raises(TechnologyError, match=r"tiny\.lib, or a file that it loads, has changed"):
        run(plan, tmp_path, "out")
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_touched_library_of_the_same_content_is_the_same_library(plan, cards, tmp_path, monkeypatch):
    simulate = execute.simulate

    def touching(simulation, **options):
        cards.write_bytes(cards.read_bytes())
        return simulate(simulation, **options)

    monkeypatch.setattr(execute, "simulate", touching)
    _, summary = run(plan, tmp_path, "out")
    assert summary.failed == 0
