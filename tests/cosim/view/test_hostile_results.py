"""Results of unknown origin: a report runs nothing that they name, and damage is one sentence."""

import copy
import json
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from gaincell.characterization.table import SHIPPED_TABLES, write_manifest
from gaincell.circuits.errors import GaincellError, TableError
from gaincell.circuits.files import sealed, write_json
from gaincell.cosim.view.report import ReportSources, waveforms
from gaincell.cosim.view.report.build import report_sections, section_html
from gaincell.cosim.view.report.sources import ReportData
from gaincell.cosim.view.report.summary import summary_section
from gaincell.models import Hardware
from gaincell.models.hardware import SHIPPED

pytest.importorskip("plotly")


@pytest.fixture
def hostile(tmp_path, tiny_technology) -> Path:
    """Path of a technology whose library runs a command as soon as ngspice reads it."""
    library = tiny_technology.parent / "tiny.lib"
    library.write_text(f".control\nshell touch {tmp_path / 'ran'}\n.endc\n" + library.read_text())
    return tiny_technology


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch, tmp_path):
    """Simulating at all fails the test, as does a file that the command of the library would make."""

    def simulated(*_, **__):
        raise AssertionError("simulated what the data names")

    monkeypatch.setattr("gaincell.circuits.runner.simulate", simulated)
    monkeypatch.setattr(waveforms, "record", simulated)
    yield
    assert not (tmp_path / "ran").exists()


