"""Commands in a hostile environment print and write what they do in a calm one."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from fit_tables import copy_required
from tiny import SENTENCE, network
from typer.testing import CliRunner

from gaincell.cosim import convert, save_pretrained
from gaincell.cosim.attention.kernels.cpp.build import builds
from gaincell.cosim.cli import app
from gaincell.models import Hardware

pytest.importorskip("plotly")

ODD = """a 'b' "c" $HOME;ü [d] %s"""
"""Name of every folder: blank, quotes, a variable, a separator, a letter beyond ASCII, markup, a pattern."""
TIMES = (
    "seconds",
    "tokens_per_s",
    "files",
    "report",
    "figures",
    "hardware",
    "tables",
    "model",
    "digest",
    "notes",
)
"""What differs between two runs of a command, or names a path."""

COMMANDS = {
    "fit": ("fit", "{}/tables", "--out", "{}/out/hardware"),
    "figures": ("figures", "training", "{}/training", "--out", "{}/out/a.png", "--out", "{}/out/a.html"),
    "report": ("report", "{}/results", "--out", "{}/out/report.html"),
    "evaluate": ("evaluate", "{}/model", "--text", "{}/text", "--hardware", "{}/hardware", "--tokens", "48"),
    "generate": ("generate", "{}/adapted", "--prompt", "Straße", "--max-new-tokens", "4"),
    "account": ("account", "{}/model", "--text", "{}/text", "--hardware", "{}/hardware", "--windows", "1"),
    "waves": (
        "waves",
        "cell-read",
        "--out",
        "{}/out/a.csv",
        "--out",
        "{}/out/a.pdf",
        "--out",
        "{}/out/a.cir",
    ),
}
NETWORKS = ("evaluate", "generate", "account")


@pytest.fixture
def material(tmp_path):
    """A folder with the input of every command."""
    folder = tmp_path / "calm"
    copy_required(folder / "tables")
    (folder / "training").mkdir()
    rows = [{"step": i, "train": 2.0 - i / 10, "held_out": 2.1 - i / 10} for i in range(4)]
    record = {"curve": rows, "held_out": {"nats_per_byte": 1.7}, "recipe": {"seed": 3}}
    (folder / "training" / "training.json").write_text(json.dumps(record))
    network().save_pretrained(folder / "model")
    save_pretrained(convert(network(), Hardware.from_pretrained("leroux2025")), folder / "adapted")
    (folder / "text").write_bytes(SENTENCE * 20)
    Hardware.from_pretrained("leroux2025").save_pretrained(folder / "hardware")
    (folder / "results").mkdir()
    stage = {"stage": 1, "operations": 2, "slope": None, "offset": None, "rms": 1e-3, "worst": 1e-3}
    column = {"stage": 1, "predicted": 0.2, "simulated": 0.21, "status": "ok"}
    agreement = {"columns": [column] * 3, "stages": [stage]}
    (folder / "results" / "cosim.json").write_text(json.dumps(agreement))
    return folder


def arguments(name, folder):
    more = ("--threads", "1", "--precision", "float32") if name in NETWORKS else ()
    return [word.replace("{}", str(folder)) for word in COMMANDS[name]] + [*more, "--json"]


def hostile_environment(folder):
    """No HOME, a German locale, a notebook's MPLBACKEND, odd temporary folders, other settings of ngspice."""
    for name in ("tmp", "work", "init", "home"):
        (folder / name).mkdir()
    for place in ("work", "init"):
        (folder / place / ".spiceinit").write_text("set filetype=ascii\nset temp=200\nquit\n")
    (folder / "work" / "matplotlibrc").write_text("text.usetex: True\nbackend: tkagg\nsavefig.dpi: 1\n")
    dropped = ("HOME", "LC_ALL", "LANG", "TERM", "COLUMNS", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if name not in dropped} | {
        "LC_ALL": "de_DE.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "TMPDIR": str(folder / "tmp"),
        "GAINCELL_CACHE": str(folder / "cache"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "TORCH_EXTENSIONS_DIR": str(builds()),
        "SPICE_USERINIT_DIR": str(folder / "init"),
        "SPICE_ASCIIRAWFILE": "1",
        "FORCE_COLOR": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


def same(one, other):
    """Numbers to 1e-5: threads and libraries may differ between two processes."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(k in TIMES or same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == pytest.approx(other, rel=1e-5, abs=1e-12) if isinstance(one, float) else one == other


@pytest.mark.parametrize("name", COMMANDS)
def test_command_in_a_hostile_environment_answers_as_in_a_calm_one(name, material, tmp_path):
    odd = tmp_path / ODD / "input"
    shutil.copytree(material, odd)
    environment = hostile_environment(tmp_path / ODD)
    calm = CliRunner().invoke(app, arguments(name, material))
    assert calm.exit_code == 0, calm.output
    run = subprocess.run(
        [sys.executable, "-c", "from gaincell.cosim.cli import main; main()", *arguments(name, odd)],
        cwd=tmp_path / ODD / "work",
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        start_new_session=True,
    )
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    assert same(json.loads(calm.stdout), json.loads(run.stdout))
    written = {path.relative_to(odd) for path in odd.rglob("*")}
    assert written == {path.relative_to(material) for path in material.rglob("*")}
    assert list((tmp_path / ODD / "tmp").iterdir()) == []
    assert {path.name for path in (tmp_path / ODD / "work").iterdir()} == {".spiceinit", "matplotlibrc"}
    if name == "fit":
        fitted = [Hardware.from_pretrained(folder / "out" / "hardware") for folder in (material, odd)]
        assert fitted[0] == fitted[1]
    if name == "waves":
        waves = [pd.read_csv(folder / "out" / "a.csv", comment="#") for folder in (material, odd)]
        np.testing.assert_array_equal(*(table.to_numpy() for table in waves))
    for picture in (odd / "out").rglob("*.png"):
        assert picture.stat().st_size > 3000, "drawn at the usual resolution"
