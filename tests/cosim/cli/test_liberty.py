"""`gaincell liberty`: what it refuses, and that it writes the shipped file."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import gaincell.characterization
from gaincell.cosim.cli import app

SHIPPED = Path(gaincell.characterization.__file__).parent / "liberty" / "shipped"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, ["liberty", *map(str, words)])


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("--corner", "zz"), 2, "zz"),
        (("--technology", "none"), 2, "unknown technology 'none'"),
        (("--vdd", "-1"), 2, "vdd"),
    ],
)
def test_bad_conditions_are_one_sentence_and_no_file(run, tmp_path, words, status, sentence):
    result = run(*words, "--out", tmp_path / "cells.lib")
    assert result.exit_code == status
    assert sentence in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_where_the_file_belongs_is_refused_before_any_work(run, monkeypatch, tmp_path):
    def worked(*_, **__):
        raise AssertionError("worked before it looked where the result goes")

    monkeypatch.setattr("gaincell.characterization.execute.characterize", worked)
    result = run("--out", tmp_path)
    assert result.exit_code == 1
    assert f"cannot write or read {tmp_path}: Is a directory" in result.stderr


@pytest.mark.slow
def test_the_shipped_file_is_what_the_command_writes(run, tmp_path):
    out = tmp_path / "cells.lib"
    assert run("--out", out).exit_code == 0
    assert out.read_text() == (SHIPPED / "generic28_tt_27c_0v9.lib").read_text()