def of_tables(folder: Path, **plan) -> ReportData:
    """The shipped tables with another plan in their manifest."""
    shutil.copytree(SHIPPED_TABLES / "generic28", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["plan"] |= plan
    write_manifest(folder, manifest)
    return ReportData(ReportSources(tables=folder))


def of_hardware(folder: Path, **condition) -> ReportData:
    """Shipped hardware that remembers another condition."""
    hardware = Hardware.from_pretrained("leroux2025")
    provenance = {"condition": {"technology": "generic28"} | condition}
    hardware.model_copy(update={"provenance": provenance}).save_pretrained(folder)
    return ReportData(ReportSources(hardware=folder))


@pytest.mark.parametrize("make", [of_tables, of_hardware])
def test_a_report_simulates_no_technology_but_the_shipped_ones(make, hostile, tmp_path):
    """The list's case: a manifest or a hardware.json that names a TOML file ran a shell command."""
    data = make(tmp_path / "data", technology=str(hostile))
    section = waveforms.waveform_section(data)
    assert not section.present
    assert "simulates none but the shipped ones" in section.html()


CONDITIONS = [
    {"technology": "generic28\n.control\nshell touch ran\n.endc"},
    {"technology": "../technologies/generic28"},
    {"technology": "./generic28.toml"},
    {"technology": ""},
    {"technology": ["generic28"]},
    {"corner": "tt\n.control\nshell touch ran\n.endc"},
    {"corner": "nosuch"},
    {"corner": 3},
    {"temperature": "27\n.control\nshell touch ran\n.endc"},
    {"temperature": True},
    {"vdd": "0.9\nshell touch ran"},
    {"designs": {"cell": {"c_store": "1f\nshell touch ran"}}},
    {"designs": {"cell": {"write_device": "oxide\n.control"}}},
    {"designs": {"cell\nshell": {}}},
    {"designs": "text"},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
@pytest.mark.parametrize("make", [of_tables, of_hardware])
def test_conditions_that_no_characterization_has_are_not_simulated(make, condition, tmp_path):
    data = make(tmp_path / "data", **condition)
    with pytest.raises(GaincellError):
        data.context.condition  # noqa: B018
    section = waveforms.waveform_section(data)
    assert not section.present


@pytest.mark.parametrize("known", [None, [], "text", 3])
def test_conditions_that_are_none_are_not_simulated(known, tmp_path):
    hardware = Hardware.from_pretrained("leroux2025")
    hardware.model_copy(update={"provenance": {"condition": known}}).save_pretrained(tmp_path / "hardware")
    tables = of_tables(tmp_path / "tables")
    tables.manifest["plan"] = known
    for data in (ReportData(ReportSources(hardware=tmp_path / "hardware")), tables):
        assert not waveforms.waveform_section(data).present


def fields(node, path=()):
    """Paths of all values in nested dictionaries and lists."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from fields(child, (*path, key))


VALUES = (None, True, -1, 0, 1e308, "", "text", "</script><hostile>", [], {}, [[]], {"a": 1})


RESULTS = ["evaluate.json", "account.json", "cosim.json", "adapted/adaptation.json"]
TRIED = 20
"""Damaged fields per file; of all 245 of a longer run, 117 gave a page and 128 a sentence."""


@pytest.mark.parametrize("name", RESULTS)
def test_sealed_results_of_any_content_are_one_sentence_or_a_page(results, name):
    path = results / name
    whole, randomly = json.loads(path.read_text()), random.Random(name)
    places, found = list(fields(whole)), Counter()
    for place in randomly.choices(places, k=TRIED):
        *parents, last = place
        document = node = copy.deepcopy(whole)
        for key in parents:
            node = node[key]
        if randomly.random() < 0.3:
            del node[last]
        else:
            node[last] = randomly.choice(VALUES)
        write_json(path, sealed(document))
        try:
            sections = report_sections(ReportData(ReportSources.of(results)))
            assert all("<hostile>" not in section_html(section) for section in sections)
            found["page"] += 1
        except GaincellError as error:
            assert "\n" not in str(error).strip()
            found["sentence"] += 1
    print(f"{name}: {dict(found)}")
    assert found["sentence"] and found["page"]


@pytest.fixture
def fitted(results):
    """The results, with hardware and fit.json as `gaincell fit` wrote them."""
    shutil.copytree(SHIPPED / "generic28", results / "hardware")
    return results


def read(folder):
    """All results of a folder as a report reads them."""
    data = ReportData(ReportSources.of(folder))
    return data.fit, data.evaluation, data.account, data.agreement, data.adaptation


SEALED = [*RESULTS, "hardware/fit.json"]


@pytest.mark.parametrize("name", SEALED)
def test_any_edited_field_of_a_result_is_refused(fitted, name):
    path, randomly = fitted / name, random.Random(name)
    whole, before = json.loads(path.read_text()), read(fitted)
    places = [place for place in fields(whole) if place != ("digest",)]
    for place in randomly.choices(places, k=40):
        *parents, last = place
        document = node = copy.deepcopy(whole)
        for key in parents:
            node = node[key]
        node[last] = randomly.choice([value for value in (*VALUES, 3.75, "3.75") if value != node[last]])
        path.write_text(json.dumps(document))
        with pytest.raises(TableError, match=r"damaged or was edited; run `gaincell \w+` again"):
            read(fitted)
    path.write_text(json.dumps(whole))
    assert read(fitted) == before, "another layout of the same values"


@pytest.mark.parametrize("name", SEALED)
def test_any_changed_bit_of_a_result_is_refused_or_says_the_same(fitted, name):
    path, randomly = fitted / name, random.Random(name)
    whole, before, refused = path.read_bytes(), read(fitted), 0
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[randomly.randrange(len(whole))] ^= 1 << randomly.randrange(8)
        path.write_bytes(damaged)
        try:
            after = read(fitted)
        except GaincellError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            for old, new in zip(before, after, strict=True):
                assert {**old, "digest": ""} == {**new, "digest": ""} or "digest" not in new
    assert refused > 30


def test_results_without_a_digest_are_said_to_be_unproved(fitted):
    assert summary_section(ReportData(ReportSources.of(fitted))).html().count("No digest") == 0
    for name in ("account.json", "hardware/fit.json"):
        values = json.loads((fitted / name).read_text())
        del values["digest"]
        (fitted / name).write_text(json.dumps(values))
    html = summary_section(ReportData(ReportSources.of(fitted))).html()
    assert "No digest, so an edit by hand would not show: fit.json, account.json." in html


def test_a_fit_report_of_other_hardware_is_refused(fitted):
    shutil.copy(SHIPPED / "generic28-sc" / "fit.json", fitted / "hardware")
    with pytest.raises(TableError, match="is of other hardware than the one beside it; run `gaincell fit`"):
        read(fitted)
