"""`gaincell figures`: named figures of a folder of tables."""

import hashlib
import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gaincell.characterization.table import MANIFEST
from gaincell.circuits.designs import Designs
from gaincell.cosim.cli import app
from gaincell.cosim.view.figures.named import NAMED_FIGURES, title

CONDITIONS = [(c, t, v) for c in ("tt", "ss") for t in (-40.0, 27.0, 125.0) for v in (0.81, 0.9, 0.99)]
AXES = ["corner", "temperature", "vdd"]


def cell_table():
    rows = [
        (*condition, stored, 1e-13 * (stored - 0.5) * condition[2], stored * condition[2])
        for condition in CONDITIONS
        for stored in np.linspace(0, 1, 5)
    ]
    return pd.DataFrame(rows, columns=[*AXES, "stored", "q_bl", "v_after"])


def write_table():
    rows = [(*c, device, 1e-3) for c in CONDITIONS for device in ("cmos", "oxide")]
    return pd.DataFrame(rows, columns=[*AXES, "write_device", "error"])


def converter_table(designs):
    rows = []
    for condition in CONDITIONS:
        for signed, design in ((False, designs.converter), (True, designs.readout)):
            for relative in (-1.3, -0.8, -0.5, -0.2, 0.2, 0.5, 0.8, 1.3):
                width = np.clip(relative, -1.0 if signed else 0.0, 1.0) * 15e-9
                charge = relative * design.i_ramp * 15e-9
                rows.append((*condition, signed, charge, width, 2 if width else 0, 4e-13, 0.0, "ok"))
    names = ["signed", "charge", "t_out", "crossings", "e_convert", "e_reset", "status"]
    return pd.DataFrame(rows, columns=[*AXES, *names])


def reset_table():
    rows = [(*c, signed, 1e-3, 5e-9) for c in CONDITIONS for signed in (False, True)]
    return pd.DataFrame(rows, columns=[*AXES, "signed", "error", "t_settle"])


def noise_table():
    rows = [(s, False, v, 1.0, 8e-4, 3e-17) for s in ("storage", "cell") for v in (0.0, 0.45, 0.9)]
    for signed in (False, True):
        names = ("reset", "auto-zero", "coupling", "comparator", "p ramp", *(["n ramp"] if signed else []))
        rows += [(name, signed, 0.0, 0.9, 4e-4, 2e-16) for name in names]
    return pd.DataFrame(rows, columns=["source", "signed", "v_store", "gain", "v_rms", "q_rms"])


@pytest.fixture
def tables(tmp_path):
    """A folder of the tables that the figures `corners` and `noise` show."""
    designs = Designs()
    parts = {
        "cell_corners": cell_table(),
        "write_corners": write_table(),
        "converter_corners": converter_table(designs),
        "reset_corners": reset_table(),
        "noise": noise_table(),
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


@pytest.mark.parametrize("name", ["corners", "noise"])
def test_a_figure_is_drawn_from_a_folder_of_tables(tables, name):
    files = [tables / f"{name}{suffix}" for suffix in (".png", ".svg")]
    words = [
        "figures",
        name,
        str(tables),
        *(word for file in files for word in ("--out", str(file))),
        "--json",
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["files"] == [str(file) for file in files]
    assert files[0].read_bytes().startswith(b"\x89PNG")
    first = files[1].read_bytes()
    assert CliRunner().invoke(app, words).exit_code == 0
    assert files[1].read_bytes() == first, "the same tables give the same file"


def test_a_figure_of_tables_is_written_as_an_interactive_page(tables):
    pytest.importorskip("plotly")
    page = tables / "corners.html"
    result = CliRunner().invoke(app, ["figures", "corners", str(tables), "--out", str(page)])
    assert result.exit_code == 0, result.output
    data = re.search(r'<script type="application/json">(.*?)</script>', page.read_text(), re.S)[1]
    traces = json.loads(data)["data"]
    assert [trace["type"] for trace in traces].count("heatmap") == 6
    assert "1.00" in next(trace["text"] for trace in traces if trace.get("mode") == "text")


def test_the_loss_curve_of_a_network_is_drawn_from_its_training_record(tmp_path):
    curve = [{"step": s, "train": 400 / s, "held_out": 500 / s} for s in (200, 300, 400)]
    record = {"curve": curve, "held_out": {"nats_per_byte": 1.25}, "recipe": {"seed": 3}}
    (tmp_path / "training.json").write_text(json.dumps(record))
    out = tmp_path / "training.svg"
    result = CliRunner().invoke(app, ["figures", "training", str(tmp_path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert all(word in out.read_text() for word in ("seed 3: 1.250 nats/byte", "held-out text", "step"))


def test_the_loss_curve_of_the_demo_network_is_the_default(tmp_path):
    out = tmp_path / "training.svg"
    assert CliRunner().invoke(app, ["figures", "training", "--out", str(out)]).exit_code == 0
    assert "Demo GPT-2, seed 0" in out.read_text()


def test_the_list_names_every_figure_with_what_it_shows():
    result = CliRunner().invoke(app, ["figures", "--list", "--json"])
    assert json.loads(result.stdout)["figures"] == {name: title(name) for name in NAMED_FIGURES}
    assert {"corners", "noise", "training"} <= set(NAMED_FIGURES)
    assert all(len(title(name)) > 10 for name in NAMED_FIGURES)


def test_what_cannot_be_drawn_is_one_sentence(tables):
    def complaint(*words):
        result = CliRunner().invoke(app, ["figures", *words])
        assert result.exit_code in (1, 2) and "Traceback" not in result.output
        return result.stderr

    assert "unknown figure 'nosuch'; use one of ablation, array, corners" in complaint("nosuch", str(tables))
    assert "a figure is written as one of .png, .pdf, .svg, .html" in complaint(
        "noise", str(tables), "--out", "noise.gif"
    )
    assert "training.json cannot be read" in complaint("training", str(tables))
    (tables / "noise.parquet").unlink()
    assert "cannot be read" in complaint("noise", str(tables), "--out", str(tables / "noise.png"))


@pytest.mark.parametrize("backend", ["module://backend_of_a_notebook", "nosuch"])
def test_the_environment_does_not_change_a_figure(tables, tmp_path, backend):
    settings = tmp_path / "matplotlibrc"
    settings.write_text("text.usetex: True\nfigure.facecolor: black\nlines.linewidth: 9\n")
    plain, other = tables / "plain.svg", tables / "other.svg"
    assert CliRunner().invoke(app, ["figures", "noise", str(tables), "--out", str(plain)]).exit_code == 0
    command = "from gaincell.cosim.cli import app; app()"
    words = ["figures", "noise", str(tables), "--out", str(other)]
    environment = os.environ | {"MPLBACKEND": backend, "MATPLOTLIBRC": str(settings)}
    found = subprocess.run(
        [sys.executable, "-c", command, *words], env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert other.read_bytes() == plain.read_bytes()
