"""Measurements on waveforms against signals with known results."""

import re

import numpy as np
import pytest

from gaincell.characterization.measure import device_figures, energy, pulse_width, switching_energy
from gaincell.circuits.errors import SimulationError
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, ReadTiming, cell_read


def waves(time, **signals):
    return Waveforms(
        "Transient", "time", np.asarray(time, float), {k: np.asarray(v, float) for k, v in signals.items()}
    )


def test_pulse_width_interpolates_between_uneven_points():
    # Edges of 2 s through 0.5: crossings at 2 and 7 for any points between.
    found = waves([0, 1, 3, 3.1, 6, 8, 20], out=[0, 0, 1, 1, 1, 0, 0])
    assert pulse_width(found, "out", 0.5) == pytest.approx(5.0)


def test_width_without_a_pulse_is_zero():
    assert pulse_width(waves([0, 1, 2], out=[0, 0.1, 0]), "out", 0.5) == 0.0


@pytest.mark.parametrize("out", [[0, 1, 0, 1, 0], [0, 0, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])
def test_signals_without_exactly_one_whole_pulse_are_refused(out):
    with pytest.raises(SimulationError, match="one pulse was expected"):
        pulse_width(waves(range(5), out=out), "out", 0.5)


def test_energy_of_a_triangular_current_is_its_charge_times_the_supply():
    found = waves([0, 1, 2], **{"i(vdd)": [0, -2e-6, 0]})
    assert energy(found, "dd", 0.9) == pytest.approx(0.9 * 2e-6)
    assert energy(found, "dd", 0.9, 0.0, 1.0) == pytest.approx(0.9 * 1e-6)


def test_switching_energy_counts_one_edge():
    """An ideal source delivers 1 fC on the rising edge and recovers it on the falling one."""
    found = waves([0, 1, 2, 5, 6, 7], **{"i(vwl)": [0, -1e-15, 0, 0, 1e-15, 0]})
    assert energy(found, "wl", 1.0) == pytest.approx(0.0, abs=1e-30)
    assert switching_energy(found, "wl", 1.3, 0.0, 3.0, 1.0) == pytest.approx(1.3e-15)


def test_device_figures_of_an_exponential_match_the_closed_form():
    """Swing 100 mV per decade, 60 mV of drain-induced threshold drop, saturating at 1000 A/m."""
    gate = np.linspace(0, 0.9, 91)
    saturated = np.minimum(1e-3 * 10 ** (gate / 0.1), 1e3)
    linear = np.minimum(1e-3 * 10 ** ((gate - 0.06) / 0.1), 1e2)
    found = device_figures(gate, linear, saturated)
    assert found["swing"] == pytest.approx(0.1)
    assert found["v_th_lin"] - found["v_th_sat"] == pytest.approx(0.06)
    assert (found["i_on"], found["i_off"]) == (pytest.approx(1e3), pytest.approx(1e-3))


def test_energy_of_an_edge_is_that_of_picosecond_steps():
    """The simulator's own steps on an edge of 50 ps against steps of 0.5 ps."""
    condition, timing = Condition(Technology.load("generic28")), ReadTiming(0.4e-9, settle=0.1e-9)
    bench = cell_read(condition, [0.0, 0.4, 0.9], timing.t_pulse, [0.45] * 3)
    fine = re.sub(r"\.tran .*", f".tran 5e-13 {timing.end!r} 0 5e-13", bench.netlist)
    runs = (bench, Simulation(fine, end=timing.end))
    found, expected = (
        sum(
            switching_energy(simulated, line, 0.9, 0.5e-9, timing.start + 0.2e-9, timing.start)
            for line in ("rwl", "rwlb")
        )
        for simulated in (simulate(run).require() for run in runs)
    )
    assert found == pytest.approx(expected, rel=5e-3)
