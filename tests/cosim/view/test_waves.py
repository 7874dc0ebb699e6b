"""One simulated operation: what is measured, which signals are kept, the files it is exported to."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from typer.testing import CliRunner

from gaincell.characterization.procedure import Context
from gaincell.circuits.errors import PlanError, ToolError
from gaincell.circuits.rawfile import read_raw
from gaincell.circuits.technology import Technology
from gaincell.cosim.cli import app
from gaincell.cosim.cli.quantities import parse_quantity
from gaincell.cosim.view import waves
from gaincell.cosim.view.waves import counted

simulated = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")


@pytest.fixture(scope="module")
def context():
    return Context(Technology.load("generic28"))


@pytest.fixture(scope="module")
def read(context):
    pytest.importorskip("PySpice")
    if shutil.which("ngspice") is None:
        pytest.skip("ngspice is not installed")
    operation = waves.WAVE_OPERATIONS["cell-read"](context, v_store=(0.2, 0.8), t_pulse=5e-9)
    return waves.record(operation, context)


def test_a_read_draws_charge_of_both_signs_and_spares_the_stored_voltage(read):
    low, high = read.rows.to_dict("records")
    assert low["q_bl"] < -1e-15 < 1e-15 < high["q_bl"]
    assert abs(high["v_after"] - 0.8) < 5e-3
    assert high["q_bl"] == pytest.approx(-read.waveforms.integrate("i(vbl1)", 0.5e-9), rel=1e-9)
    assert read.columns["q_bl"].startswith("C:")


def test_the_word_line_is_kept_beside_what_the_procedure_saves(read):
    assert read.waveforms["v(rwl)"].max() == pytest.approx(0.9)
    high = read.waveforms["v(rwl)"] > 0.45
    time = read.waveforms.axis
    assert time[high][-1] - time[high][0] == pytest.approx(5e-9, abs=0.1e-9)


def test_drawn_currents_keep_the_charge_of_the_simulated_ones(read):
    panel = next(panel for panel in read.figure.panels if panel.y.label == "from bit line")
    steps = np.diff(read.waveforms.axis)
    drawn = (panel.series[1].y * steps).sum()
    assert drawn == pytest.approx(-read.waveforms.integrate("i(vbl1)"), rel=1e-9)
    assert [series.label for series in panel.series] == ["stored 0.2 V", "stored 0.8 V"]


def test_csv_and_raw_hold_the_native_points_exactly(read, tmp_path):
    for suffix in ("csv", "raw"):
        waves.export(read, tmp_path / f"read.{suffix}")
    head, *lines = (tmp_path / "read.csv").read_text().splitlines()
    values = np.array([line.split(",") for line in lines], dtype=float)
    table = dict(zip(head.split(","), values.T, strict=True))
    (plot,) = read_raw(tmp_path / "read.raw")
    np.testing.assert_array_equal(table["time"], read.waveforms.axis)
    for name, signal in read.waveforms.signals.items():
        np.testing.assert_array_equal(table[name], signal)
        np.testing.assert_array_equal(plot[name], signal)


def test_vcd_changes_only_what_changes(read, tmp_path):
    waves.export(read, tmp_path / "read.vcd")
    text = (tmp_path / "read.vcd").read_text()
    assert "$timescale 1 fs $end" in text
    code = next(line.split()[3] for line in text.splitlines() if line.endswith("v(rwl) $end"))
    levels = [float(line.split()[0][1:]) for line in text.splitlines() if line.endswith(f" {code}")]
    assert levels[0] == 0.0
    assert max(levels) == pytest.approx(0.9)
    assert len(levels) < len(read.waveforms.axis) / 2


def test_pictures_netlist_and_page_are_written(read, tmp_path):
    starts = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml", "cir": b"gain cell read"}
    for suffix, start in starts.items():
        waves.export(read, tmp_path / "sub" / f"read.{suffix}")
        assert start in (tmp_path / "sub" / f"read.{suffix}").read_bytes()[:200]
    pytest.importorskip("plotly")
    waves.export(read, tmp_path / "read.html")
    page = (tmp_path / "read.html").read_text()
    assert "Read of a gain cell" in page
    assert page.count("Plotly.newPlot(") >= 1
    assert 'src="http' not in page
    assert not list(tmp_path.glob("**/*.part"))


def test_a_netlist_runs_elsewhere_in_bare_ngspice(read, tmp_path):
    waves.export(read, tmp_path / "here" / "read.cir")
    deck = (tmp_path / "here" / "read.cir").read_text()
    assert str(read.context.technology.library.parent) not in deck
    moved = (tmp_path / "here").rename(tmp_path / "elsewhere")
    other = tmp_path / "working"
    other.mkdir()
    command = ["ngspice", "-b", "-r", other / "read.raw", moved / "read.cir"]
    subprocess.run(command, check=True, capture_output=True, cwd=other)
    (plot,) = read_raw(other / "read.raw")
    np.testing.assert_array_equal(plot.axis, read.waveforms.axis)
    np.testing.assert_array_equal(plot["v(rwl)"], read.waveforms["v(rwl)"])


@pytest.mark.parametrize(
    ("operation", "options", "sentence"),
    [
        ("cell-read", {"v_store": (1.5,)}, "v_store=1.5 is out of range; give 0 to 0.9 V"),
        ("cell-read", {"t_pulse": 0.0}, "t_pulse=0 is out of range"),
        ("cell-read", {"v_store": ()}, "v_store: give 1 to 16 values, not 0"),
        ("cell-write", {"write_device": "nosuch"}, "unknown write device 'nosuch'; use cmos or oxide"),
        ("conversion", {"charge": (1.0,)}, "charge=1 is out of range"),
        ("counted-conversion", {"charge": (1e-13, 1e-14)}, "give 1 value, not 2"),
        ("chain", {"size": 17}, "size=17 is out of range; give 1 to 16"),
    ],
)
def test_values_out_of_range_are_refused_with_the_range(context, operation, options, sentence):
    with pytest.raises(PlanError, match=sentence.replace("(", r"\(")):
        waves.WAVE_OPERATIONS[operation](context, **options)


def test_an_unknown_suffix_is_refused_before_anything_is_simulated():
    result = CliRunner().invoke(app, ["waves", "cell-read", "--out", "read.jpg"])
    assert result.exit_code == 2
    assert "ends in one of .png, .pdf, .svg, .html" in result.stderr


def test_an_option_of_another_operation_is_refused():
    result = CliRunner().invoke(app, ["waves", "cell-read", "--charge", "20f"])
    assert result.exit_code == 2
    assert "--charge does not apply to cell-read; it takes --v-store, --t-pulse, --v-bl" in result.stderr


@pytest.mark.parametrize("celsius", ["-273.15", "-300"])
def test_a_temperature_below_absolute_zero_is_bad_usage(celsius, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["waves", "cell-read", "--temperature", celsius])
    assert result.exit_code == 2
    assert "is out of range; above -273.15, to 1000 C" in result.stderr


def test_missing_ngspice_is_said_once(tmp_path, monkeypatch):
    pytest.importorskip("PySpice")
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, ["waves", "cell-read", "--out", str(tmp_path / "read.csv")])
    assert result.exit_code == 1
    assert result.stderr.count("ngspice was not found on PATH") == 1
    assert result.stderr.count("apt-get install") == 1
    assert not (tmp_path / "read.csv").exists()


@simulated
def test_the_command_prints_what_it_measured_and_which_files_it_wrote(tmp_path, monkeypatch):
    pytest.importorskip("PySpice")
    monkeypatch.setenv("COLUMNS", "200")
    out = tmp_path / "c.raw"
    words = [
        "waves",
        "signed-conversion",
        "--charge",
        "100f",
        "--charge",
        "-60fC",
        "--out",
        str(out),
        "--json",
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["files"] == [str(out)]
    assert report["status"] == "ok"
    positive, negative = report["measured"]
    assert negative["t_out"] / positive["t_out"] == pytest.approx(-0.6, rel=0.02)
    assert report["end_s"] == pytest.approx(read_raw(out)[0].axis[-1])
    assert report["points"] == len(read_raw(out)[0].axis)


@simulated
def test_a_column_counts_its_word_lines(context):
    pytest.importorskip("PySpice")
    recording = waves.record(waves.WAVE_OPERATIONS["column"](context, seed=3), context)
    pulses = np.array(recording.operation.points["t_pulse"].iloc[0])
    panel = next(panel for panel in recording.figure.panels if panel.y.label == "word lines high")
    assert panel.series[0].y.max() == pytest.approx((pulses > 0).sum(), abs=1e-6)
    assert recording.rows["t_out"].iloc[0] >= 0


@simulated
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("yosys") is None, reason="Yosys is not installed")
def test_a_counter_in_gates_counts_the_pulse_above_it(context):
    pytest.importorskip("PySpice")
    recording = waves.record(waves.WAVE_OPERATIONS["counted-conversion"](context, charge=(-62e-15,)), context)
    (row,) = recording.rows.to_dict("records")
    assert row["t_out"] < 0 and row["count"] == round(-row["t_out"] / 1e-9) == 5
    lanes = recording.figure.panels[1]
    names = [name for _, name in lanes.y.ticks]
    assert names == ["window", "clock", "pulse", "bit 0", "bit 1", "bit 2", "bit 3"]
    # 5 is 0111 in Gray code: lines are shown at their level above their place.
    final = [series.y[-1] + place for place, series in enumerate(lanes.layers)]
    assert final[3:] == pytest.approx([0.7, 0.7, 0.7, 0.0], abs=0.02)


@pytest.mark.parametrize(("code", "number"), [(0, 0), (1, 1), (3, 2), (2, 3), (6, 4), (12, 8), (8, 15)])
def test_gray_codes_are_read(code, number):
    assert counted.from_gray(code) == number


def test_without_yosys_a_counted_conversion_says_what_to_install(context, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    counted._netlist.cache_clear()
    with pytest.raises(ToolError, match="yosys"):
        waves.WAVE_OPERATIONS["counted-conversion"](context)


@pytest.mark.parametrize(
    ("text", "value"),
    [("10n", 10e-9), ("10ns", 10e-9), ("1e-8", 1e-8), ("-.5us", -0.5e-6), ("2meg", 2e6), ("3s", 3.0)],
)
def test_quantities_read_like_spice(text, value):
    assert parse_quantity(text, "s") == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "hint"), [("1M", "1m or 1meg"), ("5x", "unknown suffix"), ("ten", "not a number")]
)
def test_ambiguous_and_unknown_quantities_are_refused(text, hint):
    with pytest.raises(Exception, match=hint):
        parse_quantity(text, "s")
