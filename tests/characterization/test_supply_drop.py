"""Procedure of the rails of a bank: its points, and its measurement of known waveforms."""

import numpy as np
import pytest

from gaincell.characterization.procedure import Context, find
from gaincell.circuits.errors import SimulationError
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Schedule

PROCEDURE = find("supply_drop")


def context(**array):
    return Context(Technology.load("generic28"), designs={"array": array})


def waves(ctx, widths):
    """Pulses at the opening of the window; section i has lost (i + 1) mV, its ground is lifted by half."""
    schedule = Schedule.single(ctx.condition.designs, False)
    time = np.linspace(0, schedule.end, 20001)
    signals = {}
    for i, width in widths.items():
        begin, edge = schedule.window, 40e-12
        corners = begin + np.array([-edge / 2, edge / 2, width - edge / 2, width + edge / 2])
        signals[f"v(out{i})"] = np.interp(time, corners, [0, 0.9, 0.9, 0]) if width else np.zeros_like(time)
        lost = np.where(time < begin + width / 2 + 50e-12, (i + 1) * 1e-3, 0.0)
        signals[f"v(s{i})"], signals[f"v(g{i})"] = 0.9 - lost, lost / 2
    return Waveforms("tran", "time", time, signals)


def test_banks_are_compared_with_one_converter_alone_and_with_ideal_rails():
    points = PROCEDURE.points(context(r_supply=0.03))
    found = points.groupby(["signed", "r_supply", "bank"]).size()
    banks = [(0.0, "ideal"), (0.03, "all"), (0.03, "alone"), (0.15, "all")]
    expected = {(signed, r, bank): 6 if signed else 3 for signed in (False, True) for r, bank in banks}
    assert {key: found[key] for key in found.index} == pytest.approx(expected)
    assert set(PROCEDURE.points(context(r_supply=0.0))["bank"]) == {"ideal"}


def test_drop_and_width_of_known_waveforms_are_measured_at_every_place():
    ctx = context(columns=20)
    points = PROCEDURE.points(ctx).query("bank == 'all'").iloc[[0]].reset_index(drop=True)
    widths = {i: (2 + i) * 1e-9 for i in range(7)}
    rows = PROCEDURE.measure(ctx, points, waves(ctx, widths))
    assert rows["place"].tolist() == [1.5, 4.5, 7.5, 10.5, 13.5, 16.5, 19.0]
    np.testing.assert_allclose(rows["t_out"], list(widths.values()), rtol=1e-3)
    np.testing.assert_allclose(rows["drop"], [(i + 1) * 1e-3 for i in range(7)], rtol=1e-9)
    np.testing.assert_allclose(rows["lift"], rows["drop"] / 2, rtol=1e-9)


def test_bank_without_pulses_is_unmeasured():
    ctx = context(columns=8)
    points = PROCEDURE.points(ctx).query("bank == 'all'").iloc[[0]].reset_index(drop=True)
    with pytest.raises(SimulationError, match="make the rails wider"):
        PROCEDURE.measure(ctx, points, waves(ctx, dict.fromkeys(range(8), 0.0)))
