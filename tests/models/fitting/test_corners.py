"""A set of fitted corners: which dies are characterized, and where their hardware is."""

import json
import shutil

import pytest

from gaincell.characterization import trimmed_plan
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import SHIPPED_TABLES, write_manifest
from gaincell.characterization.trimming import Trim
from gaincell.models.dies import DieSet
from gaincell.models.fitting import corners
from gaincell.models.fitting.fit import REQUIRED_TABLES

SOURCE = SHIPPED_TABLES / "generic28"
PLAN = Plan(name="few", procedures=REQUIRED_TABLES, designs={"cell": {"c_store": 5e-15}})


@pytest.fixture
def simulated(monkeypatch):
    """Shipped tables in place of simulations, and the plans that were asked for."""
    asked = []

    def characterize(plan, out, **settings):
        asked.append(plan)
        out.mkdir(parents=True)
        manifest = json.loads((SOURCE / "manifest.json").read_text())
        manifest["tables"] = {name: manifest["tables"][name] for name in REQUIRED_TABLES}
        # Retention is simulated from 0 to 125 C.
        manifest["condition"] |= {"corner": plan.corner, "temperature": plan.temperature}
        manifest["condition"]["designs"]["references"] = {"steps": 256}
        manifest["condition"]["designs"]["converter"]["replica_cells"] = 8
        manifest |= {} if settings["trim"] is None else {"trim": settings["trim"]}
        for entry in manifest["tables"].values():
            shutil.copy(SOURCE / entry["file"], out)
        write_manifest(out, manifest)

    def find_trim(plan, **settings):
        code = {"tt": 1, "ss": 2, "ff": 3, "fs": 4, "sf": 5}[plan.corner]
        return Trim(0, code, 0, 5, {"converter": (1e-6, 2e-6)}, {"converter": plan.temperature * 1e-12})

    monkeypatch.setattr(trimmed_plan, "characterize", characterize)
    monkeypatch.setattr(trimmed_plan, "find_trim", find_trim)
    return asked


def test_every_condition_is_trimmed_characterized_and_fitted(simulated, tmp_path):
    steps = []
    found = corners.fit_corners(
        PLAN.override(trim=True),
        tmp_path,
        temperatures=(0.0, 125.0),
        report=lambda done, total, item: steps.append((done, total, item)),
    )
    assert [(plan.corner, plan.temperature) for plan in simulated] == [
        (corner, celsius) for corner in ("tt", "ff", "ss", "fs", "sf") for celsius in (0.0, 125.0)
    ]
    # Codes belong to the die, currents and delays to the condition; the plan's own sizes stay.
    assert simulated[7].designs == {
        "cell": {"c_store": 5e-15},
        "references": {"bottom": 0, "middle": 4, "top": 0},
        "converter": {"i_ramp": 1e-6, "i_ramp_n": 2e-6, "t_skew": 125e-12},
    }
    assert steps[0] == (0, 10, "tt_0")
    assert steps[-1] == (10, 10, "sf_125")
    assert (found[0].corner, found[0].folder) == ("tt", tmp_path / "tt_0")
    assert found[0].report.die
    assert all(plan.procedures == (*REQUIRED_TABLES, "bank_reference") for plan in simulated)
    trims = [one.hardware.trim for one in found]
    assert [trim.middle for trim in trims] == [1, 1, 3, 3, 2, 2, 4, 4, 5, 5]
    assert trims[7].banks["converter"].t_skew == 125e-12
    dies = DieSet.load(tmp_path)
    # Midway between tt and ff.
    assert dies.at(1.5, 1.5, 125.0).trim.middle == 2
    assert dies.temperatures == (0.0, 125.0)
    cold, hot = (
        dies.at(0.5, 1.0, celsius).retention.retention_time(8, 0.0, 0.9).min() for celsius in (10, 100)
    )
    assert cold > 3 * hot


def test_without_a_trim_the_sizes_are_those_of_the_plan(simulated, tmp_path):
    corners.fit_corners(PLAN, tmp_path, corners=("fs",), temperatures=(27.0,))
    assert (simulated[0].designs, simulated[0].procedures) == (PLAN.designs, REQUIRED_TABLES)
    assert (tmp_path / "fs_27" / "hardware" / "hardware.json").is_file()
