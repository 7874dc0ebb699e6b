"""Arrays: stored voltages at the start of an operation, wires with a node per cell."""

from dataclasses import replace

import numpy as np
import pytest

from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, Schedule, array, bit_line, with_node_per_cell


@pytest.fixture(scope="module")
def condition():
    return Condition(Technology.load("generic28"))


def test_storage_nodes_start_at_the_given_voltages(condition):
    stored = np.array([[0.0, 0.9, 0.3], [0.45, 0.7714, 0.1286]])
    nodes = [f"v(asn{r}_{c})" for r in range(2) for c in range(3)]
    simulation = array(condition, np.array([5e-9, 9e-9]), stored, signed=False)
    deck = simulation.netlist.replace(".save ", f".save {' '.join(nodes)}\n.save ", 1)
    waves = simulate(replace(simulation, netlist=deck)).require()
    before = Schedule.single(condition.designs, False).integrate - 0.5e-9
    for time in (0.0, 1e-9, before):
        held = np.array([float(waves.at(node, time)) for node in nodes])
        np.testing.assert_allclose(held, stored.ravel(), atol=0.5e-3)


def test_drop_of_a_far_load_is_proportional_to_distance(condition):
    """All current flows from the far end, so every pitch of wire before it has the same drop I r."""
    stored, width = np.full(16, 0.45), np.zeros(16)
    stored[-2:], width[-2:] = 0.9, 15e-9
    waves = simulate(bit_line(with_node_per_cell(condition, r_wire=100.0, rows=16), stored, width)).require()
    middle = Schedule.single(condition.designs, False).integrate + 7.5e-9
    near = float(waves.at("v(bl)", middle))
    drop = np.array([near - float(waves.at(f"v(abl0_{row})", middle)) for row in range(16)])
    np.testing.assert_allclose(drop[:14] / (np.arange(14) + 0.5), drop[0] / 0.5, rtol=0.02)
    # The same current discharges the capacitors of the line.
    c_int = condition.designs.converter.c_int
    slope = -np.diff(waves.at("v(bl)", [middle - 2e-9, middle + 2e-9]))[0] / 4e-9
    assert drop[0] / 50.0 == pytest.approx(slope * c_int, rel=0.03)
