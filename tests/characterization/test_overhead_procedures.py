"""Leakage, clock lines, bias and write DAC against closed forms and other tables."""

from pathlib import Path

import numpy as np
import pytest

from gaincell.characterization import liberty
from gaincell.characterization.procedure import Context, find
from gaincell.characterization.table import SHIPPED_TABLES, read_table
from gaincell.circuits.digital.liberty import Library
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench.write_dac import ladder_times

FOLDER = SHIPPED_TABLES / "generic28"
LIBRARY = Path(liberty.__file__).parent / "shipped" / "generic28_tt_27c_0v9.lib"


@pytest.fixture(scope="module")
def ctx():
    return Context(Technology.load("generic28"))


@pytest.fixture(scope="module")
def inverter():
    return Library.read(LIBRARY).kind("inv_x1")


def simulated(ctx, name, choose=lambda points: slice(None)):
    """Points and measured rows of the batches whose points `choose` takes."""
    procedure = find(name)
    points = procedure.points(ctx)
    points = points[choose(points)].reset_index(drop=True)
    (batch,) = procedure.batches(ctx, points)
    rows = procedure.measure(ctx, points, simulate(batch.simulation).require())
    return (
        points.join(rows.drop(columns="point", errors="ignore"), how="right") if "point" not in rows else rows
    )


def test_a_row_driver_leaks_like_its_inverters(ctx, inverter):
    rows = simulated(
        ctx, "idle_power", lambda p: ~p["circuit"].str.contains("cell|conv") & (p["temperature"] == 27)
    )
    found = rows.set_index("circuit")["power"]
    drive = ctx.condition.designs.array.driver
    units = 1 + drive / 2 + drive + drive / 4 + drive / 2 + drive
    mean = sum(watts for _, watts in inverter.leakage) / len(inverter.leakage)
    assert found["row driver"] == pytest.approx(units * mean, rel=0.15)


def test_leakage_grows_with_temperature_and_is_lowest_in_cells():
    rows = read_table(FOLDER, "idle_power")
    for _, one in rows.groupby(["circuit", rows["v_store"].fillna(-1)]):
        power = one.sort_values("temperature")["power"].to_numpy()
        assert (power > 0).all() and (np.diff(power) > power[:-1]).all()
    here = rows[rows["temperature"] == 27].groupby("circuit")["power"].mean()
    # docs/retention.md states 3.9 pW for a cell in the middle of its range.
    assert here["cell"] == pytest.approx(3.9e-12, rel=0.15)
    assert here.drop("cell").min() > 100 * here["cell"]


def test_the_window_line_takes_the_charge_of_a_gate_and_a_wire(ctx, inverter):
    rows = simulated(ctx, "clock_lines", lambda p: ~p["signed"])
    found = rows.set_index("line")
    # A nand2 of the smallest drive; its pin is that of the cell nand2_x1.
    pin = Library.read(LIBRARY).kind("nand2_x1").pins["a"].capacitance
    load = pin + ctx.condition.designs.array.c_wire
    assert found.loc["win", "e_line"] == pytest.approx(load * ctx.condition.vdd**2, rel=0.08)
    # The p transistors of the reset are twice as wide as the n ones, whose gates are on rst.
    assert 1.5 < found.loc["rstb", "e_line"] / found.loc["rst", "e_line"] < 2.2
    # Gates alone would take 4/3 of the load; their junctions add up to as much again.
    assert 4 / 3 < found["loss"].iloc[0] < 5 / 3
    assert (found["cycles"] == np.where(found.index == "on", 2, 1)).all()


def test_a_steady_ladder_takes_the_current_of_its_resistance(ctx):
    rows = simulated(ctx, "write_dac", lambda p: p["resistance"] == 2e3)
    on, off = ladder_times(ctx.condition)
    alone = rows.set_index("level").loc[-1, "e_ladder"]
    assert alone == pytest.approx(ctx.condition.vdd**2 / 2e3 * (off - on), rel=0.05)
    assert rows["v_error"].abs().max() < ctx.condition.vdd / 7 / 64


def test_levels_settle_slower_with_more_resistance():
    worst = read_table(FOLDER, "write_dac").groupby("resistance")["v_error"].agg(lambda v: v.abs().max())
    assert (np.diff(worst.to_numpy()) > 0).all()
    # Beyond some resistance a whole word does not settle: the ladder cannot be as small as one likes.
    assert worst.iloc[-1] > 0.9 / 7 / 8 and worst.iloc[0] < 0.9 / 7 / 1000


def test_a_switched_bias_comes_back_to_the_steady_one():
    rows = read_table(FOLDER, "bias_gating")
    steady = read_table(FOLDER, "bank_reference").set_index("signed")["p_bias"]
    for signed, bank in rows.groupby("signed"):
        assert bank["p_on"].iloc[0] == pytest.approx(steady[signed], rel=0.02)
        assert bank["p_off"].max() < 1e-3 * bank["p_on"].iloc[0]
        last = bank[bank["t_lead"] == bank["t_lead"].max()]
        assert last[["error_p", "error_n"]].abs().to_numpy().max() < 1e-5
        # After a millisecond the lines are empty, so a short lead cannot do.
        empty = bank[(bank["t_off"] == bank["t_off"].max()) & (bank["t_lead"] == bank["t_lead"].min())]
        assert empty[["error_p", "error_n"]].to_numpy().max() < -0.5
