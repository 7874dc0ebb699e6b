"""Energy, time and record of a trim in fitted hardware."""

import hashlib
import json

import pandas as pd
import pytest
from fit_tables import copy_required
from typer.testing import CliRunner

from gaincell.characterization.table import write_manifest
from gaincell.cosim.cli import app
from gaincell.models import Hardware, StandingPower, SubTileOperations
from gaincell.models.fitting.folder import fit_folder

TRIM = {
    "bottom": 0,
    "middle": -9,
    "top": 21,
    "measurements": 17,
    "i_ramp": {"converter": [2.5e-5, 2.4e-5], "readout": [1.3e-5, 1.2e-5]},
    "t_skew": {"converter": 7e-10, "readout": 8e-10},
}
COLUMNS = {"signed": "-: bank", "p_bias": "W: power", "e_spare": "J: energy"}


def change_manifest(folder, change):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    write_manifest(folder, manifest)


@pytest.fixture
def trimmed(tmp_path):
    """Shipped tables with a trim and a made-up table of the banks."""
    folder = copy_required(tmp_path / "tables")
    rows = pd.DataFrame({"signed": [False, True], "p_bias": [5e-5, 3e-5], "e_spare": [6e-13, 4e-13]})
    rows = rows.assign(point=[0, 1], status="ok", message="")
    path = folder / "bank_reference.parquet"
    rows.to_parquet(path)
    entry = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "rows": 2}

    def change(manifest):
        manifest["tables"]["bank_reference"] = entry | {"columns": COLUMNS}
        manifest["trim"] = TRIM
        designs = manifest["condition"]["designs"]
        designs["references"] = {"steps": 256, "bottom": 0, "middle": -9, "top": 21}
        designs["converter"] |= {"t_lead": 1.88e-9, "replica_cells": 8}
        designs["readout"] |= {"t_lead": 3.64e-9, "replica_cells": 4}

    change_manifest(folder, change)
    return folder


def stages_of(hardware):
    return {stage.name: stage for stage in hardware.energy.stages}


def test_each_bank_has_a_bias_and_a_spare_converter(trimmed, tmp_path):
    stages = stages_of(fit_folder(trimmed, tmp_path / "out")[0])
    names = list(stages)
    assert names[names.index("ReLU converters") + 1 :][:2] == ["ReLU ramp bias", "ReLU replica delay"]
    assert names[names.index("signed converters") + 1 :][:2] == ["signed ramp bias", "signed replica delay"]
    assert stages["ReLU ramp bias"].law == StandingPower(watts=5e-5)
    assert stages["signed ramp bias"].law == StandingPower(watts=3e-5)
    assert stages["ReLU replica delay"].law == SubTileOperations(joules=6e-13)
    assert stages["signed replica delay"].law == SubTileOperations(joules=4e-13)
    assert "not switched off" in stages["ReLU ramp bias"].note
    assert {stage.origin for name, stage in stages.items() if "bias" in name} == {"simulated"}
    for kind in ("ReLU", "signed"):
        assert "stages of their own" in stages[f"{kind} converters"].note


def test_without_a_table_of_the_banks_the_notes_say_that_the_bias_is_missing(tmp_path):
    folder = copy_required(tmp_path / "tables")
    change_manifest(folder, lambda manifest: manifest.pop("trim"))
    hardware, _ = fit_folder(folder, tmp_path / "out")
    stages = stages_of(hardware)
    assert not [name for name in stages if "bias" in name or "replica" in name]
    for kind in ("ReLU", "signed"):
        assert "without the ideal ramp bias" in stages[f"{kind} converters"].note
    assert not [phase for phase in hardware.timing.phases if "lead" in phase.name]
    assert hardware.trim is None


def test_lead_of_a_spare_converter_is_hidden_while_its_reset_fits(trimmed, tmp_path):
    before = fit_folder(copy_required(tmp_path / "plain"), tmp_path / "before")[0].timing
    timing = fit_folder(trimmed, tmp_path / "out")[0].timing
    leads = [phase for phase in timing.phases if phase.name.startswith("lead")]
    assert [(lead.seconds, lead.hidden) for lead in leads] == [(1.88e-9, True), (3.64e-9, True)]
    assert timing.latency == pytest.approx(before.latency)

    def slower(manifest):
        # Longer than the first product takes: the signed bank's spare converter is not free so early.
        manifest["condition"]["designs"]["readout"]["t_lead"] = 20e-9

    change_manifest(trimmed, slower)
    timing = fit_folder(trimmed, tmp_path / "out")[0].timing
    assert timing.latency == pytest.approx(before.latency + 20e-9)


def test_fit_keeps_and_prints_the_trim(trimmed, tmp_path):
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["fit", str(trimmed), "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)["trim"]
    hardware = Hardware.from_pretrained(out)
    assert printed == hardware.trim.model_dump()
    assert (printed["middle"], printed["steps"], printed["measurements"]) == (-9, 256, 17)
    bank = hardware.trim.banks["readout"]
    assert (bank.i_ramp_n, bank.replica_cells) == (1.2e-5, 4)
    assert hardware.description.endswith("C, trimmed.")
    shown = CliRunner().invoke(app, ["fit", str(trimmed), "--out", str(out)])
    assert "after 17 signs" in " ".join(shown.output.split())
