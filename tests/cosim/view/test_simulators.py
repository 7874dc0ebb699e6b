"""Every kind of circuit in VACASK beside ngspice, with the tolerances that docs/simulators.md states."""

import pytest

from gaincell.characterization.procedure import Context
from gaincell.circuits.errors import SimulationError
from gaincell.circuits.technology import Technology
from gaincell.circuits.vacask import VACASK
from gaincell.cosim.view.waves import WAVE_OPERATIONS, record

try:
    VACASK.find()
except SimulationError as error:
    pytest.skip(str(error), allow_module_level=True)

RELATIVE = {"q_bl": 3e-4, "e_word_line": 0.06}
"""Tolerances by column, fractions of its largest value. The currents of a word line flow only during its
edges, which ngspice resolves with a few points."""
ENERGY = 1.5e-2
"""Tolerance of the other energies, fraction of the largest."""
VOLTAGE, WIDTH = 1e-4, 3e-12
"""Tolerances of voltages, V, and of pulse widths, s."""


def compare(name, corner="tt", temperature=27.0, **options):
    """Simulate an operation with both simulators; compare all measured columns."""
    context = Context(Technology.load("generic28"), corner, temperature)
    operation = WAVE_OPERATIONS[name](context, **options)
    theirs, ours = record(operation, context), record(operation, context, "vacask")
    measured = [c for c in theirs.scalars() if c not in operation.points and theirs.rows[c].dtype.kind == "f"]
    assert measured
    for column in measured:
        expected, found = theirs.rows[column], ours.rows[column]
        largest = expected.abs().max()
        if column.startswith("t_"):
            tolerance = WIDTH
        elif column.startswith("v_"):
            tolerance = VOLTAGE
        else:
            tolerance = RELATIVE.get(column, ENERGY) * largest
        assert (found - expected).abs().max() <= tolerance, column


def test_cell_read_agrees():
    compare("cell-read", v_store=[0.0, 0.2, 0.45, 0.7, 0.9])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cell-read", {"v_store": [0.0, 0.45, 0.9], "corner": "fs", "temperature": 85.0}),
        ("cell-write", {"v_target": [0.0, 0.3, 0.6, 0.9]}),
        ("cell-write", {"v_target": [0.0, 0.45, 0.9], "write_device": "oxide"}),
        ("conversion", {"charge": [50e-15, 200e-15, 350e-15]}),
        ("signed-conversion", {"charge": [100e-15, -60e-15]}),
        ("signed-conversion", {"charge": [100e-15, -60e-15], "corner": "ss", "temperature": 85.0}),
        ("column", {}),
        ("column", {"signed": True, "seed": 1}),
        ("chain", {"size": 4}),
    ],
)
def test_circuit_agrees(name, options):
    compare(name, **options)
