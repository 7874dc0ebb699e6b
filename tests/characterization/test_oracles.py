"""Every nominal procedure on ideal elements or known waveforms, against closed forms.

Where possible, the deck of the procedure is simulated with ideal elements in place of its transistors, so
that the stimuli, the timing and the measurement are tested together.
"""

import numpy as np
import pandas as pd
import pytest
from ideal import with_ideal

from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import Context, find
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Schedule
from gaincell.models.checks.limits import converter_figures

VDD = 0.9
T_MAX = 15e-9


@pytest.fixture(scope="module")
def ctx():
    return Context(Technology.load("generic28"))


def measured(ctx, name, points, *ideal):
    """Rows of a procedure for some points, with ideal bodies (sub-circuit, lines...) in its deck."""
    procedure = find(name)
    (batch,) = procedure.batches(ctx, points)
    simulation = batch.simulation
    for subcircuit, *lines in ideal:
        simulation = with_ideal(simulation, subcircuit, *lines)
    return procedure.measure(ctx, points, simulate(simulation).require())


def test_device_figures_of_an_exponential_transistor_match_the_closed_form(ctx):
    # I / W = 0.1 A/m x 10^((v_g - v_th) / swing), and v_th falls by dibl x (drain voltage - 50 mV).
    swing, v_th, dibl = 0.08, 0.35, 0.1
    gate = np.linspace(0, VDD, 91)
    points = pd.DataFrame({"role": ["nmos"], "length": [30e-9]})
    drop = {"lin": 0.0, "sat": dibl * (VDD - 0.05)}
    signals = {f"i(v{k}0)": -1e-6 * 0.1 * 10 ** ((gate - v_th + d) / swing) for k, d in drop.items()}
    waves = Waveforms("DC transfer characteristic", "v-sweep", gate, signals)
    (row,) = find("device").measure(ctx, points, waves).to_dict("records")
    expected = {
        "i_on": 0.1 * 10 ** ((VDD - v_th + drop["sat"]) / swing),
        "i_off": 0.1 * 10 ** ((drop["sat"] - v_th) / swing),
        "swing": swing,
        "v_th_lin": v_th,
        "v_th_sat": v_th - drop["sat"],
        "dibl": dibl,
    }
    assert row == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("t_pulse", [1e-9, T_MAX])
def test_cell_transfer_of_an_ideal_current_source_matches_the_closed_form(ctx, t_pulse):
    stored = np.linspace(0.0, VDD, 5)
    points = pd.DataFrame({"v_store": stored, "t_pulse": t_pulse, "v_bl": 0.4, "held_out": False})
    conductance, supply = 5e-6, 1e-6
    found = measured(
        ctx,
        "cell_transfer",
        points,
        (
            "gain_cell",
            f"bread bl vss i={{{conductance}*(v(sn)-0.45)*v(rwl)/{VDD}}}",
            f"bsupply vdd vss i={{{supply}*v(rwl)/{VDD}}}",
            "crwl rwl vss 1f",
            "crwlb rwlb vss 2f",
            "cs sn vss 5f",
        ),
    )
    np.testing.assert_allclose(found["q_bl"], conductance * (stored - 0.45) * t_pulse, rtol=1e-4, atol=1e-20)
    np.testing.assert_allclose(found["e_read"], VDD * supply * t_pulse, rtol=1e-4)
    # The current of an edge has few points, so the trapezoidal rule misses a part of the first step.
    np.testing.assert_allclose(found["e_word_line"], 3e-15 * VDD**2, rtol=0.02)
    np.testing.assert_allclose(found["v_after"], stored, atol=1e-6)


def test_cell_write_through_a_resistor_matches_the_closed_form(ctx):
    cell = ctx.condition.designs.cell
    resistance, swing = 4e5, cell.v_write_on - cell.v_write_off
    target, before = np.array([0.0, 0.3, 0.9, 0.9]), np.array([0.9, 0.0, 0.0, 0.45])
    points = pd.DataFrame({"write_device": "cmos", "v_before": before, "v_target": target})
    found = measured(
        ctx,
        "cell_write",
        points,
        (
            "gain_cell",
            f"bw wbl sn i={{(v(wbl)-v(sn))/{resistance}*(v(wwl)-({cell.v_write_off}))/{swing}}}",
            "cs sn vss {c_store}",
            "cwl wwl vss 1f",
            "cwlb wwlb vss 1f",
        ),
    )
    level = target + cell.v_write_shift
    left = np.exp(-cell.t_write / (resistance * cell.c_store))
    assert 1e-4 < left < 0.5  # incomplete, so that the time constant matters
    written = level + (before - level) * left
    np.testing.assert_allclose(found["v_written"], written, atol=2e-4)
    energy = np.maximum(level * cell.c_store * (written - before), 0.0)
    np.testing.assert_allclose(found["e_bit_line"], energy, rtol=5e-3, atol=1e-18)
    np.testing.assert_allclose(found["e_word_line"], 2e-15 * swing**2, rtol=0.02)


