"""Noise testbenches against thermodynamics, and the converter's jitter against noise simulated in time."""

from dataclasses import replace

import numpy as np
import pytest

from gaincell.characterization.measure import pulse_width
from gaincell.characterization.spectra import sampled_rms
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, conversion
from gaincell.circuits.testbench.noise import F_HIGH, PLOT, cell_noise, converter_noise, storage_noise

KT = 1.380649e-23 * 300.15


@pytest.fixture(scope="module")
def condition():
    return Condition(Technology.load("generic28"))


def rms(simulation, low=0.0):
    waves = simulate(simulation).require()
    return sampled_rms(waves.axis, waves["onoise_spectrum"], low)


def resized(condition, circuit, **sizes):
    design = getattr(condition.designs, circuit).model_copy(update=sizes)
    return replace(condition, designs=condition.designs.model_copy(update={circuit: design}))


def test_simulated_noise_of_an_rc_is_kt_over_c():
    deck = f"""rc
v1 in 0 dc 0 ac 1
r1 in out 10k
c1 out 0 5f
.temp 27
.noise v(out) v1 dec 30 1 {F_HIGH!r}
.end
"""
    found = rms(Simulation(deck, end=F_HIGH, plot=PLOT))
    assert found == pytest.approx(np.sqrt(KT / 5e-15), rel=2e-3)


def added_capacitance(small, large):
    """Capacitance (F) that turns the rms noise `small` C into `large` C, by kT/C."""
    return KT * (1 / large**2 - 1 / small**2)


@pytest.mark.parametrize("v_store", [0.0, 0.45, 0.9])
def test_noise_of_a_write_is_kt_over_c(condition, v_store):
    """The noise of two storage capacitances that differ by 15 fF gives a difference of 15 fF by kT/C."""
    c_store = condition.designs.cell.c_store
    bigger = resized(condition, "cell", c_store=c_store + 15e-15)
    voltages = [rms(storage_noise(c, v_store)) for c in (condition, bigger)]
    assert added_capacitance(*voltages) == pytest.approx(15e-15, rel=0.02)
    assert voltages[0] < np.sqrt(KT / c_store)


def test_noise_of_a_reset_is_kt_over_c(condition):
    bigger = resized(condition, "converter", c_int=3.4e-12)
    found = [rms(converter_noise(c, c.designs.converter, "reset"), 1e6) for c in (condition, bigger)]
    assert found[0] == pytest.approx(np.sqrt(KT / 1.7e-12), rel=0.1)
    assert found[1] == pytest.approx(np.sqrt(KT / 3.4e-12), rel=0.1)


def test_noise_of_an_auto_zero_is_below_kt_over_c(condition):
    found = rms(converter_noise(condition, condition.designs.converter, "auto-zero"), 1e7)
    assert 0.8 * np.sqrt(KT / 20e-15) < found < np.sqrt(KT / 20e-15)


def test_cell_noise_is_thermal_at_high_and_flicker_at_low_frequencies(condition):
    """Its density lies between 4 kT gds of a switch and 4 kT gm in saturation, and rises with the drive."""
    low, high = (simulate(cell_noise(condition, v)).require() for v in (0.45, 0.9))
    at = int(np.argmin(np.abs(np.log(low.axis / 1e9))))
    assert 1e-27 < low["onoise_spectrum"][at] ** 2 < high["onoise_spectrum"][at] ** 2 < 4 * KT * 2e-5
    assert (np.diff(high["onoise_spectrum"][:100]) < 0).all(), "flicker noise falls with frequency"


@pytest.mark.slow
def test_conversion_jitter_matches_the_small_signal_analysis(condition):
    """48 conversions of one charge with the comparator's noise current injected in the time domain.

    The jitter contains the sample of the auto-zero and the noise at the trip. The sample is referred to the
    integration node through the coupling capacitor. Two standard errors of 48 samples are 20 %.
    """
    design, step = condition.designs.converter, 20e-12
    trip = converter_noise(condition, design, "comparator")
    waves = simulate(trip).require()
    gain = float((waves["onoise_spectrum"] / waves["inoise_spectrum"]).max())
    injected = trip.netlist.replace(
        ".noise v(xconv.xcmp.b) vint", "iin 0 xconv.xcmp.b dc 0 ac 1\n.noise v(xconv.xcmp.b) iin"
    )
    current = simulate(replace(trip, netlist=injected)).require()
    at = int(np.argmin(np.abs(np.log(current.axis / 1e9))))
    amplitude = float(current["inoise_spectrum"][at] / np.sqrt(2 * step))
    coupling = simulate(converter_noise(condition, design, "coupling")).require()
    at = int(np.argmin(np.abs(np.log(coupling.axis / 1e8))))
    coupled = coupling["onoise_spectrum"][at] / coupling["inoise_spectrum"][at]
    zero = rms(converter_noise(condition, design, "auto-zero"), 1e7) / coupled
    volts = np.hypot(zero, sampled_rms(waves.axis, waves["onoise_spectrum"], 1e7) / gain)
    widths = []
    for seed in range(1, 13):
        quiet = conversion(condition, [0.5 * design.i_ramp * 15e-9] * 4, signed=False)
        sources = [f"itn{i} 0 xconv{i}.xcmp.b dc 0 trnoise({amplitude!r} {step!r} 0 0)" for i in range(4)]
        extra = "\n".join(["", *sources, f".options seed={seed}", ".options"])
        noisy = simulate(replace(quiet, netlist=quiet.netlist.replace("\n.options", extra, 1))).require()
        widths += [pulse_width(noisy, f"v(out{i})", 0.45) for i in range(4)]
    predicted = volts * design.c_int / design.i_ramp
    assert np.std(widths, ddof=1) == pytest.approx(predicted, rel=0.25)
