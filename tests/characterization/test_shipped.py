"""The shipped tables against fresh simulations of the same points."""

import random
import shutil

import numpy as np
import pytest

from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import Context, find
from gaincell.characterization.table import SHIPPED_TABLES, read_manifest, read_table
from gaincell.circuits.errors import TableError
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology

FOLDER = SHIPPED_TABLES / "generic28"
MANIFEST = read_manifest(FOLDER)
LONG = ("chain", "disturb")
"""Procedures with at least half a minute per batch; `array64` takes ten minutes and has its own test
(test_arrays)."""
SUMMARIES = ("tolerance",)
"""Tables whose rows are made from several batches."""
QUICK = [name for name in MANIFEST["tables"] if name not in (*LONG, *SUMMARIES, "array64")]
TOLERANCE = 2e-3
"""Tolerance, fraction of the largest value of a column: other builds of the simulator take other time
steps."""
COARSE = {
    ("cell_transfer", "e_word_line"): 0.06,
    ("cell_write", "e_word_line"): 0.06,
    ("signed_column", "e_swap"): 0.01,
}
"""Column of a shipped table -> its tolerance, fraction of the largest value: since these tables the charge of
the first step of an edge counts in full."""


def resimulate(name, pick):
    """Measured and shipped rows of the batch that `pick` chooses, and the whole table."""
    plan = Plan.build(MANIFEST["plan"])
    procedure, technology = find(name), Technology.load(plan.technology)
    assert technology.digest == MANIFEST["technology"]["digest"], "the technology has changed: `make shipped`"
    ctx = Context.of(plan, name, technology)
    points = procedure.points(ctx)
    batch = pick(procedure.batches(ctx, points))
    own = points.iloc[list(batch.index)].reset_index(drop=True)
    measured = procedure.measure(ctx, own, simulate(batch.simulation).require())
    local = measured.pop("point").to_numpy() if "point" in measured else np.arange(len(own))
    table = read_table(FOLDER, name)
    shipped = table[table["point"].isin(batch.index)].sort_values("point", kind="stable")
    assert shipped["point"].tolist() == sorted(np.asarray(batch.index)[local])
    order = np.argsort(np.asarray(batch.index)[local], kind="stable")
    return measured.iloc[order].reset_index(drop=True), shipped.reset_index(drop=True), table


def compare(name, pick):
    measured, shipped, table = resimulate(name, pick)
    for column in measured:
        scale = np.nanmax(np.abs(table[column].to_numpy(float)))
        tolerance = COARSE.get((name, column), TOLERANCE)
        np.testing.assert_allclose(
            measured[column].to_numpy(float), shipped[column], rtol=0, atol=tolerance * scale, err_msg=column
        )


@pytest.mark.parametrize("name", QUICK)
def test_random_batch_reproduces_the_shipped_rows(name):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    compare(name, random.Random(seed).choice)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_long_batch_reproduces_the_shipped_rows(name):
    compare(name, lambda batches: batches[0])


def test_every_shipped_point_converged():
    for name, entry in MANIFEST["tables"].items():
        assert (read_table(FOLDER, name)["status"] == "ok").all(), name
        assert entry["failed"] == 0


def with_flipped_bits(path, rng, times):
    """Yield `times` times with one changed bit in a file, which is then restored."""
    whole = path.read_bytes()
    for _ in range(times):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        yield
    path.write_bytes(whole)


@pytest.mark.parametrize("name", MANIFEST["tables"])
def test_shipped_table_with_a_changed_bit_is_refused(tmp_path, name):
    for file in ("manifest.json", MANIFEST["tables"][name]["file"]):
        shutil.copy(FOLDER / file, tmp_path)
    for _ in with_flipped_bits(tmp_path / file, random.Random(name), 5):
        with pytest.raises(TableError, match="is damaged"):
            read_table(tmp_path, name)


def test_shipped_manifest_with_a_changed_bit_is_refused_or_says_the_same(tmp_path):
    shutil.copy(FOLDER / "manifest.json", tmp_path)
    refused = 0
    for _ in with_flipped_bits(tmp_path / "manifest.json", random.Random(0), 200):
        try:
            assert read_manifest(tmp_path) == MANIFEST  # a changed blank between two values
        except TableError:
            refused += 1
    assert refused > 100
