"""A fit of tables or manifests that lack something: one sentence, no traceback and no other numbers."""

import json
import random

import pandas as pd
import pytest
from fit_tables import copy_required, rewrite

from gaincell.characterization.table import write_manifest
from gaincell.circuits.errors import TableError
from gaincell.models.fitting.fit import REQUIRED_TABLES
from gaincell.models.fitting.folder import fit_folder


@pytest.fixture
def folder(tmp_path):
    return copy_required(tmp_path / "tables")


def refused(folder, out, match):
    with pytest.raises(TableError, match=match) as error:
        fit_folder(folder, out)
    assert "\n" not in str(error.value)
    assert "gaincell characterize" in str(error.value)
    assert not out.exists()


@pytest.mark.parametrize("name", REQUIRED_TABLES)
def test_a_missing_column_is_named(folder, tmp_path, name):
    column = random.Random(name).choice(list(pd.read_parquet(folder / f"{name}.parquet").columns))
    rewrite(folder, name, lambda rows: rows.drop(columns=column))
    refused(folder, tmp_path / "out", f"table '{name}' has no column {column}")


@pytest.mark.parametrize("column", ["v_store", "t_pulse", "q_bl", "status"])
def test_a_column_that_the_manifest_does_not_describe_either_is_named(folder, tmp_path, column):
    rewrite(folder, "cell_transfer", lambda rows: rows.drop(columns=column), described=False)
    refused(folder, tmp_path / "out", column)


CHANGES = {
    "no rows": lambda rows: rows.iloc[:0],
    "one row": lambda rows: rows.iloc[:1],
    "text": lambda rows: rows.assign(q_bl="text"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_no_characterization_writes_are_refused(folder, tmp_path, change):
    rewrite(folder, "cell_transfer", CHANGES[change])
    refused(folder, tmp_path / "out", "cannot be fitted")


PARTS = ["condition", "condition.designs", "condition.vdd", "condition.designs.clocking"]


@pytest.mark.parametrize("value", ["gone", None, [], "text", -1])
@pytest.mark.parametrize("part", PARTS)
def test_damaged_parts_of_a_manifest_are_refused(folder, tmp_path, part, value):
    path = folder / "manifest.json"
    manifest = node = json.loads(path.read_text())
    *parents, last = part.split(".")
    for key in parents:
        node = node[key]
    if value == "gone":
        del node[last]
    else:
        node[last] = value
    write_manifest(folder, manifest)
    refused(folder, tmp_path / "out", "cannot be fitted|manifest")
