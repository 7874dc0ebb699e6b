"""Scaling of the column model to another integration capacitor, in the benchmark of that name."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from gaincell.models import Hardware

PATH = Path(__file__).parents[2] / "benchmarks" / "integration_capacitor.py"


@pytest.fixture(scope="module")
def benchmark_module():
    spec = importlib.util.spec_from_file_location("integration_capacitor", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_more_capacitance_brings_columns_nearer_to_the_plain_sum(benchmark_module):
    hardware = Hardware.from_pretrained("generic28")
    lines = benchmark_module.line_capacitances(hardware)
    # 64 cells and their wire beside the capacitor.
    assert all(1.7e-12 < line < 1.8e-12 for line in lines.values())
    same = benchmark_module.with_capacitor(hardware, lines, 0.0)
    np.testing.assert_array_equal(same.column_1.coefficients, hardware.column_1.coefficients)
    charge, load = 0.8 * hardware.q_sat_1, 0.15

    def loss(change):
        own = benchmark_module.with_capacitor(hardware, lines, change).column_1
        constant = float(own.coefficients[0, 0])
        return 1 + constant - float(own(torch.tensor(charge, dtype=torch.float64), load)) / charge

    # Losses of first order halve, those of second order quarter.
    doubled = loss(lines[False]) / loss(0.0)
    assert 0.25 < doubled < 0.5
    assert loss(1e-6) == pytest.approx(0, abs=1e-5)
