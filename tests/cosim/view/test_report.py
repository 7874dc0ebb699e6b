"""The report: each section from its source or with the command that makes it; a page that needs nothing."""

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gaincell.characterization
from gaincell.characterization.table import write_manifest
from gaincell.circuits.errors import HardwareError, TableError, ToolError
from gaincell.cosim.cli import app
from gaincell.cosim.view.report import (
    ReportSources,
    arrays,
    build,
    build_report,
    cell,
    converters,
    cost,
    fits,
    network,
    summary,
    waveforms,
    write_report,
)
from gaincell.cosim.view.report.sources import ReportData
from gaincell.models import DieTrim, Hardware, ReplicaBank
from gaincell.models.hardware import SHIPPED

pytest.importorskip("plotly")

TABLES = Path(gaincell.characterization.__file__).parent / "tables" / "generic28"


@pytest.fixture
def shipped() -> ReportData:
    if not (TABLES / "manifest.json").exists():
        pytest.skip("no tables are shipped")
    return ReportData(ReportSources(tables=TABLES, hardware=SHIPPED / "generic28"))


@pytest.fixture
def no_simulation(monkeypatch):
    monkeypatch.setattr(waveforms, "SHOWN", ())


def text_of(html: str) -> str:
    body = html[html.index("<body>") :]
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<script.*?</script>", " ", body, flags=re.S)))


def test_an_empty_folder_gives_a_page_that_names_the_commands(tmp_path, no_simulation):
    page = build_report(tmp_path)
    text = text_of(page.read_text())
    for command in ("characterize", "fit", "evaluate demo", "account demo", "demo"):
        assert f"gaincell {command}" in text
    assert page == tmp_path / "report.html"


def test_results_without_tables_are_reported_with_their_numbers(results, no_simulation):
    report = write_report(ReportSources.of(results), results / "report.html")
    text = text_of(report.page.read_text())
    present = [anchor for anchor, there in report.sections.items() if there]
    assert present == ["summary", "waveforms", "arrays", "network", "cost"]
    for number in (
        "3.750",
        "120.000",
        "4.02 nJ",
        "140,000 ×",
        "0.10 %",
        "1,234 (50",
        "control: no weights",
    ):
        assert number in text
    assert "holds beyond the simulated 100 ms" in text
    assert "4.00 nJ are not simulated here: digital control" in text
    names = {path.name for path in report.figures}
    assert {
        "perplexity.png",
        "perplexity.pdf",
        "training.png",
        "energy-stages.pdf",
        "activations.png",
    } <= names
    assert all(path.stat().st_size > 1000 for path in report.figures)


def test_the_page_loads_nothing_and_carries_plotly_once(results, no_simulation):
    page = build_report(results).read_text()
    assert page.count("plotly.js v") == 1
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=\"(?!data:)", outside)
    assert "@import" not in outside
    drawn = re.findall(r'<script type="application/json">(.*?)</script>', page, flags=re.S)
    assert all(json.loads(figure)["data"] for figure in drawn)


def test_every_circuit_section_draws_the_shipped_tables(shipped):
    sections = [
        build_section(shipped)
        for build_section in (
            cell.cell_section,
            converters.converter_section,
            arrays.array_section,
            cell.storage_section,
            fits.fit_section,
            cost.cost_section,
            summary.provenance_section,
        )
    ]
    assert all(section.present for section in sections)
    drawings = {drawing.name: drawing for section in sections for drawing in section.figures}
    assert {"cell-transfer", "converter-signed", "column-k", "chain-widths", "write-cmos"} <= drawings.keys()
    assert {"retention-cmos-27C", "retention-oxide-85C", "latency"} <= drawings.keys()
    assert ("sequencer" in drawings) is (shutil.which("iverilog") is not None)


def test_arrays_and_chains_are_shown_beside_the_fit(tmp_path):
    figures = {"product": 1, "limit": 0.015, "met": True, "columns": 8}
    good = figures | {"counted": 7, "slope": 1.0051, "offset": -0.00078, "rms": 0.001, "worst": 0.0025}
    bare = figures | {"counted": 1, "slope": None, "offset": None, "rms": None, "worst": None}
    fit = {"surrogates": {}, "checks": [], "agreements": {"K array of 8": good, "K array of 2": bare}}
    (tmp_path / "fit.json").write_text(json.dumps(fit))
    text = unescape(str(fits.fit_section(ReportData(ReportSources(hardware=tmp_path))).blocks))
    assert all(shown in text for shown in ("K array of 8", "7 of 8", "1.0051", "K array of 2", "1 of 8", "–"))


def test_the_column_figure_shows_what_fit_json_states(shipped):
    if not shipped.same_tables:
        pytest.skip("the shipped hardware is being refitted")
    rows = shipped.table("column")
    figure = arrays.column_figure(rows[~rows["signed"].astype(bool)], shipped.hardware, False, True)
    unseen = next(s for s in figure.panels[1].series if s.label == "column model, unseen")
    stated = shipped.fit["surrogates"]["K column"]
    assert len(unseen.y) == stated["held_out_points"]
    assert (unseen.y**2).mean() ** 0.5 == pytest.approx(stated["rms"], rel=1e-6)


