"""Noise of the fitted hardware, from a table with known answers."""

import numpy as np
import pandas as pd
import pytest

from gaincell.models.fitting.noise import fit_noise, noise_budget, thermal_noise

DESIGNS = {
    "cell": {"c_store": 5e-15},
    "converter": {"c_az": 20e-15, "i_ramp": 20e-6},
    "readout": {"c_az": 20e-15, "i_ramp": 10e-6},
    "array": {"rows": 64},
    "clocking": {"t_pulse_max": 15e-9},
}
C_LINE = {False: 1.8e-12, True: 1.6e-12}


def table():
    rows = [("storage", False, 1.0, 8e-4, np.nan), ("storage", False, 1.0, 6e-4, np.nan)]
    rows += [("cell", False, 1.0, np.nan, q) for q in (3e-17, 4e-17)]
    for signed in (False, True):
        rows += [
            ("reset", signed, 1.0, 5e-5, np.nan),
            ("auto-zero", signed, 0.1, 4e-4, np.nan),
            ("coupling", signed, 0.8, 6e-5, np.nan),
            ("comparator", signed, 30.0, 3e-4, np.nan),
            ("p ramp", signed, 1.0, np.nan, 2e-16),
        ]
    rows += [("n ramp", True, 1.0, np.nan, 3e-16)]
    return pd.DataFrame(rows, columns=["source", "signed", "gain", "v_rms", "q_rms"])


def test_contributions_to_charge_and_jitter_add_in_quadrature():
    noise = fit_noise(table(), C_LINE, DESIGNS, 27.0)
    cells = 64 * 0.5 * (3e-17**2 + 4e-17**2) / 2
    assert noise.charge_1 == pytest.approx(np.sqrt((4e-4 / 0.8 * 1.8e-12) ** 2 + cells))
    assert noise.jitter_1 == pytest.approx(np.sqrt((3e-4 * 1.8e-12) ** 2 + 2e-16**2 / 2) / 300e-15)
    assert noise.jitter_2 == pytest.approx(np.sqrt((3e-4 * 1.6e-12) ** 2 + 3e-16**2 / 2) / 150e-15)
    assert noise.write_volts == pytest.approx(np.sqrt((8e-4**2 + 6e-4**2) / 2))


def test_noise_budget_is_in_fractions_of_full_scale():
    budget = noise_budget(table(), C_LINE, DESIGNS)
    assert budget[False]["auto-zero"] == pytest.approx(4e-4 / 0.8 * 1.8e-12 / 300e-15)
    assert budget[True]["ramp"] == pytest.approx(3e-16 * np.sqrt(0.5) / 150e-15)


def test_noise_without_a_table_is_thermal():
    noise = fit_noise(None, C_LINE, DESIGNS, 27.0)
    assert noise == thermal_noise(C_LINE, DESIGNS, 27.0)
    kt = 1.380649e-23 * 300.15
    assert noise.write_volts == pytest.approx(np.sqrt(kt / 5e-15))
    assert noise.charge_1 == pytest.approx(1.8e-12 * np.sqrt(kt / 20e-15))
    assert noise.jitter_1 == noise.jitter_2 == 0.0


def test_write_noise_without_a_storage_source_is_thermal():
    rows = table()
    noise = fit_noise(rows[rows["source"] != "storage"], C_LINE, DESIGNS, 27.0)
    assert noise.write_volts == thermal_noise(C_LINE, DESIGNS, 27.0).write_volts
    assert noise.jitter_1 > 0
