"""Agreement of predicted and simulated pulse widths."""

import math

import numpy as np
import pytest

from gaincell.models.checks.agreement import compare_widths


def test_slope_offset_and_errors_of_a_known_line_are_recovered():
    predicted = np.linspace(0.1, 0.9, 9)
    found = compare_widths(predicted, 1.02 * predicted + 0.01, 1)
    assert found.slope == pytest.approx(1.02)
    assert found.offset == pytest.approx(0.01)
    difference = 0.02 * predicted + 0.01
    assert found.rms == pytest.approx(np.sqrt(np.mean(difference**2)))
    assert found.worst == pytest.approx(0.028)
    assert not found.met
    assert found.limit == 0.015


def test_rms_limit_of_the_second_product_is_larger():
    widths = np.linspace(-0.8, 0.8, 9)
    assert compare_widths(widths, widths + 0.02, 2).met
    assert not compare_widths(widths, widths + 0.02, 1).met


def test_clipped_columns_do_not_count_but_a_wrong_zero_does():
    predicted = np.array([0.0, 0.0, 1.0, 0.5, 0.3, 0.0])
    simulated = np.array([0.0, 0.0, 1.0, 0.5, 0.3, 0.05])
    found = compare_widths(predicted, simulated, 1)
    assert (found.columns, found.counted) == (6, 3)
    assert found.worst == pytest.approx(0.05)


def test_fewer_than_three_columns_give_nan_and_miss_the_limit():
    found = compare_widths(np.zeros(4), np.zeros(4), 1)
    assert math.isnan(found.rms)
    assert not found.met
