"""Figures over corners, from tables with known answers."""

import numpy as np
import pandas as pd
import pytest

from gaincell.models.checks.corners import corner_report, figures_by_condition, worst_figures

T_MAX, RAMP = 15e-9, {False: 20e-6, True: 10e-6}
RAMPS = {kind: (current, current) for kind, current in RAMP.items()}
CONDITIONS = [("tt", 27.0, 0.9), ("tt", 27.0, 1.0), ("tt", 27.0, 0.8), ("ss", 27.0, 0.8)]
OFFSET = {"tt": 0.0, "ss": 0.04}


def cell_table():
    """Charge gain (1.5 at the high supply) times a straight line whose zero is 20 mV too high at ss."""
    rows = []
    for corner, temperature, vdd in CONDITIONS:
        for stored in np.linspace(0, 1, 11):
            gain, shift = (1.5 if vdd == 1.0 else 1.0), (0.02 / vdd if corner == "ss" else 0.0)
            charge = gain * 1e-14 * (stored - 0.5 - shift)
            rows.append((corner, temperature, vdd, stored, charge, stored * vdd + 1e-3))
    return pd.DataFrame(rows, columns=["corner", "temperature", "vdd", "stored", "q_bl", "v_after"])


def converter_table():
    """Ideal converters with an offset of 4 % of T_max at ss; their energy is the supply in pJ."""
    rows = []
    for corner, temperature, vdd in CONDITIONS:
        for signed in (False, True):
            for relative in (-1.3, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 1.3):
                width = np.sign(relative) * (abs(relative) + OFFSET[corner])
                width = np.clip(width, -1.0 if signed else 0.0, 1.0)
                row = (corner, temperature, vdd, signed, relative * RAMP[signed] * T_MAX, width * T_MAX)
                rows.append((*row, 2 if width else 0, vdd * 1e-12, 0.0, "ok"))
    names = ["signed", "charge", "t_out", "crossings", "e_convert", "e_reset", "status"]
    return pd.DataFrame(rows, columns=["corner", "temperature", "vdd", *names])


@pytest.fixture
def figures():
    tables = {"cell_corners": cell_table(), "converter_corners": converter_table()}
    return figures_by_condition(tables, RAMPS, T_MAX).set_index(["corner", "temperature", "vdd"])


def test_figures_of_each_condition_are_recovered(figures):
    assert figures.loc[("tt", 27.0, 1.0), "cell_gain"] == pytest.approx(1.5)
    assert figures.loc[("ss", 27.0, 0.8), "cell_center"] == pytest.approx(0.02)
    assert figures.loc[("tt", 27.0, 0.9), "cell_shape"] == pytest.approx(0.0, abs=1e-9)
    assert figures.loc[("ss", 27.0, 0.8), "relu_offset"] == pytest.approx(0.04)
    assert figures.loc[("ss", 27.0, 0.8), "signed_offset"] == pytest.approx(0.04)
    np.testing.assert_allclose(figures["signed_skew"], 0.0, atol=1e-9)
    np.testing.assert_allclose(figures[["relu_inl", "signed_inl", "gain", "saturation"]], 0.0, atol=1e-9)
    assert (figures["misfires"] == 0).all()


def test_worst_value_of_each_figure_names_its_condition(figures):
    worst = {figure.name: figure for figure in worst_figures(figures.reset_index())}
    offset = worst["ReLU converter, offset"]
    assert (offset.corner, offset.vdd, offset.nominal) == ("ss", 0.8, pytest.approx(0.0, abs=1e-9))
    gain = worst["cell, charge between the rails against nominal"]
    assert (gain.worst, gain.nominal, gain.vdd) == (pytest.approx(1.5), 1.0, 1.0)
    energy = worst["energy of a conversion, worst"]
    assert energy.worst == pytest.approx(1e-12)
    assert not energy.met
    assert "write error, cmos" not in worst, "without its table a figure is left out"


def test_wrong_missing_and_broken_pulses_are_counted():
    table = converter_table()
    wrong = table.index[table["signed"] & (table["charge"] < 0)][0]
    table.loc[wrong, "t_out"] *= -1
    missing = table.index[~table["signed"] & (table["charge"] > 0)][0]
    table.loc[missing, ["t_out", "crossings"]] = (0.0, 0)
    table.loc[table.index[~table["signed"] & (table["charge"] > 0)][5], "crossings"] = 4
    found = figures_by_condition(
        {"converter_corners": table}, {kind: (i, i) for kind, i in RAMP.items()}, T_MAX
    )
    assert found["misfires"].sum() == 3


def test_condition_with_too_few_pulses_has_nan_inl_and_counts_misfires():
    table = converter_table()
    dead = (table["corner"] == "ss") & ~table["signed"]
    table.loc[dead, ["t_out", "crossings"]] = (0.0, 0)
    found = figures_by_condition(
        {"converter_corners": table}, {kind: (i, i) for kind, i in RAMP.items()}, T_MAX
    ).set_index("corner")
    assert np.isnan(found.loc["ss", "relu_inl"])
    assert found.loc["ss", "misfires"] == 4


def test_corner_report_is_empty_without_corner_tables():
    designs = {
        "converter": {"i_ramp": RAMP[False]},
        "readout": {"i_ramp": RAMP[True]},
        "clocking": {"t_pulse_max": T_MAX},
    }
    assert corner_report({"tolerance": pd.DataFrame()}, designs) == ()
    assert len(corner_report({"converter_corners": converter_table()}, designs)) == 9


def test_each_ramp_is_judged_by_its_own_current():
    """An n ramp of 2 % more current shortens negative pulses by 2 %, which is no error of its gain."""
    table = converter_table()
    negative = table["t_out"] < 0
    table.loc[negative, "t_out"] /= 1.02
    ramps = {False: (RAMP[False], RAMP[False]), True: (RAMP[True], 1.02 * RAMP[True])}
    found = figures_by_condition({"converter_corners": table}, ramps, T_MAX)["gain"].abs().max()
    alike = figures_by_condition({"converter_corners": table}, RAMPS, T_MAX)
    assert alike["gain"].abs().max() > found + 0.01
