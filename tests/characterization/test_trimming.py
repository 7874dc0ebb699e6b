"""Trim of a die: searches against a closed form, and the trimmed circuits at a skewed corner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import Context, find
from gaincell.characterization.procedures.converter_corners import time_high
from gaincell.characterization.trimming import find_trim, search_codes
from gaincell.circuits.designs import Designs, WriteReferences
from gaincell.circuits.errors import PlanError, TechnologyError
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, bank_reference, conversion, read_start, written_read

STEPS = 256


def charges(zero: float, sink: float, source: float, steps: int = STEPS) -> pd.DataFrame:
    """Table of a cell whose charge is a line on either side of its zero, which is given in steps."""
    codes = {
        "bottom": np.arange(64),
        "middle": np.arange(-32, 33) + steps // 2,
        "top": steps - np.arange(64),
    }
    rows = []
    for name, at in codes.items():
        charge = np.where(at > zero, sink * (at - zero), source * (at - zero))
        code = at - steps // 2 if name == "middle" else at if name == "bottom" else steps - at
        rows.append(pd.DataFrame({"reference": name, "code": code, "q_bl": charge}))
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize(
    ("zero", "sink", "source"), [(120.4, 1.0, 0.9), (133.7, 0.8, 1.0), (128.2, 1.0, 1.0)]
)
def test_the_searches_find_the_zero_and_the_balance(zero: float, sink: float, source: float) -> None:
    codes, measurements = search_codes(charges(zero, sink, source))
    assert 0 < codes["middle"] - (zero - STEPS / 2) <= 1
    top, bottom = STEPS - codes["top"], codes["bottom"]
    excess = sink * (top - zero) - source * (zero - bottom)
    assert abs(excess) <= max(sink, source)
    assert min(codes["top"], codes["bottom"]) == 0
    assert measurements <= 18


def test_a_die_beyond_the_range_of_the_references_is_refused() -> None:
    with pytest.raises(PlanError, match="middle reference"):
        search_codes(charges(zero=70.0, sink=1.0, source=1.0))
    with pytest.raises(PlanError, match="top reference"):
        search_codes(charges(zero=128.5, sink=1.0, source=0.3))


def test_levels_are_straight_lines_between_the_references() -> None:
    references = WriteReferences(steps=200, bottom=10, middle=-20, top=40)
    levels = [references.level(target, 1.0) for target in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert levels == pytest.approx([0.05, 0.225, 0.4, 0.6, 0.8])
    with pytest.raises(TechnologyError, match="in this order"):
        Designs.of(Technology.load("generic28"), references={"bottom": 100, "middle": -40})


@pytest.fixture(scope="module")
def dies(tmp_path_factory) -> dict:
    """Trims of the typical and of a skewed die."""
    plan = Plan.load("quick")
    return {corner: find_trim(plan.override(corner=corner)) for corner in ("tt", "fs")}


def test_a_trimmed_skewed_die_has_its_zero_and_its_balance(dies: dict) -> None:
    ctx = Context(Technology.load("generic28"), corner="fs", designs=dies["fs"].designs)
    condition = ctx.condition
    step = condition.vdd / condition.designs.references.steps
    targets = [0.0, condition.v_mid, condition.vdd]
    levels = [condition.write_level(target) for target in targets]
    near = [levels[0] + step, levels[1] - step, levels[2] - step]
    waves = simulate(written_read(condition, [*levels, *near])).require()
    charge = np.array([-waves.integrate(f"i(vbl{i})", read_start(condition) - 5e-10) for i in range(6)])
    # Within one step of each reference.
    assert charge[4] <= 0 <= charge[1]
    assert abs(charge[0] + charge[2]) <= np.abs(charge[3:] - charge[:3])[[0, 2]].max()
    untrimmed = simulate(written_read(replace(condition, designs=Designs()), targets)).require()
    before = [-untrimmed.integrate(f"i(vbl{i})", read_start(condition) - 5e-10) for i in range(3)]
    assert before[1] > 10 * charge[1]


def test_the_ramps_follow_the_cells(dies: dict) -> None:
    def full(corner: str) -> float:
        condition = Context(
            Technology.load("generic28"), corner=corner, designs=dies[corner].designs
        ).condition
        waves = simulate(written_read(condition, [condition.write_level(condition.vdd)])).require()
        return -waves.integrate("i(vbl0)", read_start(condition) - 5e-10)

    expected = full("fs") / full("tt")
    assert expected < 0.9
    for role in ("converter", "readout"):
        ratio = np.array(dies["fs"].i_ramp[role]) / np.array(dies["tt"].i_ramp[role])
        assert ratio == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("corner", ["tt", "fs"])
def test_the_replica_delay_cancels_the_comparators(dies: dict, corner: str) -> None:
    condition = Context(Technology.load("generic28"), corner=corner, designs=dies[corner].designs).condition
    design = condition.designs.converter
    full_scale = design.i_ramp * condition.designs.clocking.t_pulse_max
    relative = np.array([0.2, 0.5, 0.8])
    waves = simulate(conversion(condition, relative * full_scale, signed=False)).require()
    width = [time_high(waves, f"v(out{i})", condition.vdd / 2)[0] for i in range(3)]
    offset = np.polyfit(relative, width, 1)[1]
    assert abs(offset) < 0.003 * condition.designs.clocking.t_pulse_max


EXTREMES = [("tt", 27.0, 0.9)] + [
    (corner, temperature, vdd)
    for corner in ("ff", "ss", "fs", "sf")
    for temperature, vdd in ((-40.0, 0.81), (125.0, 0.81), (-40.0, 0.99), (125.0, 0.99))
]


@pytest.mark.parametrize("signed", [False, True], ids=["relu", "signed"])
@pytest.mark.parametrize(("corner", "temperature", "vdd"), EXTREMES)
def test_amplifiers_hold_the_replica_cells_at_half_the_supply(corner, temperature, vdd, signed) -> None:
    technology = Technology.load("generic28")
    condition = Condition(technology, Designs.of(technology), corner, temperature, vdd)
    result = simulate(bank_reference(condition, signed=signed), retry=False)
    waves = result.require()
    nodes = np.array([waves["v(rp)"], waves["v(rn)"]])
    assert nodes[:, 0] == pytest.approx(vdd / 2, abs=8e-3)
    # Nor does the spare converter, or a slow start of the loops, move them by more.
    assert nodes == pytest.approx(np.full_like(nodes, vdd / 2), abs=12e-3)


def test_both_ramps_of_a_trimmed_die_have_the_current_of_its_cells() -> None:
    """sf, hot, with 10 % less supply: diode branches, at 0.38 and 0.46 V, gave ramps 6 % apart."""
    plan = Plan.load("quick").override(corner="sf", temperature=125.0, vdd=0.81)
    trim = find_trim(plan)
    technology = Technology.load("generic28")
    condition = Condition(technology, Designs.of(technology, **trim.designs), "sf", 125.0, 0.81)
    levels = [condition.write_level(target) for target in (0.81, 0.0)]
    waves = simulate(written_read(condition, levels)).require()
    charge = [abs(waves.integrate(f"i(vbl{i})", read_start(condition) - 5e-10)) for i in range(2)]
    for role in ("converter", "readout"):
        design = getattr(condition.designs, role)
        expected = design.replica_cells * np.array(charge) / condition.designs.clocking.t_pulse_max
        ratio = np.array(trim.i_ramp[role]) / expected
        assert ratio[0] == pytest.approx(ratio[1], rel=0.015)
        assert ratio == pytest.approx([1.0, 1.0], abs=0.05)


def test_power_and_energy_of_a_bank_are_those_of_its_supplies(dies: dict) -> None:
    technology = Technology.load("generic28")
    ctx = Context(technology, designs=dies["tt"].designs)
    reference = find("bank_reference")
    points = reference.points(ctx)
    for signed, role in ((False, "converter"), (True, "readout")):
        waves = simulate(bank_reference(ctx.condition, signed=signed)).require()
        row = reference.measure(ctx, points[points["signed"] == signed], waves).iloc[0]
        design = getattr(ctx.condition.designs, role)
        cells = design.i_ramp * design.replica_width_p + design.i_ramp_n * design.replica_width_n
        at_rest = ctx.condition.vdd * abs(waves["i(vdd)"][0])
        assert row["p_bias"] == pytest.approx(at_rest, rel=0.02)
        # The rest is the amplifiers'.
        assert ctx.condition.vdd * cells < at_rest < ctx.condition.vdd * cells + 35e-6
        charge = design.i_ramp * ctx.condition.designs.clocking.t_pulse_max / design.replica_cells
        assert row["e_spare"] > ctx.condition.vdd * charge


def test_a_bank_without_replica_cells_cannot_be_trimmed() -> None:
    ctx = Context(Technology.load("generic28"), designs={"converter": {"replica_cells": None}})
    with pytest.raises(TechnologyError, match="converter.replica_cells"):
        bank_reference(ctx.condition, signed=False)
