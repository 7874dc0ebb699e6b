"""Figures of arrays and wires, and what they are drawn from."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.table import MANIFEST
from gaincell.circuits.designs import Designs
from gaincell.circuits.errors import TableError
from gaincell.cosim.view.figures.arrays import read_losses
from gaincell.cosim.view.figures.named import save_figure
from gaincell.models import Hardware
from gaincell.models.chain import product_widths


def wire_tables():
    """Delays that grow with the column; drops that grow with the row and cost 1 % of a pulse per mV."""
    cells = np.arange(64)
    lines, drops = [], []
    for r_wire in (3.0, 30.0):
        delay = 70e-12 + r_wire * cells * 1e-14
        widths = {"t_pulse": 5e-9, "t_high": 5e-9 - r_wire * cells * 1e-13, "t_low": 5e-9, "column": cells}
        lines.append(pd.DataFrame({"r_wire": r_wire, "driver": 8.0, "delay": delay, **widths}))
    for r_wire in (0.0, 3.0, 30.0):
        for place in ("near", "spread", "far") if r_wire else ("spread",):
            drop = r_wire * cells * 1e-6
            loaded = cells >= 57
            t_out = 12e-9 * (1 - 10 * drop[loaded].mean())
            frame = {"row": cells, "loaded": loaded, "drop": drop, "t_out": t_out}
            drops.append(pd.DataFrame({"r_wire": r_wire, "place": place, **frame}))
    return {
        name: pd.concat(parts).assign(status="ok") for name, parts in zip(MAPS, (lines, drops), strict=True)
    }


MAPS = ("row_map", "bit_line_map")


def array_table(shift):
    """Arrays of 16 rows whose simulated widths are the shipped surrogates' predictions, moved by `shift`."""
    hardware, rng, frames = Hardware.from_pretrained("generic28"), np.random.default_rng(0), []
    for point, signed in enumerate((False, True)):
        width, stored = rng.uniform(0.2, 1, 16), rng.uniform(0.35, 0.9, (16, 16))
        t_out = (product_widths(hardware, width, stored, 2 if signed else 1) + shift) * 15e-9
        swept = {"t_pulse": (width * 15e-9).tolist(), "v_store": stored.ravel().tolist()}
        frame = pd.DataFrame({"index": range(16), "t_out": t_out, "rows": 16, "signed": signed})
        frames.append(frame.assign(point=point, **{k: [v] * 16 for k, v in swept.items()}, status="ok"))
    return {"array": pd.concat(frames)}


def folder_of(folder, tables):
    entries = {}
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        table.to_parquet(path, index=False)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries[name] = {"file": path.name, "sha256": digest, "rows": len(table)}
    condition = {"designs": Designs().model_dump(mode="json"), "technology": "generic28"}
    manifest = {"tables": entries, "condition": condition, "technology": {"name": "generic28"}}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    ("name", "tables"),
    [("ir_drop", wire_tables), ("array", lambda: array_table(0.004))],
    ids=["ir_drop", "array"],
)
def test_a_figure_is_drawn(name, tables, tmp_path):
    out = tmp_path / f"{name}.svg"
    save_figure(name, folder_of(tmp_path, tables()), out)
    text = out.read_text()
    words = {
        "ir_drop": ("Bit line, 3 Ω", "Delay at each cell", "loss (% of its charge)"),
        "array": ("array of 16, rms 0.40 %", "Second product"),
    }
    assert all(word in text for word in words[name])


def test_a_folder_without_arrays_is_refused(tmp_path):
    with pytest.raises(TableError, match="array64"):
        save_figure("array", folder_of(tmp_path, wire_tables()), tmp_path / "array.png")


def test_losses_of_both_lines_add():
    tables = wire_tables()
    lines = tables["row_map"][tables["row_map"]["r_wire"] == 3.0]
    losses = read_losses(lines, tables["bit_line_map"], 3.0, 15e-9)
    assert losses.shape == (64, 64)
    assert losses[0, 0] == pytest.approx(0)
    assert losses[40, 0] == pytest.approx(10 * 3.0 * 40e-6)
    assert losses[40, 20] - losses[40, 0] == pytest.approx(3.0 * 20e-13 / 2 / 15e-9)
