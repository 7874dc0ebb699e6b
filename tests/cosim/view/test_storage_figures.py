"""The figures `retention`, `write_path` and `disturb`, from made-up tables."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.table import MANIFEST
from gaincell.circuits.designs import Designs
from gaincell.cosim.view.figures.named import save_figure

LEVELS = np.linspace(0, 0.9, 8)
AGES = np.r_[0.0, np.geomspace(1e-6, 1.0, 25)]


def grid(**axes):
    return pd.MultiIndex.from_product(axes.values(), names=axes.keys()).to_frame(index=False)


def retention():
    swept = {"write_device": ["cmos", "oxide"], "temperature": [27.0, 85.0], "v_rest": [0.0, 0.45]}
    rows = grid(**swept, v_store=LEVELS, age=AGES)
    moved = (rows["v_store"] - rows["v_rest"]) * np.expm1(-rows["age"] / 0.1)
    return rows.assign(v_aged=rows["v_store"] + moved)


def write_path():
    swept = {"write_device": ["cmos", "oxide"], "t_write": [2e-9, 1e-8], "v_before": [0.0, 0.9]}
    rows = grid(**swept, v_target=LEVELS)
    times = {"t_line": 1e-9, "t_64th": 2e-9}
    energies = dict.fromkeys(("e_reference", "e_switch", "e_word_line"), 5e-15)
    return rows.assign(v_written=rows["v_target"] + 1e-3, **times, **energies)


def cell_write():
    rows = grid(write_device=["cmos", "oxide"], v_before=[0.0, 0.9], v_target=LEVELS)
    return rows.assign(v_written=rows["v_target"] + 1e-3)


def disturb():
    rows = grid(
        write_device=["cmos", "oxide"],
        temperature=[27.0],
        activity=["idle", "write", "both"],
        v_data=[0.0],
        operations=[24, 1000],
        word=["read", "idle"],
        v_store=LEVELS,
    )
    return rows.assign(drift=1e-9 * rows["v_store"], shift=1e-6 * rows["v_store"], shift_first=1e-3)


@pytest.fixture
def tables(tmp_path):
    made = (("cell_retention", retention), ("write_path", write_path), ("cell_write", cell_write))
    entries = {}
    for name, make in (*made, ("disturb", disturb)):
        path, table = tmp_path / f"{name}.parquet", make().assign(status="ok")
        table.to_parquet(path, index=False)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries[name] = {"file": path.name, "sha256": digest, "rows": len(table)}
    condition = {"designs": Designs().model_dump(mode="json"), "temperature": 27.0, "vdd": 0.9}
    (tmp_path / MANIFEST).write_text(json.dumps({"tables": entries, "condition": condition}))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("retention", ("transmission gate", "oxide transistor", "bit line rests at")),
        ("write_path", ("ideal sources", "level switches", "Settling to 1/64 step")),
        ("disturb", ("Drift per write", "1000 writes", "1000 reads", "cmos, first")),
    ],
)
def test_it_is_drawn(tables, name, words):
    save_figure(name, tables, tables / f"{name}.svg")
    drawn = (tables / f"{name}.svg").read_text()
    for word in words:
        assert word in drawn
