"""Laws of the periphery: the fit of events, the laws in the package, and their refusals."""

import json

import numpy as np
import pytest

from gaincell.characterization.table import SHIPPED_TABLES, read_manifest
from gaincell.circuits.designs import Designs
from gaincell.circuits.errors import HardwareError, TechnologyError
from gaincell.circuits.technology import Technology
from gaincell.cosim.periphery.laws import fit_law
from gaincell.models import Hardware
from gaincell.models.periphery import SHIPPED_LAWS, PeripheryLaws, shipped_laws

LAWS = sorted(SHIPPED_LAWS.glob("*.json"))


def test_law_of_exact_sums_is_found_and_predicts_unseen_layers():
    rng = np.random.default_rng(0)
    events = {"read-out": np.full(60, 64.0), "read-out pulse": rng.integers(0, 64, 60)}
    energies = 2e-14 * events["read-out"] + 7e-15 * events["read-out pulse"]
    law = fit_law(events, energies, np.repeat([0, 1, 2], 20))
    assert law.joules == pytest.approx({"read-out": 2e-14, "read-out pulse": 7e-15}, rel=1e-9)
    assert law.error.worst_layer < 1e-9 and law.error.operations == 60


def test_error_is_that_of_layers_left_out():
    """One layer takes half as much again, so a fit to the others misses it by a third."""
    energies = np.repeat([2e-15, 3e-15], 10)
    law = fit_law({"operation": np.ones(20)}, energies, np.repeat([0, 1], 10))
    assert law.joules["operation"] == pytest.approx(2.5e-15)
    assert law.error.worst_layer == pytest.approx(0.5)
    assert law.error.rms == pytest.approx(0.4)


def test_energy_that_falls_with_an_event_is_not_negative():
    pulses = np.arange(10.0)
    law = fit_law({"operation": np.ones(10), "query pulse": pulses}, 1e-15 * (20 - pulses), np.zeros(10))
    assert min(law.joules.values()) == 0.0
    assert law.error is None


@pytest.mark.parametrize("path", LAWS, ids=lambda path: path.stem)
def test_shipped_laws_predict_the_head_on_unseen_layers_within_a_tenth(path):
    laws = PeripheryLaws.read(path)
    assert laws.errors["head"].worst_layer < 0.1
    assert laws.errors["pulse_generators_gray"].worst_layer < 0.03
    assert laws.errors["readout_gray"].worst_layer < 0.03
    assert len(laws.source["liberty_sha256"]) == 64


def test_shipped_hardware_has_no_published_stage_and_every_estimate_a_formula_with_a_band():
    for name in ("generic28", "generic28-sc"):
        stages = Hardware.from_pretrained(name).energy.stages
        assert {stage.origin for stage in stages} == {"simulated", "estimate"}
        for stage in stages:
            if stage.origin == "estimate":
                assert stage.note and stage.band[0] < 1 < stage.band[1], stage.name


def test_laws_are_of_one_condition_and_one_set_of_sizes():
    condition = read_manifest(SHIPPED_TABLES / "generic28")["condition"]
    laws = shipped_laws(condition)
    assert laws.of(condition) is laws
    hot = condition | {"temperature": 85.0}
    other = json.loads(json.dumps(condition))
    other["designs"]["levels"]["query"] = 8
    for wrong in (hot, other):
        assert shipped_laws(wrong) is None
        with pytest.raises(HardwareError, match="gaincell periphery"):
            laws.of(wrong)


def test_files_without_laws_and_edited_ones_are_refused(tmp_path):
    path = tmp_path / "laws.json"
    path.write_text("{}")
    with pytest.raises(HardwareError, match="holds no laws"):
        PeripheryLaws.read(path)
    shipped = SHIPPED_LAWS / "generic28_tt_27c_0v9.json"
    PeripheryLaws.read(shipped).write(path)
    assert PeripheryLaws.read(path) == PeripheryLaws.read(shipped)
    path.write_text(path.read_text().replace('"vdd": 0.9', '"vdd": 0.8'))
    with pytest.raises(HardwareError, match="digest"):
        PeripheryLaws.read(path)


@pytest.mark.parametrize("name", ["freepdk45"])
def test_shipped_laws_of_a_kit_are_those_of_its_circuits(name):
    try:
        technology = Technology.load(name)
    except TechnologyError as missing:
        pytest.skip(str(missing))
    condition = {"technology": name, "corner": "tt", "temperature": 27.0, "vdd": technology.vdd}
    laws = shipped_laws(condition | {"designs": Designs.of(technology).model_dump()})
    assert laws is not None and laws.source["liberty"].startswith(name)
    assert {stage.origin for stage in laws.stages} == {"simulated", "estimate"}