def test_hardware_fitted_to_other_tables_is_said_to_be(shipped, tmp_path):
    tables = shutil.copytree(TABLES, tmp_path / "tables")
    manifest = json.loads((tables / "manifest.json").read_text())
    del manifest["tables"]["column"]
    write_manifest(tables, manifest)
    other = ReportData(ReportSources(tables=tables, hardware=shipped.sources.hardware))
    assert not other.same_tables
    assert "fitted to other tables" in arrays.array_section(other).html()
    assert not any(s.label == "order 3" for s in transfer_series(other))
    assert any(s.label == "order 3" for s in transfer_series(shipped)) == shipped.same_tables


def transfer_series(material: ReportData):
    return [
        s for figure in cell.cell_section(material).figures for panel in figure.panels for s in panel.series
    ]


def test_published_hardware_without_columns_is_no_obstacle(shipped):
    section = arrays.array_section(ReportData(ReportSources(tables=TABLES, hardware=SHIPPED / "leroux2025")))
    assert "gaincell fit" in section.html()


def test_damaged_sources_are_errors_not_gaps(results, no_simulation, tmp_path):
    (results / "account.json").write_text('{"stages": [')
    with pytest.raises(TableError, match="account.json cannot be read .*gaincell account"):
        build_report(results)
    assert not (results / "report.html").exists()
    (results / "account.json").unlink()
    (results / "tables").mkdir()
    with pytest.raises(TableError, match="no finished characterization"):
        build_report(results)
    with pytest.raises(HardwareError, match="there is no folder .*gaincell demo"):
        build_report(tmp_path / "nowhere")


def test_a_circuit_that_cannot_be_simulated_here_leaves_a_note(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    section = waveforms.waveform_section(ReportData(ReportSources()))
    assert not section.present
    assert "could not be simulated here" in section.html()


def test_clocks_that_cannot_be_simulated_here_leave_a_note(shipped, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    section = cost.cost_section(shipped)
    assert section.present and "sequencer" not in [figure.name for figure in section.figures]
    assert "No clocks of the sequencer: " in section.html()


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_waveforms_that_need_another_tool_are_left_out_alone(monkeypatch):
    pytest.importorskip("PySpice")

    def refused(context):
        raise ToolError("no tool here")

    monkeypatch.setitem(waveforms.WAVE_OPERATIONS, "counted-conversion", refused)
    shown = [shown for shown in waveforms.SHOWN if shown.name in ("cell-read", "counted-conversion")]
    monkeypatch.setattr(waveforms, "SHOWN", shown)
    section = waveforms.waveform_section(ReportData(ReportSources(hardware=SHIPPED / "generic28")))
    assert [figure.name for figure in section.figures] == ["cell-read"]
    assert "No counted-conversion: no tool here" in section.html()


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_waveforms_are_simulated_where_the_tables_were(monkeypatch):
    pytest.importorskip("PySpice")
    monkeypatch.setattr(waveforms, "SHOWN", waveforms.SHOWN[:1])
    section = waveforms.waveform_section(ReportData(ReportSources(hardware=SHIPPED / "generic28")))
    (figure,) = section.figures
    assert figure.name == "cell-read"
    assert "charge that the cell takes" in section.html()


def test_provenance_names_the_trim_of_the_die(tmp_path):
    bank = ReplicaBank(replica_cells=8, i_ramp=2e-5, i_ramp_n=2e-5, t_skew=7e-10)
    trim = DieTrim(steps=256, bottom=0, middle=-9, top=21, measurements=17, banks={"converter": bank})
    hardware = Hardware.from_pretrained("generic28").model_copy(update={"trim": trim})
    hardware.save_pretrained(tmp_path)
    section = summary.provenance_section(ReportData(ReportSources(hardware=tmp_path)))
    assert trim.sentence in unescape(section.html())


def test_the_command_reports_files_and_sections(results, no_simulation):
    result = CliRunner().invoke(app, ["report", str(results), "--json"])
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["sections"]["cost"] is True
    assert report["sections"]["cell"] is False
    assert Path(report["report"]).exists()
    assert CliRunner().invoke(app, ["report", str(results / "nowhere")]).exit_code == 1


def test_perplexity_rows_without_weights_are_left_out_of_the_chart(results):
    evaluation = json.loads((results / "evaluate.json").read_text())
    (panel,) = network.perplexity_chart(evaluation).panels
    assert [label for _, label in panel.y.ticks] == [
        "softmax",
        "mapped",
        "calibrated",
        "adapted",
    ]
    assert build.PICTURE_SUFFIXES == ("png", "pdf")
