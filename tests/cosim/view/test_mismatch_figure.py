"""The figure `mismatch`, from made-up tables."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.table import MANIFEST
from gaincell.circuits.designs import Designs
from gaincell.circuits.errors import TableError
from gaincell.cosim.view.figures.named import save_figure

LEVELS = np.linspace(0, 0.9, 15)


def cells(rng):
    rows = []
    for sample in range(40):
        gain, offset = rng.normal(1, 0.05), rng.normal(0, 0.02)
        rows += [(15e-9, sample, v, 1e-13 * (gain * (v - 0.45) + offset * v**2), "ok") for v in LEVELS]
    return pd.DataFrame(rows, columns=["t_pulse", "sample", "v_store", "q_bl", "status"])


def writes(rng):
    rows = [("cmos", i, v, v + rng.normal(1e-3, 1e-4), "ok") for i in range(40) for v in LEVELS[::2]]
    return pd.DataFrame(rows, columns=["write_device", "sample", "v_target", "v_written", "status"])


def converters(designs, rng=None):
    """Ideal converters over a sweep, or with random gains at a few charges."""
    rows = []
    for signed, design in ((False, designs.converter), (True, designs.readout)):
        for sample in range(30 if rng else 1):
            shares = (0.15, 0.85) if rng else np.linspace(0.0, 1.2, 30)
            for share in (*shares, *(-np.array(shares) if signed else ())):
                gain = rng.normal(1, 0.02) if rng else 1.0
                width = 15e-9 * np.clip(share * gain, -1.0, 1.0)
                rows.append((signed, sample, share * design.i_ramp * 15e-9, not rng, width, "ok"))
    table = pd.DataFrame(rows, columns=["signed", "sample", "charge", "held_out", "t_out", "status"])
    return table.assign(held_out=False if rng else np.arange(len(table)) % 4 == 1)


@pytest.fixture
def tables(tmp_path):
    designs, rng = Designs(), np.random.default_rng(0)
    parts = {
        "cell_mismatch": cells(rng),
        "write_mismatch": writes(rng),
        "converter_mismatch": converters(designs, rng),
        "converter": converters(designs),
    }
    entries = {}
    for name, table in parts.items():
        path = tmp_path / f"{name}.parquet"
        table.to_parquet(path, index=False)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries[name] = {"file": path.name, "sha256": digest, "rows": len(table)}
    condition = {"designs": designs.model_dump(mode="json"), "temperature": 27.0}
    (tmp_path / MANIFEST).write_text(json.dumps({"tables": entries, "condition": condition}))
    return tmp_path


def test_it_is_drawn_and_is_the_same_for_the_same_tables(tables):
    files = [tables / f"mismatch{i}.svg" for i in range(2)]
    for file in files:
        save_figure("mismatch", tables, file)
    first = files[0].read_text()
    assert first == files[1].read_text()
    for words in ("40 of 40 cells", "ReLU converters: 30", "Signed converters: 30", "write device cmos"):
        assert words in first


def test_a_missing_table_is_named(tables):
    (tables / "cell_mismatch.parquet").unlink()
    with pytest.raises(TableError, match="cell_mismatch"):
        save_figure("mismatch", tables, tables / "mismatch.png")
