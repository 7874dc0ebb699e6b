"""`gaincell fit --at`, and `gaincell evaluate` at other temperatures and supplies."""

import hashlib
import json
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from gaincell.characterization.table import SHIPPED_TABLES, write_manifest
from gaincell.cosim.cli import app
from gaincell.models import Hardware
from gaincell.models.fitting.fit import REQUIRED_TABLES

SOURCE = SHIPPED_TABLES / "generic28"


def tables(folder, **condition):
    """The required shipped tables, under another condition (their cell_retention is simulated there too)."""
    folder.mkdir()
    manifest = json.loads((SOURCE / "manifest.json").read_text())
    manifest["tables"] = {name: manifest["tables"][name] for name in REQUIRED_TABLES}
    manifest["condition"] |= condition
    for entry in manifest["tables"].values():
        shutil.copy(SOURCE / entry["file"], folder)
    write_manifest(folder, manifest)
    return folder


def run(*words):
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditions")
    typical, warm = tables(folder / "27"), tables(folder / "55", temperature=55.0)
    out = folder / "hardware"
    status, answer = run("fit", typical, "--at", warm, "--out", out, "--accept-missed")
    assert status == 0
    return typical, out, answer


def test_fit_at_two_temperatures_interpolates_between_them(folders):
    _, out, answer = folders
    hardware = Hardware.from_pretrained(out)
    assert list(answer["conditions"]) == ["55 C, 0.9 V"]
    assert answer["conditions"]["55 C, 0.9 V"]["surrogates"]["retention"]["rms"] > 0
    times = [
        hardware.at(temperature).retention.retention_time(8, 0.0, 0.9).min() for temperature in (27, 40, 55)
    ]
    # Up to 55 C gate tunnelling decides, which the temperature hardly changes.
    assert len(set(times)) == 3 and times == pytest.approx([times[0]] * 3, rel=0.1)


def test_a_missed_limit_of_another_condition_is_named(folders, tmp_path):
    late = tables(tmp_path / "late", temperature=85.0)
    path, manifest = late / "converter.parquet", json.loads((late / "manifest.json").read_text())
    rows = pd.read_parquet(path)
    pulses = rows["t_out"].abs().between(0.5e-9, 14e-9)
    rows.loc[pulses, "t_out"] += 0.4e-9
    rows.to_parquet(path)
    manifest["tables"]["converter"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    write_manifest(late, manifest)
    status, answer = run("fit", folders[0], "--at", late, "--out", tmp_path / "hardware")
    assert status == 1
    assert "ReLU converter, skew at 85 C, 0.9 V" in answer["error"]


def test_evaluation_at_a_temperature_is_that_of_the_interpolated_hardware(folders, tmp_path):
    _, out, _ = folders
    words = ("evaluate", "demo", "--tokens", 256, "--threads", 1)
    Hardware.from_pretrained(out).at(40.0).save_pretrained(tmp_path / "40")
    _, asked = run(*words, "--hardware", out, "--temperature", 40)
    _, saved = run(*words, "--hardware", tmp_path / "40")
    assert asked["nats_per_byte"] == saved["nats_per_byte"]
    assert asked["hardware"]["digest"] == Hardware.from_pretrained(tmp_path / "40").digest
    assert "40 C" in asked["hardware"]["description"]


@pytest.mark.parametrize("words", [("--temperature", 56), ("--vdd", "0.8")])
def test_evaluation_outside_the_fitted_range_is_refused(folders, words):
    status, answer = run("evaluate", "demo", "--hardware", folders[1], *words)
    assert status == 1
    assert "says nothing of" in answer["error"]


@pytest.mark.parametrize(
    ("condition", "message"),
    [({"corner": "ss", "temperature": 55.0}, "is not of the die of"), ({}, "a condition is repeated")],
)
def test_tables_of_another_die_or_of_the_same_condition_are_refused(folders, tmp_path, condition, message):
    other = tables(tmp_path / "other", **condition)
    status, answer = run("fit", folders[0], "--at", other, "--out", tmp_path / "hardware")
    assert status == 1
    assert message in answer["error"]
    assert not (tmp_path / "hardware").exists()
