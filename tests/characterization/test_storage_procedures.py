"""Write path and disturbance: ideal elements against closed forms, one operation against a thousand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ideal import with_ideal

from gaincell.characterization.procedure import Context, find
from gaincell.characterization.procedures.disturb import drift_per_operation
from gaincell.characterization.procedures.write_path import signal_settling_time, sourced_charge
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import DisturbTiming, WriteTiming, disturb
from gaincell.circuits.testbench.write_path import R_REFERENCE

VDD, MID = 0.9, 0.45


@pytest.fixture(scope="module")
def ctx():
    return Context(Technology.load("generic28"), designs={"array": {"r_wire": 0.0}})


def one_batch(ctx, name, points, *ideal):
    procedure = find(name)
    (batch,) = procedure.batches(ctx, points)
    simulation = batch.simulation
    for subcircuit, *lines in ideal:
        simulation = with_ideal(simulation, subcircuit, *lines)
    return procedure.measure(ctx, points, simulate(simulation).require())


def test_settling_time_of_an_exponential_matches_the_closed_form():
    time, tau = np.linspace(0, 10e-9, 4001), 1e-9
    waves = Waveforms("tran", "time", time, {"v(x)": 0.7 * (1 - np.exp(-time / tau))})
    for near in (0.1, 0.01, 0.001):
        found = signal_settling_time(waves, "v(x)", 0.7, near, 0.0, 10e-9)
        assert found == pytest.approx(tau * np.log(0.7 / near), rel=1e-4)
    assert np.isnan(signal_settling_time(waves, "v(x)", 0.7, 1e-6, 0.0, 10e-9))
    assert signal_settling_time(waves, "v(x)", 0.7, 0.8, 0.0, 10e-9) == 0.0


def test_signal_that_leaves_its_band_again_has_not_settled():
    time = np.linspace(0, 6, 601)
    waves = Waveforms("tran", "time", time, {"v(x)": np.where(time < 5, np.sin(np.pi * time), 0.0)})
    assert signal_settling_time(waves, "v(x)", 0.0, 0.1, 0.0, 6.0) == pytest.approx(5.0, abs=0.05)


def test_sourced_charge_excludes_returned_charge():
    time = np.linspace(0, 2 * np.pi, 2001)
    waves = Waveforms("tran", "time", time, {"i(v)": np.sin(time)})
    assert sourced_charge(waves, "i(v)") == pytest.approx(2.0, rel=1e-4)


def test_write_path_of_ideal_elements_matches_the_closed_form(ctx):
    """Bit line: one RC behind its switch; word lines: C swing^2 per cycle; cell: without a write device."""
    r_switch, c_load, c_gate = 5e3, 1e-15, 0.3e-15
    cell, array = ctx.condition.designs.cell, ctx.condition.designs.array
    switch = f"bt ref line i={{(v(ref)-v(line))/{r_switch}*v(sel)*v(en)/{VDD**2}}}"
    driver = (
        "bu high out i={(v(high)-v(out))/30k*v(in)/v(vdd)}",
        "bd out low i={(v(out)-v(low))/30k*(1-v(in)/v(vdd))}",
    )
    gates = (f"cg wwl vss {{n*{c_gate}}}", f"cgb wwlb vss {{n*{c_gate}}}")
    levels = np.arange(8)
    points = pd.DataFrame(
        {
            "write_device": "cmos",
            "t_write": cell.t_write,
            "v_before": 0.0,
            "level": levels,
            "v_target": levels * VDD / 7,
        }
    )
    found = one_batch(
        ctx,
        "write_path",
        points,
        ("level_switch", switch, "rl sel 0 1g", "re en 0 1g"),
        ("level_shifter", *driver),
        ("write_load", f"cl wbl vss {{n*{c_load}}}", *gates),
        ("gain_cell", "cs sn vss {c_store}", "rr rwl 0 1g"),
    )
    line = (array.rows - 1) * c_load + array.rows * array.c_wire
    resistance = r_switch + R_REFERENCE * array.columns
    moved = np.abs(points["v_target"] - MID)
    expected = resistance * line * np.log(moved / (VDD / 7 / 64))
    np.testing.assert_allclose(found["t_line"], expected, rtol=0.03)
    # The reference delivers the rise; the rest switch delivers the return from levels below mid-supply.
    np.testing.assert_allclose(found["e_reference"], VDD * line * moved, rtol=0.02)
    swing = cell.v_write_on - cell.v_write_off
    row = (array.columns - len(points)) * c_gate + array.columns * array.c_wire
    np.testing.assert_allclose(found["e_word_line"], 2 * row * swing**2 / array.columns, rtol=0.02)
    assert found["t_half"].isna()[1:].all()
    np.testing.assert_allclose(found["v_written"], 0.0, atol=1e-6)


def test_disturbance_through_a_leak_matches_the_closed_form(ctx):
    """A resistor to the write bit line discharges C, faster while a read raises it reversibly."""
    resistance, stored = 1e12, np.array([0.1, 0.8])
    points = pd.DataFrame(
        {
            "write_device": "cmos",
            "temperature": 27.0,
            "activity": "both",
            "v_data": VDD,
            "operations": 12,
            "word": ["read", "read", "idle", "idle"],
            "v_store": np.tile(stored, 2),
        }
    )
    found = one_batch(
        ctx,
        "disturb",
        points,
        ("gain_cell", f"rl wbl sn {resistance}", "cs sn vss {c_store}", "cc rwl sn 0.1f", "rb bl 0 1g"),
    )
    designs = ctx.condition.designs
    timing, tau = DisturbTiming.of(designs), resistance * (designs.cell.c_store + 0.1e-15)
    busy = timing.write.t_write + timing.write.setup + timing.write.hold
    drift = ((MID - points["v_store"]) * (timing.period - busy) + (VDD - points["v_store"]) * busy) / tau
    lift = VDD * 0.1e-15 / (designs.cell.c_store + 0.1e-15)
    drift -= (points["word"] == "read") * lift * timing.t_read / tau
    np.testing.assert_allclose(found["drift"], drift, rtol=0.01)
    assert (found["t_operation"] == timing.period).all()


def test_drift_excludes_the_first_operations():
    after = np.r_[5e-3, 3e-3, 1e-3, 0.0, np.arange(20) * 1e-6]
    assert drift_per_operation(after) == pytest.approx(1e-6)


def shifts(ctx, operations):
    """Change (V) of the two outer levels after each of some writes of the neighbouring word."""
    condition = replace(ctx.condition, temperature=85.0)
    stored = [0.0, 0.9]
    held = {"read": [], "idle": stored}
    bench = disturb(condition, held, operations=operations, v_data=0.0, read=False)
    waves = simulate(bench).require()
    ends = np.arange(1, operations + 1) * DisturbTiming.of(condition.designs).period
    return [waves.at(f"v(idle_{i})", ends) - v for i, v in enumerate(stored)]


def test_sixty_writes_of_a_neighbour_add_up():
    few, many = (shifts(Context(Technology.load("generic28")), n) for n in (15, 60))
    for one, sum_ in zip(few, many, strict=True):
        assert abs(sum_[-1]) > 1e-6
        assert sum_[-1] == pytest.approx(60 * drift_per_operation(one), rel=0.01)


@pytest.mark.slow
def test_thousand_writes_of_a_neighbour_add_up():
    few, many = (shifts(Context(Technology.load("generic28")), n) for n in (24, 1000))
    for one, sum_ in zip(few, many, strict=True):
        assert abs(sum_[-1]) > 1e-4
        assert sum_[-1] == pytest.approx(1000 * drift_per_operation(one), rel=0.01)


@pytest.mark.parametrize("device", ["cmos", "oxide"])
def test_write_error_with_drivers_and_wires_is_below_7_mv(device):
    ctx = Context(Technology.load("generic28"))
    procedure = find("write_path")
    points = procedure.points(ctx)
    full = points["t_write"] == ctx.condition.designs.cell.t_write
    points = points[full & (points["write_device"] == device) & (points["v_before"] == 0.0)]
    points = points.reset_index(drop=True)
    (batch,) = procedure.batches(ctx, points)
    found = procedure.measure(ctx, points, simulate(batch.simulation).require())
    assert (found["v_written"] - points["v_target"]).abs().max() < 7e-3
    assert found["t_64th"].max() < 0.5 * ctx.condition.designs.cell.t_write
    # The line (64 wire pitches and junctions) takes far more charge than the cell (5 fF).
    highest = found["e_reference"].iloc[-1]
    assert highest > 2 * VDD**2 * ctx.condition.designs.cell.c_store
    parts = found[["e_reference", "e_switch", "e_word_line"]].sum(axis=1)
    np.testing.assert_allclose(found["e_write"], parts)


def test_write_device_is_exchanged_with_its_word_line_levels():
    from gaincell.characterization.procedures.cell_write import with_write_device

    technology = Technology.load("generic28")
    oxide = Context(technology, designs={"cell": {"write_device": "oxide", "c_store": 8e-15}}).condition
    cmos = with_write_device(oxide, "cmos").designs.cell
    assert cmos.write_device == "cmos"
    assert cmos.c_store == 8e-15
    assert cmos.v_write_on == Context(technology).condition.designs.cell.v_write_on
    assert with_write_device(oxide, "oxide") is oxide
    back = with_write_device(with_write_device(oxide, "cmos"), "oxide").designs.cell
    assert back == oxide.designs.cell


def test_timing_of_a_disturbance_follows_the_designs(ctx):
    designs = ctx.condition.designs
    timing = DisturbTiming.of(designs)
    write = WriteTiming(designs.cell.t_write)
    assert timing.period > write.setup + write.t_write + write.hold + designs.clocking.t_pulse_max
    assert timing.released < timing.read < timing.read + timing.t_read < timing.period


@pytest.mark.parametrize("name", ["write_path", "disturb"])
def test_part_of_a_batch_gives_the_rows_of_the_whole_batch(name):
    """The tolerance study and the comparison with the shipped tables simulate parts of a batch."""
    ctx = Context(Technology.load("generic28"))
    procedure = find(name)
    points = procedure.points(ctx).reset_index(drop=True)
    few = points["operations"] < 100 if name == "disturb" else points["t_write"] < 3e-9
    held = points[few & (points.get("activity", "write") == "write")]
    first = procedure.batches(ctx, points.loc[held.index].reset_index(drop=True))[0]
    whole = points.loc[held.index].reset_index(drop=True).iloc[list(first.index)].reset_index(drop=True)
    rows = [1, len(whole) // 2, len(whole) - 2]
    some = whole.iloc[rows].reset_index(drop=True)
    column = "v_written" if name == "write_path" else "shift"
    measured = []
    for part in (whole, some):
        (batch,) = procedure.batches(ctx, part)
        measured.append(procedure.measure(ctx, part, simulate(batch.simulation).require())[column].to_numpy())
    np.testing.assert_allclose(measured[1], measured[0][rows], atol=2e-4 if name == "write_path" else 1e-10)
