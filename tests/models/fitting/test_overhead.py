"""Stages around the arrays against sums by hand."""

import pandas as pd
import pytest

from gaincell.characterization.table import SHIPPED_TABLES, read_table
from gaincell.circuits.designs import Designs
from gaincell.models import StandingPower, SubTileOperations, Writes
from gaincell.models.fitting.energy import energy_model
from gaincell.models.fitting.fit import REQUIRED_TABLES
from gaincell.models.fitting.overhead import OVERHEAD_TABLES, overhead_stages, wake_up_lead


@pytest.fixture
def tables():
    names = (*REQUIRED_TABLES, *OVERHEAD_TABLES, "bank_reference", "write_path")
    return {name: read_table(SHIPPED_TABLES / "generic28", name) for name in names}


def designs(**options):
    return Designs(**options).model_dump(mode="json")


def gating(errors, power=5e-5):
    rows = [
        {"signed": signed, "t_off": 1e-6, "t_lead": lead, "error_p": error, "error_n": 0.0}
        for signed in (False, True)
        for lead, error in errors.items()
    ]
    return pd.DataFrame(rows).assign(p_on=power, p_off=2e-9, e_wake=1e-15)


def test_bias_is_on_for_its_lead_and_the_ramp(tables):
    tables["bias_gating"] = gating({5e-9: 0.1, 10e-9: -5e-4, 20e-9: 2e-3, 50e-9: 9e-4, 100e-9: 0.0})
    sizes = designs()
    model = energy_model(tables, "cmos", 0.9, sizes)
    law = next(stage.law for stage in model.stages if stage.name == "ReLU ramp bias")
    assert isinstance(law, SubTileOperations)
    # 10 ns passes by chance, between two leads that fail.
    on = 50e-9 + sizes["converter"]["t_skew"] + 15e-9 + 0.2e-9
    assert law.joules == pytest.approx(5e-5 * on + 1e-15)
    off = next(stage.law for stage in model.stages if stage.name == "ReLU ramp bias, off")
    assert off == StandingPower(watts=2e-9)


def test_bias_that_does_not_settle_is_never_off(tables):
    tables["bias_gating"] = gating({5e-9: 0.1, 100e-9: 2e-3})
    assert wake_up_lead(tables["bias_gating"]) is None
    model = energy_model(tables, "cmos", 0.9, designs())
    law = next(stage.law for stage in model.stages if stage.name == "signed ramp bias")
    power = tables["bank_reference"].set_index("signed")["p_bias"]
    assert law == StandingPower(watts=power[True])


def test_leakage_adds_up_over_a_sub_tile(tables):
    rows = pd.DataFrame(
        {
            "circuit": [
                *("cell", "cell", "ReLU converter", "signed converter"),
                *("row driver", "write word-line drivers", "level switches", "cell"),
            ],
            "temperature": [27.0] * 7 + [85.0],
            "power": [1.0, 3.0, 100.0, 1000.0, 1e4, 1e5, 1e6, 99.0],
        }
    )
    for normaliser, mirrored, outputs, lines in ((None, False, 64, 64), (0.7, True, 65, 128)):
        sizes = designs(array={"normaliser": normaliser, "mirrored": mirrored})
        found = overhead_stages({"idle_power": rows}, sizes, "cmos", 27.0, 0.9)
        assert [stage.law.watts for stage in found] == pytest.approx(
            [
                2.0 * 64 * (lines + outputs),
                64 * 100.0 + outputs * 1000.0,
                (lines + 64) * 1e4 + 128 * 1e5 + (lines + outputs) * 1e6,
            ]
        )


def test_the_ladder_is_the_largest_that_settles(tables):
    rows = pd.DataFrame(
        {
            "resistance": [1e3, 1e3, 2e3, 2e3, 4e3, 4e3],
            "level": [-1, 3] * 3,
            "e_ladder": [64e-12, 70e-12, 32e-12, 40e-12, 16e-12, 20e-12],
            "v_error": [None, 1e-4, None, -1.9e-3, None, 2.1e-3],
        }
    )
    (found,) = overhead_stages({"write_dac": rows}, designs(), "cmos", 27.0, 0.9)
    assert found.law == Writes(joules=0.5e-12) and "2000 ohm" in found.note
    assert overhead_stages({"write_dac": rows.iloc[4:]}, designs(), "cmos", 27.0, 0.9) == ()


def test_pumps_cost_what_their_supply_multiples_cost(tables):
    (found,) = overhead_stages({"write_path": tables["write_path"]}, designs(), "cmos", 27.0, 0.9)
    rows = tables["write_path"]
    rows = rows[(rows["write_device"] == "cmos") & (rows["t_write"].sub(10e-9).abs() < 1e-12)]
    # 1.1 V from twice the supply, -0.2 V from once the supply.
    assert found.law.joules == pytest.approx(rows["e_word_line"].mean() * (2.7 / 1.3 - 1))
    assert found.origin == "estimate" and "band 0" in found.note
    within = designs(cell={"v_write_on": 0.9, "v_write_off": 0.0})
    assert overhead_stages({"write_path": tables["write_path"]}, within, "cmos", 27.0, 0.9) == ()


def test_clock_lines_count_every_converter_and_the_drivers_loss(tables):
    rows = pd.DataFrame({"signed": [False, False, True], "e_line": [1.0, 2.0, 10.0], "loss": 1.5})
    (found,) = overhead_stages({"clock_lines": rows}, designs(), "cmos", 27.0, 0.9)
    assert found.law == SubTileOperations(joules=64 * 4.5 + 64 * 15.0)
