"""Design sizes on the command line."""

import json

import pytest
import typer
from typer.testing import CliRunner

from gaincell.cosim.cli import app
from gaincell.cosim.cli.knobs import merged, parse_knobs
from gaincell.cosim.cli.quantities import parse_quantity


def test_sizes_are_numbers_with_suffixes_switches_and_words():
    cell = ("cell.c_store=10f", "cell.write_device=oxide", "cell.v_write_off=-200m")
    array = ("array.mirrored=yes", "array.normaliser=none")
    found = parse_knobs([*cell, *array, "levels.key=16", "converter.t_skew=0.5n"])
    assert found["cell"] == {
        "c_store": pytest.approx(10e-15),
        "write_device": "oxide",
        "v_write_off": pytest.approx(-0.2),
    }
    assert found["array"] == {"mirrored": True, "normaliser": None}
    assert found["levels"] == {"key": 16} and found["converter"] == {"t_skew": pytest.approx(0.5e-9)}


@pytest.mark.parametrize("text", ["cell.c_store", "c_store=1f", "cell.=1f", ".c=1", "cell.c_store=", "=3"])
def test_what_is_not_a_size_is_refused(text):
    with pytest.raises(typer.BadParameter, match="circuit.size=value"):
        parse_knobs([text])


def test_the_command_line_goes_over_the_plan():
    plan = {"cell": {"c_store": 1e-15, "l_rn": 1e-6}, "array": {"rows": 32}}
    assert merged(plan, {"cell": {"c_store": 2e-15}, "levels": {"key": 4}}) == {
        "cell": {"c_store": 2e-15, "l_rn": 1e-6},
        "array": {"rows": 32},
        "levels": {"key": 4},
    }


@pytest.fixture
def characterize(tmp_path):
    plan = tmp_path / "one.toml"
    plan.write_text('procedures = ["device"]\n[designs.cell]\nc_store = 7e-15\n')
    options = ["--plan", str(plan), "--out", str(tmp_path / "t"), "--cache-dir", str(tmp_path / "c")]
    return lambda *more: CliRunner().invoke(app, ["characterize", *options, *more])


def test_sizes_reach_the_manifest(characterize, tmp_path):
    result = characterize("--jobs", "1", "--set", "levels.key=16", "--set", "array.window=512")
    assert result.exit_code == 0, result.output
    designs = json.loads((tmp_path / "t" / "manifest.json").read_text())["condition"]["designs"]
    assert designs["levels"]["key"] == 16 and designs["array"]["window"] == 512
    assert designs["cell"]["c_store"] == 7e-15


def test_an_unknown_size_is_one_sentence_before_any_simulation(characterize, tmp_path):
    result = characterize("--set", "cell.c_stroe=10f")
    assert result.exit_code == 2
    assert "designs.cell.c_stroe: there is no such size; use one of" in result.output
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("suffix, power", [("f", -15), ("p", -12), ("n", -9), ("u", -6), ("m", -3), ("k", 3)])
def test_suffixed_numbers_are_the_nearest_float(suffix, power):
    for digits in range(1, 1000):
        assert parse_quantity(f"{digits}{suffix}", "F") == float(f"{digits}e{power}")
