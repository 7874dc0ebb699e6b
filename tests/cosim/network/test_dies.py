import json

import pytest
from dies import STRENGTHS, hardware_at, local
from typer.testing import CliRunner

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.cosim.cli import app
from gaincell.cosim.network import evaluate
from gaincell.cosim.network.checkpoints import Checkpoint, locate
from gaincell.cosim.network.dies import evaluate_dies, summary
from gaincell.models import Hardware
from gaincell.models.dies import DieSet, draw_die


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corners")
    for corner in STRENGTHS:
        for temperature in (-40.0, 125.0):
            hardware = hardware_at(corner, temperature)
            hardware.save_pretrained(folder / f"{corner}_{temperature:g}" / "hardware")
    hardware_at(mismatch=local()).save_pretrained(folder.parent / "local")
    return folder


def measured(folder, out, count=2, **settings):
    dies = DieSet.load(folder, Hardware.from_pretrained(folder.parent / "local"))
    drawn = [draw_die(index, temperature=(-40.0, 125.0)) for index in range(count)]
    settings = {"tokens": 256, "nominal_temperature": 27.0} | settings
    return evaluate_dies(locate("demo"), dies, drawn, out=out, **settings)


@pytest.fixture(scope="module")
def result(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("yield")
    return measured(folder, out), out


def test_a_die_has_the_loss_of_its_hardware_and_chip(folder, result):
    answer, _ = result
    dies = DieSet.load(folder, Hardware.from_pretrained(folder.parent / "local"))
    die = draw_die(1, temperature=(-40.0, 125.0))
    found = evaluate.evaluate_model(locate("demo"), dies.die(die), tokens=256, chips=[die.chip])
    row = answer["dies"][1]
    assert (row["n"], row["p"], row["temperature"]) == (die.n, die.p, die.temperature)
    assert row["nats_per_byte"] == pytest.approx(found["chips"]["nats_per_token"][0], rel=1e-6)
    smooth = answer["nominal"]["nats_per_byte"] + row["excess_nominal_circuits"]
    assert smooth == pytest.approx(found["nats_per_byte"]["adapted"], rel=1e-6)
    assert row["excess"] != row["excess_nominal_circuits"]


def test_results_are_kept_and_more_dies_extend_them(folder, result):
    answer, out = result
    path = out / "die-0000.json"
    stored = json.loads(path.read_text())
    stored["nats_per_byte"]["chip"] += 1.0
    path.write_text(json.dumps(stored))
    more = measured(folder, out, count=3)
    assert more["dies"][0]["excess"] == pytest.approx(answer["dies"][0]["excess"] + 1.0)
    assert more["dies"][1] == answer["dies"][1]
    assert len(more["dies"]) == 3
    # A result of other settings does not count.
    fresh = measured(folder, out, count=1, tokens=512)
    assert fresh["dies"][0]["excess"] < answer["dies"][0]["excess"] + 0.9


def test_the_summary_splits_variance_into_parameters_and_mismatch():
    drawn = [draw_die(index, temperature=(-40.0, 125.0)) for index in range(300)]
    found = []
    for die in drawn:
        smooth = 1.0 + 0.02 * die.n
        noise = 0.01 if die.chip % 2 else -0.01
        losses = {"nominal_circuits": smooth, "chip": smooth + noise}
        found.append({"die": vars(die), "nats_per_byte": losses})
    answer = summary(found, 1.0, 0.05)
    assert answer["explained"]["n"] == pytest.approx(0.8, abs=0.05)
    assert answer["explained"]["local"] == pytest.approx(0.2, abs=0.05)
    assert sum(answer["explained"].values()) == pytest.approx(1)
    assert answer["good"] == sum(0.02 * d.n + (0.01 if d.chip % 2 else -0.01) <= 0.05 for d in drawn)
    low, high = answer["confidence_95"]
    assert low < answer["share_within"] < high
    assert summary(found[:5], 1.0, 0.05)["explained"] is None


def test_a_network_without_adapted_weights_is_refused(folder, tmp_path):
    dies = DieSet.load(folder)
    with pytest.raises(ModelError, match="gaincell adapt"):
        evaluate_dies(Checkpoint("plain", "plain"), dies, [], out=tmp_path, nominal_temperature=27.0)


def test_mismatch_that_nothing_describes_is_refused(folder, tmp_path):
    with pytest.raises(HardwareError, match="--mismatch"):
        evaluate_dies(locate("demo"), DieSet.load(folder), [], out=tmp_path, nominal_temperature=27.0)


def test_the_command_prints_one_object_and_its_figure_is_drawn(folder, tmp_path):
    out, figure = tmp_path / "yield", tmp_path / "yield.svg"
    words = ["yield", "demo", "--hardware", folder, "--dies", 2, "--temperature", "0:85", "--no-local"]
    words += ["--tokens", 256, "--threads", 1, "--out", out, "--json"]
    answer = CliRunner().invoke(app, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert all(0 <= die["temperature"] <= 85 for die in found["dies"])
    assert all(die["excess"] == die["excess_nominal_circuits"] for die in found["dies"])
    drawn = CliRunner().invoke(app, ["figures", "yield", str(out), "--out", str(figure)])
    assert drawn.exit_code == 0, drawn.output
    assert f"{found['good']} of 2 dies within 0.05" in figure.read_text()


@pytest.mark.parametrize("text", ["125", "125:-40", "a:b", "nan:1"])
def test_a_range_of_temperatures_that_is_none_is_refused(folder, text):
    answer = CliRunner().invoke(app, ["yield", "demo", "--hardware", str(folder), "--temperature", text])
    assert answer.exit_code == 2
    assert "write LOW:HIGH" in answer.output


def test_the_figure_of_a_folder_without_results_is_refused(tmp_path):
    answer = CliRunner().invoke(app, ["figures", "yield", str(tmp_path)])
    assert answer.exit_code == 1
    assert "`gaincell yield` writes it" in answer.output
