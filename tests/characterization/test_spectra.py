"""Sampled and integrated noise against closed forms, and against noise simulated in time."""

import numpy as np
import pytest

from gaincell.characterization.spectra import integrated_rms, sampled_rms
from gaincell.circuits.runner import Simulation, simulate

KT = 1.380649e-23 * 300.15
FREQUENCY = np.geomspace(1.0, 1e13, 391)


def test_white_noise_through_one_pole_is_kt_over_c():
    resistance, capacitance = 1e4, 5e-15
    pole = 1 / (2 * np.pi * resistance * capacitance)
    density = np.sqrt(4 * KT * resistance / (1 + (FREQUENCY / pole) ** 2))
    assert sampled_rms(FREQUENCY, density) == pytest.approx(np.sqrt(KT / capacitance), rel=2e-3)


def test_noise_below_the_lower_limit_is_left_out():
    white = np.full_like(FREQUENCY, 1e-9)
    low, high = FREQUENCY[120], FREQUENCY[-1]
    assert sampled_rms(FREQUENCY, white, low) == pytest.approx(1e-9 * np.sqrt(high - low), rel=2e-3)
    pink = 1e-9 / np.sqrt(FREQUENCY)
    assert sampled_rms(FREQUENCY, pink, low) == pytest.approx(1e-9 * np.sqrt(np.log(high / low)), rel=1e-6)


def test_integrated_white_current_is_density_times_root_of_half_the_window():
    white = np.full_like(FREQUENCY, 3e-13)
    for window in (1e-9, 15e-9):
        assert integrated_rms(FREQUENCY, white, window) == pytest.approx(
            3e-13 * np.sqrt(window / 2), rel=2e-3
        )


def test_noise_slower_than_the_window_counts_as_a_constant_current():
    window, slow = 15e-9, FREQUENCY < 1e5
    density = np.where(slow, 1e-12, 1e-30)
    rms = sampled_rms(FREQUENCY[slow], density[slow])
    assert integrated_rms(FREQUENCY, density, window) == pytest.approx(rms * window, rel=0.1)


def test_noise_simulated_in_time_matches_its_spectrum():
    """300 capacitors, each charged for 15 ns by ngspice's transient noise; 12 % are three standard errors."""
    step, amplitude, window, copies = 50e-12, 1e-6, 15e-9, 300
    deck = ["* noise currents into capacitors", ".options seed=7"]
    for i in range(copies):
        deck += [f"i{i} 0 c{i} dc 0 trnoise({amplitude!r} {step!r} 0 0)", f"c{i} c{i} 0 1p ic=0"]
        deck += [f"r{i} c{i} 0 1e12"]
    saved = " ".join(f"v(c{i})" for i in range(copies))
    deck += [f".save {saved}", f".tran 50p {window!r} 0 50p uic", ".end"]
    waves = simulate(Simulation("\n".join(deck), end=window)).require()
    charge = np.array([1e-12 * waves[f"v(c{i})"][-1] for i in range(copies)])
    white = np.full_like(FREQUENCY, amplitude * np.sqrt(2 * step))
    assert charge.std() == pytest.approx(integrated_rms(FREQUENCY, white, window), rel=0.12)