@pytest.mark.parametrize("v_rest", [0.0, 0.45])
def test_cell_retention_through_a_leak_matches_the_closed_form(ctx, v_rest):
    stored = np.array([0.0, 0.3, 0.9])
    points = pd.DataFrame({"write_device": "cmos", "temperature": 27.0, "v_rest": v_rest, "v_store": stored})
    capacitance, leak = ctx.condition.designs.cell.c_store, 2e16
    found = measured(ctx, "cell_retention", points, ("gain_cell", f"rl wbl sn {leak}", "cs sn vss {c_store}"))
    start = stored[found["point"]]
    decay = np.exp(-found["age"] / (leak * capacitance))
    assert decay.min() < 0.01
    np.testing.assert_allclose(found["v_aged"], v_rest + (start - v_rest) * decay, atol=1e-3)


def ideal_converter(ctx, i_supply):
    """Comparator, ramp and reset without delay or offset: the width is charge / i_ramp - t_skew.

    The comparator switches within 5 mV, since ngspice places no time points where an ideal source jumps.
    """
    i_ramp = ctx.condition.designs.converter.i_ramp
    return (
        "charge_to_pulse",
        "ci int vss {c_int}",
        f"breset int v_ref i={{(v(int)-v(v_ref))*1e-2*v(rst)/{VDD}}}",
        f"bramp vss int i={{{i_ramp}*v(ramp)/{VDD}}}",
        "bout out vss v={v(win)*(0.5-0.5*tanh((v(int)-v(v_ref))*200))}",
        f"bsupply vdd vss i={{{i_supply}*v(ramp)/{VDD}}}",
    )


def test_ideal_converter_is_a_straight_line(ctx):
    design, clocking = ctx.condition.designs.converter, ctx.condition.designs.clocking
    full = design.i_ramp * clocking.t_pulse_max
    charge = np.array([-0.2, 0.2, 0.5, 0.9]) * full
    points = pd.DataFrame({"signed": False, "charge": charge, "held_out": False})
    found = measured(ctx, "converter", points, ideal_converter(ctx, 1e-6))
    expected = np.maximum(charge / design.i_ramp - design.t_skew, 0.0)
    np.testing.assert_allclose(found["t_out"], expected, atol=5e-12)
    schedule = Schedule.single(ctx.condition.designs, False)
    ramp_time = schedule.window_end + 4 * 50e-12 - schedule.ramp
    np.testing.assert_allclose(found["e_convert"], VDD * 1e-6 * ramp_time, rtol=1e-3)
    np.testing.assert_allclose(found["e_reset"], 0.0, atol=1e-18)  # the ramp has replaced all charge


def test_known_inl_is_found_in_the_pulses_of_a_signed_converter(ctx):
    # Synthetic pulses: gain 1 % too high for positive charge, a bow of 0.4 % of T_max, 20 ps of offset.
    procedure = find("converter")
    full = ctx.condition.designs.readout.i_ramp * T_MAX
    relative = np.linspace(-0.95, 0.95, 39)
    points = pd.DataFrame({"signed": True, "charge": relative * full, "held_out": False})
    size = np.abs(relative)
    width = T_MAX * (size * np.where(relative > 0, 1.01, 1.0) + 0.004 * 4 * size * (1 - size))
    signals, time = {}, np.sort(np.r_[0.0, 40e-9, 5e-9, 5e-9 + width, 5e-9 - 1e-15, 5e-9 + width + 1e-15])
    for i, w in enumerate(width):
        high = (time >= 5e-9) & (time <= 5e-9 + w)
        signals[f"v(out{i})"] = np.where(high & (w > 0), VDD, 0.0)
        signals[f"v(sign{i})"] = np.full(len(time), VDD if relative[i] > 0 else 0.0)
        signals[f"v(int{i})"] = np.full(len(time), 0.35)
        signals[f"i(vdd{i})"] = np.full(len(time), -1e-6)
    rows = procedure.measure(ctx, points, Waveforms("Transient Analysis", "time", time, signals))
    np.testing.assert_allclose(rows["t_out"], np.sign(relative) * width, atol=2e-15)
    np.testing.assert_allclose(rows["e_convert"], VDD * 1e-6 * 40e-9, rtol=1e-9)
    c_int = ctx.condition.designs.readout.c_int
    np.testing.assert_allclose(rows["e_reset"], c_int * 0.1 * 0.45, rtol=1e-9)
    table = pd.concat([points, rows], axis=1)
    positive, negative = (converter_figures(table, T_MAX, sign) for sign in (1, -1))
    assert positive.gain / negative.gain == pytest.approx(1.01, abs=2e-4)
    # The distance of a parabola from its best line is at most about its height.
    assert 0.001 < positive.inl < 0.004


