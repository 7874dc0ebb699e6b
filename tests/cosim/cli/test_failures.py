"""Failures of every command: one sentence, an exit status, and with `--json` one object that has `error`."""

import json
import os
import signal
import subprocess
import sys

import oracles
import pytest
import typer
from typer.testing import CliRunner

from gaincell.circuits.errors import GaincellError
from gaincell.cosim.cli import app, main
from gaincell.cosim.cli.commands import COMMANDS
from gaincell.cosim.cli.console import emit, fail, guarded
from gaincell.cosim.cli.quantities import parse_quantity

HUGE = 2**64


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a command in an empty folder; a failure has to be one sentence."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)

    def invoke(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return invoke


def refused(result, status):
    assert result.exit_code == status, result.output
    found = json.loads(result.stdout)
    assert found.keys() == {"error"}
    assert found["error"] and "\n" not in found["error"].strip()
    assert result.stderr
    return found["error"]


NUMBERS = [
    ("characterize", "--samples", (HUGE, 10**20, -3, 0, "1e20", "nan")),
    ("characterize", "--seed", (HUGE, -1, "1e20")),
    ("characterize", "--temperature", ("nan", "inf", "-inf", "1e400", -300)),
    ("characterize", "--vdd", ("nan", "inf", "1e400", "1e99999999999", "0", "-1")),
    ("characterize", "--jobs", (HUGE, 0, 100_000)),
    ("adapt", "--seed", (HUGE, -1)),
    ("adapt", "--steps", (HUGE, 0)),
    ("adapt", "--minutes", ("nan", "inf", "0", "1e300")),
    ("adapt", "--learning-rate", ("nan", "inf", "0", "-1", "1e30")),
    ("adapt", "--tokens", (HUGE, -1, "1e400", "1m")),
    ("adapt", "--distil", ("nan", "-1min", "1e400")),
    ("adapt", "--lora", (HUGE, 0)),
    ("adapt", "--context", (HUGE, 0)),
    ("adapt", "--jobs", (HUGE, 0)),
    ("adapt", "--threads", (HUGE, 0, 100_000, 10**20)),
    ("evaluate", "--seed", (HUGE, -1)),
    ("evaluate", "--tokens", (HUGE, -1)),
    ("evaluate", "--context", (HUGE, 0)),
    ("evaluate", "--stride", (HUGE, 0)),
    ("evaluate", "--chip", (HUGE, -1)),
    ("evaluate", "--threads", (100_000, 10**20)),
    ("generate", "--seed", (HUGE, -1)),
    ("generate", "--temperature", ("nan", "inf", "-1", "1e-300", "1e300")),
    ("generate", "--max-new-tokens", (HUGE, 0)),
    ("generate", "--chip", (HUGE, -1)),
    ("generate", "--threads", (100_000, 10**20)),
    ("account", "--windows", (HUGE, 0)),
    ("account", "--seed", (HUGE, -1)),
    ("cosim", "--operations", (HUGE, 0)),
    ("cosim", "--tokens", (HUGE, 0)),
    ("cosim", "--jobs", (HUGE, 0)),
    ("fit", "--max-failed", ("nan", "inf", 2)),
    ("waves", "--temperature", ("nan", "inf", -300, "1e30")),
    ("waves", "--vdd", ("nan", "inf", "0", "-1", "1e30")),
    ("waves", "--t-pulse", ("nan", "-1n", "0", "1e300", "1e99999999")),
    ("waves", "--v-store", ("nan", "-1", "1e300")),
    ("demo", "--steps", (HUGE, 0)),
    ("demo", "--jobs", (HUGE, 0)),
]
ARGUMENTS = dict.fromkeys(("adapt", "evaluate", "generate", "account", "cosim"), ("demo",))
ARGUMENTS["waves"] = ("cell-read",)


@pytest.mark.parametrize(
    ("command", "option", "value"), [(c, o, v) for c, o, values in NUMBERS for v in values]
)
def test_numbers_out_of_range_are_one_sentence_with_status_2(run, tmp_path, command, option, value):
    error = refused(run(command, *ARGUMENTS.get(command, ()), option, value, "--json"), 2)
    assert option in error or option.strip("-").replace("-", "_") in error
    assert list(tmp_path.iterdir()) == []


NOT_UTF8 = [
    ("generate", "demo", "--prompt", "Stra\udcdfe", "--max-new-tokens", "2", "--json"),
    ("fit", "tables", "--name", "\udcff", "--json"),
    ("evaluate", "demo", "--hardware", "\udcff", "--json"),
    ("evaluate", "\udcff/b", "--json"),
    ("characterize", "--plan", "\udcff", "--json"),
]


@pytest.mark.parametrize("words", NOT_UTF8, ids=lambda words: " ".join(words[:1]))
def test_bytes_of_the_command_line_that_are_no_utf8_are_one_sentence(run, words):
    """Another terminal's umlauts reach Python as lone surrogates."""
    result = run(*words)
    assert result.exit_code in (1, 2) and isinstance(result.exception, SystemExit)
    assert json.loads(result.stdout)["error"]


@pytest.mark.parametrize("text", ["1e99999999999999999999", "1e400", "9e308k", "-1e400", "1e" + "9" * 5000])
def test_quantities_beyond_floats_are_refused(text):
    with pytest.raises(typer.BadParameter, match="out of range"):
        parse_quantity(text, "F")


@pytest.mark.parametrize("command", sorted({*COMMANDS, "cache"} - {"doctor"}))
def test_an_unknown_option_is_an_object_with_error(run, command):
    assert "no such option" in refused(run(command, "--nosuch", "--json"), 2).lower()


FAILING = {
    "unknown command": ("nosuch", "--json"),
    "unknown technology": ("characterize", "--technology", "nosuch", "--json"),
    "unknown size": ("characterize", "--set", "cell.nosuch=1f", "--json"),
    "true farads": ("characterize", "--set", "cell.c_store=true", "--json"),
    "true rows": ("characterize", "--set", "array.rows=true", "--json"),
    "an endless pulse": ("characterize", "--set", "clocking.t_pulse_max=inf", "--json"),
    "a farad": ("cache", "explain", "--set", "cell.c_store=1", "--json"),
    "no tables": ("fit", "nosuch", "--json"),
    "unknown hardware": ("evaluate", "demo", "--hardware", "nosuch", "--json"),
    "no model": ("account", "./nosuch", "--json"),
    "unknown effect": ("evaluate", "demo", "--without", "nosuch", "--json"),
    "no text": ("evaluate", "demo", "--text", "nosuch.txt", "--json"),
    "text that is a folder": ("evaluate", "demo", "--text", ".", "--json"),
    "unknown device": ("evaluate", "demo", "--device", "nosuch", "--json"),
    "unknown precision": ("evaluate", "demo", "--precision", "nosuch", "--json"),
    "no folder": ("report", "nosuch", "--json"),
    "an age": ("cache", "prune", "--older-than", "soon", "--json"),
    "nothing to remove": ("cache", "prune", "--json"),
    "no plan": ("cache", "explain", "nosuch", "--json"),
}


@pytest.mark.parametrize("case", FAILING)
def test_failures_with_json_print_one_object_with_error(run, case):
    result = run(*FAILING[case])
    assert result.exit_code in (1, 2)
    error = refused(result, result.exit_code)
    if result.exit_code == 1:
        assert f"error: {error}\n" in result.stderr


def single(body):
    """A command line of one command."""

    def command(as_json: bool = typer.Option(False, "--json")) -> None:
        body()

    made = typer.Typer(pretty_exceptions_enable=False)
    made.command()(guarded(command))
    return made


def test_failures_after_the_result_print_no_second_object():
    def body():
        emit({"points": 3, "error": "two failed"})
        fail("two failed")

    result = CliRunner().invoke(single(body), ["--json"])
    assert json.loads(result.stdout) == {"points": 3, "error": "two failed"}
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (GaincellError("no such thing"), 1, "no such thing"),
        (PermissionError(13, "Permission denied", "file"), 1, "cannot write or read file: Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("a mistake of ours"), 1, "ZeroDivisionError: a mistake of ours"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_kind_of_error_is_printed_as_an_object(error, status, sentence):
    def body():
        raise error

    result = CliRunner().invoke(single(body), ["--json"])
    assert sentence in json.loads(result.stdout)["error"]
    assert result.exit_code == status
    plain = CliRunner().invoke(single(body), [])
    assert plain.stdout == ""
    assert plain.exit_code == status


BRACKETS = "run [old] [/b] :warning: [red]x[/]"


def test_brackets_and_colons_in_paths_are_printed_as_they_are(run, tmp_path, tiny_technology):
    """The list's case: `--out 'run [old]'` printed "run ", `'o [/b]'` ended in a traceback."""
    plan = tmp_path / "plan [x].toml"
    plan.write_text(f'procedures = ["{oracles.OracleRc.name}"]\ntechnology = "{tiny_technology}"\n')
    where = BRACKETS.replace("/", "-")
    words = ("characterize", "--plan", plan, "--out", where, "--cache-dir", "cache [/i]", "--jobs", 1)
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert f"tables in {where}\n" in result.stderr
    assert "cache in cache [/i]" in run("cache", "--cache-dir", "cache [/i]").stdout
    for words in (("fit", BRACKETS), ("report", BRACKETS), ("account", f"./{BRACKETS}")):
        result = run(*words)
        assert result.exit_code == 1
        assert BRACKETS in result.stderr


def test_brackets_in_results_are_printed_as_they_are(capsys):
    from rich.table import Table

    from gaincell.cosim.cli.console import note, progress, stdout

    table = Table(BRACKETS, title=BRACKETS)
    table.add_row(BRACKETS)
    stdout.print(table, BRACKETS)
    note(BRACKETS)
    with progress(BRACKETS) as update:
        update(1, 2, BRACKETS)
    printed = capsys.readouterr()
    assert printed.out.count(BRACKETS) == 4
    assert BRACKETS in printed.err


def test_an_interrupt_while_libraries_load_is_one_sentence():
    """The list's case: Ctrl-C in the first second ended in a traceback."""
    code = "from gaincell.cosim.cli import main; main()"
    words = [sys.executable, "-X", "importtime", "-c", code, "doctor", "--json"]
    for name in ("inspect", "typer", "rich.console", "gaincell.circuits.errors"):
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
            for line in child.stderr:
                if line.rstrip().endswith(f" {name}"):
                    os.kill(child.pid, signal.SIGINT)
                    break
            rest = child.stderr.read()
        assert child.returncode == 130, (name, rest[-500:])
        assert "Traceback" not in rest
        assert "error: interrupted" in rest


def test_an_interrupt_that_a_library_turns_into_another_error_is_still_one(monkeypatch):
    def swallowed():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("cannot load") from None

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("gaincell.cosim.cli.commands.app", swallowed)
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.value.code == 130
