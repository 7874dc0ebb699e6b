"""Regulator in the energy model and in the report of a fit."""

import numpy as np
import pandas as pd
import pytest

from gaincell.circuits.designs import Designs
from gaincell.circuits.errors import TableError
from gaincell.models import Hardware, StandingPower, SupplyLoss
from gaincell.models.checks.supply import supply_checks
from gaincell.models.fitting.supply import FED, regulated

CONDITION = {
    "corner": "tt",
    "temperature": 27.0,
    "vdd": 0.9,
    "designs": {"regulator": Designs().regulator.model_dump()},
}
NAN = float("nan")
ROWS = pd.DataFrame(
    [
        ("tt", 27.0, 1.2, "static", "idle", 0.903, NAN, NAN, 140e-6, NAN),
        ("tt", 27.0, 1.08, "static", "idle", 0.904, NAN, NAN, 120e-6, NAN),
        ("ss", -40.0, 1.2, "static", "peak", 0.896, NAN, NAN, 110e-6, NAN),
        ("ss", -40.0, 1.2, "static", "most", 0.870, NAN, NAN, 110e-6, NAN),
        ("ss", -40.0, 1.2, "operation", "peak", 0.902, 0.892, 0.905, NAN, NAN),
        ("ss", -40.0, 1.2, "loop", "peak", NAN, NAN, NAN, NAN, 52.0),
        ("tt", 27.0, 1.2, "loop", "idle", NAN, NAN, NAN, NAN, 70.0),
    ],
    columns=[
        "corner",
        "temperature",
        "v_in",
        "analysis",
        "load",
        "v_out",
        "v_low",
        "v_high",
        "i_quiescent",
        "phase_margin",
    ],
)


@pytest.fixture
def energy():
    """Energy model of the shipped hardware without a regulator."""
    energy = Hardware.from_pretrained("generic28").energy
    stages = tuple(stage for stage in energy.stages if not stage.name.startswith("regulator"))
    return energy.model_copy(update={"stages": stages})


def test_pass_device_loses_a_share_of_the_fed_stages_and_the_regulator_its_own_power(energy):
    found = {stage.name: stage for stage in regulated(energy, {"regulator": ROWS}, CONDITION).stages}
    loss, own = found["regulator, pass device"].law, found["regulator, own power"].law
    assert isinstance(loss, SupplyLoss) and loss.share == pytest.approx(1 / 3)
    assert isinstance(own, StandingPower) and own.watts == pytest.approx(140e-6 * 1.2 / 4)
    assert set(loss.stages) == set(FED) & found.keys() and len(loss.stages) >= 10
    assert "digital control" not in loss.stages


def test_without_its_table_nothing_changes(energy):
    assert regulated(energy, {}, CONDITION) is energy


def test_table_without_the_condition_is_refused(energy):
    with pytest.raises(TableError, match="no row of tt, 60 C, 1.2 V"):
        regulated(energy, {"regulator": ROWS}, CONDITION | {"temperature": 60.0})


def test_checks_take_the_worst_condition_and_the_reference():
    error, lag = supply_checks({"regulator": ROWS}, CONDITION)
    assert error.value == pytest.approx(8e-3 + 9e-3)  # 0.892 V in an operation; 1 % of 0.9 V
    assert lag.value == pytest.approx(128) and lag.met
    low = ROWS.assign(v_low=np.where(ROWS["analysis"] == "operation", 0.88, NAN))
    assert not supply_checks({"regulator": low}, CONDITION)[0].met
    assert supply_checks({}, CONDITION) == []


def test_mismatch_and_changed_pulses_are_judged_where_they_are_simulated():
    spread = pd.DataFrame({"v_out": [0.899, 0.901]})
    conversions = pd.DataFrame(
        {
            "signed": [True] * 3,
            "charge": [1e-14] * 3,
            "supply": ["ideal", "regulated", "regulated, quiet"],
            "t_out": [2.0e-9, 1.7e-9, 1.9e-9],
        }
    )
    good = {"regulator": ROWS, "regulator_mismatch": spread, "regulated_conversion": conversions}
    condition = {**CONDITION, "designs": {**CONDITION["designs"], "clocking": {"t_pulse_max": 15e-9}}}
    error, _, change = supply_checks(good, condition)
    assert error.value == pytest.approx(17e-3 + 3 * np.sqrt(2) * 1e-3)
    assert "3 sigma" in error.name
    assert change.value == pytest.approx(0.02)
