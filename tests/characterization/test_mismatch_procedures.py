"""Monte Carlo procedures: measurements against known waveforms, paired and extendable draws."""

import re

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import Context, find
from gaincell.characterization.table import read_table
from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import ReadTiming

EDGE = 10e-12


@pytest.fixture(scope="module")
def context():
    return Context(Technology.load("generic28"), samples=4, seed=1)


def pulses(heights, widths, start=2e-9):
    """Waveforms of trapezoids: area and half-height width are height * width and width."""
    time = np.unique(np.r_[0.0, 1e-7, *[[start, start + EDGE, start + w, start + w + EDGE] for w in widths]])
    signals = {}
    for name, height, width in zip(heights, heights.values(), widths, strict=True):
        corners = [start, start + EDGE, start + width, start + width + EDGE]
        signals[name] = np.interp(time, corners, [0, height, height, 0])
    return Waveforms("Transient Analysis", "time", time, signals)


def test_charge_of_a_rectangular_current_is_height_times_width(context):
    points = pd.DataFrame({"t_pulse": 15e-9, "sample": [0, 0], "v_store": [0.9, 0.0]})
    currents = {"i(vbl0)": -3e-6, "i(vbl1)": 2e-6}
    rows = find("cell_mismatch").measure(context, points, pulses(currents, [15e-9, 12e-9]))
    assert rows["q_bl"].to_numpy() == pytest.approx([45e-15, -24e-15], rel=1e-9)
    assert ReadTiming(15e-9).end < 1e-7


def test_written_voltage_is_the_final_one(context):
    points = pd.DataFrame({"write_device": "cmos", "sample": [0], "v_target": [0.5]})
    time = np.array([0.0, 1e-9, 2e-9])
    waves = Waveforms("Transient Analysis", "time", time, {"v(sn0)": np.array([0.0, 0.6, 0.497])})
    assert find("write_mismatch").measure(context, points, waves)["v_written"].tolist() == [0.497]


def test_width_and_sign_of_ideal_pulses_are_measured(context):
    points = pd.DataFrame({"signed": True, "sample": [0, 1, 2], "charge": [1e-13, -1e-13, 0.0]})
    waves = pulses({f"v(out{i})": 0.9 for i in range(2)}, [7e-9, 4e-9])
    level = np.ones_like(waves.axis)
    signs = {"v(sign0)": 0.9 * level, "v(sign1)": 0 * level, "v(sign2)": 0.9 * level, "v(out2)": 0 * level}
    waves = Waveforms(waves.plot, "time", waves.axis, waves.signals | signs)
    widths = find("converter_mismatch").measure(context, points, waves)["t_out"]
    assert widths.to_numpy() == pytest.approx([7e-9, -4e-9, 0.0], rel=1e-9)


def test_bias_deviates_and_its_converters_do_not(context):
    procedure = find("bias_mismatch")
    points = procedure.points(context)
    assert len(points) == 4 * (1 + 2)
    batches = procedure.batches(context, points)
    assert [len(batch.index) for batch in batches] == [1] * 4 + [2] * 4
    varied = re.findall(r"^X\S+ .*_varied .*$", batches[-1].simulation.netlist, re.MULTILINE)
    assert len(varied) == 1 and " ramp_bias_varied " in varied[0]
    waves = pulses({"v(out0)": 0.9}, [5e-9])
    waves = Waveforms(waves.plot, "time", waves.axis, waves.signals | {"v(sign0)": 0 * waves.axis})
    one = points[points["signed"]].iloc[:1]
    assert procedure.measure(context, one, waves)["t_out"].to_numpy() == pytest.approx([-5e-9])


def numbers(context, name, row):
    """Standard normal numbers by parameter, of the copy for one row of a procedure's points."""
    procedure = find(name)
    batch = next(b for b in procedure.batches(context, procedure.points(context)) if row in b.index)
    copies = re.findall(r"^X.*zvt_.*$", batch.simulation.netlist, re.MULTILINE)
    line = copies[list(batch.index).index(row)]
    return {key: float(value) for key, value in re.findall(r"(z(?:vt|mu)_\w+)=(\S+)", line)}


def test_sample_is_the_same_cell_in_every_procedure_size_and_write_device(context):
    points = {name: find(name).points(context) for name in ("cell_mismatch", "write_mismatch")}
    read = [
        numbers(context, "cell_mismatch", i) for i in np.flatnonzero(points["cell_mismatch"]["sample"] == 2)
    ]
    assert len(read) == 15 + 8 and all(r == read[0] for r in read)
    assert numbers(context, "cell_mismatch", 0) != read[0]
    writes = points["write_mismatch"]
    for device in ("cmos", "oxide"):
        row = np.flatnonzero((writes["sample"] == 2) & (writes["write_device"] == device))[3]
        written = numbers(context, "write_mismatch", row)
        shared = written.keys() & read[0].keys()
        assert len(shared) == (12 if device == "cmos" else 8)
        assert all(written[key] == read[0][key] for key in shared)
    wide = Context(context.technology, samples=4, seed=1, designs={"cell": {"w_rn": 200e-9}})
    assert numbers(wide, "cell_mismatch", 30) == read[0]
    other = Context(context.technology, samples=4, seed=2)
    assert numbers(other, "cell_mismatch", 30) != read[0]


def test_more_samples_extend_the_table(tmp_path):
    plan = Plan(name="few", procedures=("cell_mismatch",), samples=4, seed=1)
    cache = Cache(tmp_path / "cache")
    characterize(plan, tmp_path / "four", jobs=1, cache=cache)
    summary = characterize(plan.override(samples=8), tmp_path / "eight", jobs=1, cache=cache)
    # Whole batches of earlier samples come from the cache, as in an interrupted run.
    assert summary.cached == 60
    keys = ["t_pulse", "sample", "v_store"]
    four, eight = (
        read_table(tmp_path / n, "cell_mismatch").set_index(keys)["q_bl"] for n in ("four", "eight")
    )
    assert eight.loc[four.index].to_numpy() == pytest.approx(four.to_numpy(), rel=1e-4, abs=1e-18)


def test_technology_without_mismatch_parameters_is_refused(tiny_technology):
    bare = Context(Technology.load(tiny_technology), samples=1)
    procedure = find("converter_mismatch")
    with pytest.raises(TechnologyError, match="names no threshold_shift"):
        procedure.batches(bare, procedure.points(bare))
