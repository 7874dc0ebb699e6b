"""Arrays and wire maps: measurements against known waveforms, and whole arrays against the surrogates."""

import math

import numpy as np
import pytest

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import Context, find
from gaincell.characterization.procedures.array import array_columns, array_point
from gaincell.characterization.procedures.array64 import COARSE_OPTIONS
from gaincell.characterization.procedures.bit_line_map import loaded
from gaincell.characterization.table import read_table
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Schedule, array
from gaincell.models import Hardware
from gaincell.models.checks.agreement import compare_widths, predict_arrays


@pytest.fixture(scope="module")
def ctx():
    return Context(Technology.load("generic28"))


def pulse(time, start, width, edge=40e-12, low=0.0, high=0.9):
    """A trapezoid of linear edges, `width` between the half-amplitude points."""
    corners = [start - edge / 2, start + edge / 2, start + width - edge / 2, start + width + edge / 2]
    return np.interp(time, corners, [low, high, high, low])


def test_array_measurements_match_known_waveforms(ctx):
    schedule = Schedule.single(ctx.condition.designs, True)
    time = np.unique(np.r_[np.linspace(0, schedule.end, 20001)])
    signals = {"v(sign0)": np.full_like(time, 0.9), "v(sign1)": np.zeros_like(time)}
    for c, width in enumerate((3e-9, 7e-9)):
        signals[f"v(out{c})"] = pulse(time, schedule.window, width)
        signals[f"v(bl{c})"] = np.where(time < schedule.integrate, 0.45, 0.40 + 0.01 * c)
    for i, supply in enumerate(("dcell", "ddrv", "dconv"), start=1):
        signals[f"i(v{supply})"] = np.full_like(time, -i * 1e-6)
    found = array_columns(ctx.condition, Waveforms("tran", "time", time, signals), 2, True)
    np.testing.assert_allclose(found["t_out"], [3e-9, -7e-9], rtol=1e-3)
    np.testing.assert_allclose(found["v_start"], 0.45)
    np.testing.assert_allclose(found["v_end"], [0.40, 0.41])
    expected = [i * 1e-6 * 0.9 * schedule.end for i in (1, 2, 3)]
    np.testing.assert_allclose(found[["e_cells", "e_drive", "e_convert"]].iloc[0], expected, rtol=1e-9)


def test_word_line_measurements_match_known_waveforms(ctx):
    """Each cell gets the pulse 1 ps after the previous one, with edges of 50 ps."""
    procedure = find("row_map")
    points = procedure.points(ctx).iloc[[0]].reset_index(drop=True)
    time = np.arange(0, 10e-9, 0.5e-12)
    signals = {"v(row)": pulse(time, 1e-9, 5e-9), "i(vddd)": np.full_like(time, -2e-6)}
    for c in range(64):
        late = 30e-12 + c * 1e-12
        signals[f"v(arwl0_{c})"] = pulse(time, 1e-9 + late, 5e-9, edge=50e-12)
        signals[f"v(arwlb0_{c})"] = pulse(time, 1e-9 + late, 4.9e-9, low=0.9, high=0.0)
    rows = procedure.measure(ctx, points, Waveforms("tran", "time", time, signals))
    np.testing.assert_allclose(rows["delay"], 30e-12 + rows["column"] * 1e-12, rtol=1e-6)
    np.testing.assert_allclose(rows["rise"], 40e-12, rtol=1e-6)
    np.testing.assert_allclose(rows["t_high"], 5e-9, rtol=1e-6)
    np.testing.assert_allclose(rows["t_low"], 4.9e-9, rtol=1e-6)
    np.testing.assert_allclose(rows["e_drive"], 2e-6 * 0.9 * time[-1], rtol=1e-9)


def test_bit_line_measurements_match_known_waveforms(ctx):
    procedure = find("bit_line_map")
    points = procedure.points(ctx)
    point = points[(points["r_wire"] == 10) & (points["place"] == "far")].reset_index(drop=True)
    schedule = Schedule.single(ctx.condition.designs, False)
    time = np.linspace(0, schedule.end, 20001)
    line = np.interp(time, [0, schedule.integrate, schedule.ramp, schedule.end], [0.45, 0.45, 0.35, 0.45])
    signals = {"v(bl)": line, "v(out)": pulse(time, schedule.window, 12e-9)}
    signals |= {f"v(abl0_{row})": line - 1e-4 * row for row in range(64)}
    rows = procedure.measure(ctx, point, Waveforms("tran", "time", time, signals))
    np.testing.assert_allclose(rows["drop"], 1e-4 * rows["row"], atol=1e-12)
    np.testing.assert_allclose(rows["t_out"], 12e-9, rtol=1e-3)
    assert rows.loc[rows["loaded"], "row"].min() == 57


@pytest.mark.parametrize("place", ["near", "spread", "far"])
def test_number_of_loaded_cells_is_independent_of_their_place(place):
    assert loaded(64, place).sum() == 7
    assert loaded(4, place).sum() == 4


@pytest.mark.parametrize(("size", "signed"), [(8, False), (8, True), (16, False)])
def test_simulated_array_agrees_with_the_surrogates(ctx, size, signed):
    """Stored values and pulses that no fit uses, at transistor level."""
    point = array_point(ctx.condition, np.random.default_rng(7), size, signed)
    stored = np.array(point["v_store"]).reshape(size, size)
    simulation = array(
        ctx.condition, np.array(point["t_pulse"]), stored, signed=signed, options=COARSE_OPTIONS
    )
    rows = array_columns(ctx.condition, simulate(simulation).require(), size, signed)
    table = rows.assign(point=0, **{name: [point[name]] * size for name in point})
    found = compare_widths(*predict_arrays(Hardware.from_pretrained("generic28"), table), 2 if signed else 1)
    assert found.counted >= 4
    assert found.met, found
    assert found.slope == pytest.approx(1, abs=0.03)


def test_drawn_columns_stay_within_the_converter_range(ctx):
    """Drawn arrays of all sizes keep the charge of their columns within the range of the converters."""
    for size in (8, 16, 64):
        point = array_point(ctx.condition, np.random.default_rng(size), size, True)
        stored = np.array(point["v_store"]).reshape(size, size) / 0.9
        width = np.array(point["t_pulse"]) / 15e-9
        assert np.abs(width @ (2 * stored - 1) / 4).max() < 1.2
        assert width.max() <= 1


@pytest.mark.slow
def test_full_array_takes_less_than_600_cpu_seconds_and_300_megabytes(tmp_path):
    # With the user's cache it would be simulated only once.
    summary = characterize(Plan.load("array64"), tmp_path / "out", jobs=1, cache=Cache(tmp_path / "cache"))
    assert summary.failed == 0
    rows = read_table(tmp_path / "out", "array64")
    assert len(rows) == 64
    assert rows["cpu"].iloc[0] < 600
    assert rows["memory"].iloc[0] < 300e6
    found = compare_widths(*predict_arrays(Hardware.from_pretrained("generic28"), rows), 1)
    assert found.met, found
    assert found.counted > 40
    assert not math.isnan(found.slope)
