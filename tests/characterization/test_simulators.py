"""Characterization with a simulator other than ngspice: tables, cache, manifest, refusals."""

import numpy as np
import oracles
import pytest

from gaincell.characterization import stale
from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import read_manifest, read_table
from gaincell.circuits.errors import PlanError, SimulationError
from gaincell.circuits.runner import simulator_version
from gaincell.circuits.vacask import VACASK

try:
    VACASK.find()
except SimulationError as error:
    pytest.skip(str(error), allow_module_level=True)


def plan_of(*procedures, technology="generic28"):
    return Plan(name="some", technology=technology, procedures=procedures)


def test_both_simulators_fill_tables_of_their_own(tmp_path):
    cache, plan = Cache(tmp_path / "cache"), plan_of("device")
    theirs = characterize(plan, tmp_path / "ngspice", cache=cache)
    ours = characterize(plan, tmp_path / "vacask", cache=cache, simulator="vacask")
    assert (theirs.cached, ours.cached, ours.failed) == (0, 0, 0)
    again = characterize(plan, tmp_path / "again", cache=cache, simulator="vacask")
    assert again.cached == again.points
    one, other = (read_table(tmp_path / name, "device") for name in ("ngspice", "vacask"))
    for column in ("i_on", "i_off", "swing", "v_th_lin", "v_th_sat"):
        np.testing.assert_allclose(other[column], one[column], rtol=3e-4)
    manifest = read_manifest(tmp_path / "vacask")
    assert simulator_version("vacask") == f"vacask {manifest['vacask']}"
    assert "ngspice" not in manifest
    (reason,) = {r for e in stale.explain(plan, Cache(tmp_path / "none"), "vacask") for r in e.reasons}
    assert reason == "never simulated"
    versions = [simulator_version(name) for name in ("ngspice", "vacask")]
    assert not any(map(stale.stale(*versions), cache.entries()))
    assert sum(map(stale.stale(versions[0]), cache.entries())) == len(list(cache.entries())) // 2


def test_procedure_with_a_card_that_is_not_understood_is_refused_before_the_run(tmp_path, tiny_technology):
    plan = plan_of(oracles.OracleRc.name, technology=str(tiny_technology))
    with pytest.raises(PlanError, match=r"procedure 'oracle_rc': VACASK cannot take the card 'c0 .*ic=0'"):
        characterize(plan, tmp_path / "out", cache=Cache(tmp_path / "cache"), simulator="vacask")
    assert not (tmp_path / "out").exists()


def test_unknown_simulator_is_refused(tmp_path):
    with pytest.raises(SimulationError, match="unknown simulator 'spectre'"):
        characterize(plan_of("device"), tmp_path / "out", simulator="spectre")
