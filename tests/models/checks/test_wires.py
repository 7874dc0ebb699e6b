"""Checks of wires, and of energy and charge balance, on tables with known answers."""

import numpy as np
import pandas as pd
import pytest

from gaincell.models.checks.wires import drop_sensitivity, width_shift, wire_checks

DESIGNS = {"array": {"r_wire": 3.0, "driver": 8.0, "r_supply": 0.02}}


def row_map(shift):
    """Pulses that become shorter by up to `shift` seconds over 4 cells on rwl, and keep their width on
    rwlb."""
    lost = np.linspace(0, shift, 4)
    return pd.DataFrame(
        {
            "r_wire": 3.0,
            "driver": 8.0,
            "t_pulse": 5e-9,
            "t_high": 5e-9 - lost,
            "t_low": 5e-9,
            "column": range(4),
        }
    )


def bit_line_map(sensitivity):
    """Columns whose pulse is shorter by `sensitivity` per volt of the mean drop at the two loaded cells."""
    rows = []
    for r_wire, place, drops in (
        (0.0, "spread", (0, 0)),
        (3.0, "near", (1e-3, 3e-3)),
        (3.0, "far", (4e-3, 8e-3)),
    ):
        t_out = 10e-9 * (1 - sensitivity * np.mean(drops))
        rows += [
            {"r_wire": r_wire, "place": place, "row": i, "loaded": True, "drop": d, "t_out": t_out}
            for i, d in enumerate(drops)
        ]
    return pd.DataFrame(rows)


def supply_drop(change):
    """Pulses of one converter on ideal rails, and of a bank on the design's and on narrower rails."""
    rows = [
        {"signed": signed, "r_supply": r, "bank": bank, "charge": q, "t_out": q * 1e5 + share * change}
        for signed in (False, True)
        for r, bank, shares in ((0.0, "ideal", [0]), (0.02, "all", [0.5, 1, -0.3]), (0.1, "all", [5]))
        for q in (1e-14, 5e-14)
        for share in shares
    ]
    return pd.DataFrame(rows)


def balance(missing, charge):
    energies = {"e_delivered": 1e-12, "e_dissipated": (0.7 - missing) * 1e-12, "e_stored": 0.3e-12}
    rows = [energies | {"q_cells": np.nan, "q_line": np.nan}, energies | {"q_cells": charge, "q_line": 1e-13}]
    return pd.DataFrame(rows)


def checks(**tables):
    return {check.name: check for check in wire_checks(tables, DESIGNS, 15e-9)}


def test_width_shift_is_the_mean_of_both_word_lines():
    np.testing.assert_allclose(width_shift(row_map(6e-12)), [0, -1e-12, -2e-12, -3e-12], atol=1e-18)


def test_known_sensitivity_to_a_drop_is_recovered():
    assert drop_sensitivity(bit_line_map(0.8)) == pytest.approx(0.8)


def test_each_table_adds_its_checks():
    found = checks(
        row_map=row_map(6e-12),
        bit_line_map=bit_line_map(0.8),
        supply_drop=supply_drop(90e-12),
        charge_balance=balance(0.02, 1.01e-13),
    )
    values = [check.value for check in found.values()]
    np.testing.assert_allclose(values, [3e-12 / 15e-9, 10e-9 * 0.8 * 6e-3 / 15e-9, 6e-3, 0.02, 0.01])
    assert [check.met for check in found.values()] == [True, True, False, False, True]


def test_checks_are_empty_without_tables():
    assert checks() == {}