def test_row_driver_on_a_capacitance_matches_the_closed_form(ctx):
    points = pd.DataFrame({"columns": [16.0], "t_pulse": [8e-9]})
    no_wire = {"array": {"r_wire": 0.0, "c_wire": 1e-15}}
    own = Context(ctx.technology, designs=no_wire)
    resistance, load = 2e4, 16 * 1e-15
    found = measured(
        own,
        "row_driver",
        points,
        (
            "row_driver",
            "ba a vss v={v(in)}",
            f"bup vdd rwl i={{max(v(a)-v(rwl),0)/{resistance}}}",
            f"bdown rwl vss i={{max(v(rwl)-v(a),0)/{resistance}}}",
            f"bupb vdd rwlb i={{max({VDD}-v(a)-v(rwlb),0)/{resistance}}}",
            f"bdownb rwlb vss i={{max(v(rwlb)-{VDD}+v(a),0)/{resistance}}}",
        ),
        ("gain_cell", "cs sn vss 5f", "rn sn vss 1e15"),
    ).iloc[0]
    assert found["delay"] == pytest.approx(np.log(2) * resistance * load, rel=0.03)
    assert found["t_far"] == pytest.approx(8e-9, abs=3e-12)  # edges of 0.3 ns; 0.02 % of T_max
    assert found["t_near"] == pytest.approx(found["t_far"], abs=1e-15)
    # rwl is charged on the rising edge, rwlb on the falling one.
    assert found["e_drive"] == pytest.approx(2 * load * VDD**2, rel=2e-3)


def test_column_adds_the_charges_of_ideal_cells(ctx):
    designs = ctx.condition.designs
    rng = np.random.default_rng(1)
    rows = designs.array.rows
    stored, width = rng.uniform(0.35, 0.9, rows), rng.uniform(0.1, 1.0, rows) * T_MAX
    points = pd.DataFrame({"signed": [False], "v_store": [stored.tolist()], "t_pulse": [width.tolist()]})
    conductance = 1.2e-6
    found = measured(
        ctx,
        "column",
        points,
        (
            "gain_cell",
            f"bread bl vss i={{{conductance}*(v(sn)-0.45)*v(rwl)/{VDD}}}",
            f"bsupply vdd vss i={{1e-7*v(rwl)/{VDD}}}",
            "cs sn vss 5f",
        ),
        ideal_converter(ctx, 1e-6),
    ).iloc[0]
    charge = conductance * np.sum((stored - 0.45) * width)
    c_line = designs.converter.c_int + rows * designs.array.c_wire
    assert 0.1 < charge / (designs.converter.i_ramp * T_MAX) < 1.0
    assert found["v_start"] == pytest.approx(0.45, abs=1e-5)
    assert found["v_start"] - found["v_end"] == pytest.approx(charge / c_line, rel=1e-3)
    expected = charge / designs.converter.i_ramp - designs.converter.t_skew
    assert found["t_out"] == pytest.approx(expected, abs=5e-12)
    assert found["e_cells"] == pytest.approx(VDD * 1e-7 * width.sum(), rel=1e-3)


def test_chain_measurements_match_known_waveforms(ctx):
    procedure, size = find("chain"), 16
    points = procedure.points(Context(ctx.technology, samples=1))
    size = len(points["t_query"].iloc[0])
    end = Schedule.of(ctx.condition.designs).end
    phi = T_MAX * np.arange(size) / size
    read_out = T_MAX * (np.arange(size) - 7.5) / size
    edges = np.r_[0.0, end, 1e-9, 1e-9 - 1e-15, *(1e-9 + phi), *(1e-9 + phi + 1e-15)]
    time = np.unique(np.r_[edges, 1e-9 + np.abs(read_out), 1e-9 + np.abs(read_out) + 1e-15])
    pulses = {f"v(phi{t})": phi[t] for t in range(size)}
    pulses |= {f"v(out{d})": abs(read_out[d]) for d in range(size)}
    signals = {
        name: np.where((time >= 1e-9) & (time <= 1e-9 + w) & (w > 0), VDD, 0.0) for name, w in pulses.items()
    }
    signals |= {f"v(sign{d})": np.full(len(time), VDD * (read_out[d] > 0)) for d in range(size)}
    currents = {"dk": 1e-6, "dk_drv": 2e-6, "dv": 3e-6, "dv_drv": 4e-6, "dc1": 5e-6, "dc2": 6e-6}
    signals |= {f"i(v{name})": np.full(len(time), -current) for name, current in currents.items()}
    rows = procedure.measure(ctx, points, Waveforms("Transient Analysis", "time", time, signals))
    first, second = (rows[rows["stage"] == stage].sort_values("index")["t_out"] for stage in (1, 2))
    np.testing.assert_allclose(first, phi, atol=3e-15)
    np.testing.assert_allclose(second, read_out, atol=3e-15)
    columns = ("e_cells_1", "e_drive_1", "e_cells_2", "e_drive_2", "e_convert_1", "e_convert_2")
    for column, current in zip(columns, currents.values(), strict=True):
        assert rows[column].iloc[0] == pytest.approx(VDD * current * end, rel=1e-9)
    assert rows["e_chain"].iloc[0] == pytest.approx(VDD * 21e-6 * end, rel=1e-9)


def test_every_nominal_procedure_has_an_oracle():
    names = {"device", "cell_transfer", "cell_write", "cell_retention"}
    names |= {"converter", "row_driver", "column", "chain"}
    assert set(Plan.load("nominal").procedures) == names
