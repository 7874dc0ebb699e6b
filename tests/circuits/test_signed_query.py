"""Signed queries at transistor level: swapped plates and complementary cells against closed forms."""

import numpy as np
import pytest

from gaincell.characterization.measure import pulse_width
from gaincell.circuits.designs import OXIDE_CELL, TWO_PHASES, Designs
from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, Schedule, chain, column, mirrored_rows
from gaincell.circuits.testbench.bench import close_circuit, open_circuit, supply
from gaincell.circuits.testbench.converters import LOAD, add_converter, converter_lines, netlists_of
from gaincell.circuits.testbench.schedule import EDGE

T_MAX = 15e-9


@pytest.fixture(scope="module")
def technology():
    return Technology.load("generic28")


def two_phases(technology):
    return Condition(technology, Designs.of(technology, converter=TWO_PHASES))


def charged_twice(condition, first, second, parasitic):
    """Swing (V) and width (s) of a two-phase converter with one charge (C) per phase and a parasitic (F)."""
    design, schedule = condition.designs.converter, Schedule.of(condition.designs)
    circuit = open_circuit("two charges", condition, *netlists_of(design))
    converter_lines(circuit, condition, design, schedule)
    supply(circuit, "dd", condition.vdd)
    add_converter(circuit, design, "0", "int", "out", "dd")
    circuit.C("par", "int", circuit.gnd, parasitic)
    circuit.C("load", "out", circuit.gnd, LOAD)
    width = 10e-9
    edges = [(0.0, 0.0)]
    for start, charge in ((schedule.integrate, first), (schedule.positive, second)):
        current = charge / width
        edges += [(start, 0.0), (start + EDGE, current), (start + width, current), (start + width + EDGE, 0)]
    circuit.PieceWiseLinearCurrentSource("q", "int", circuit.gnd, values=edges)
    waves = simulate(close_circuit(circuit, end=schedule.ramp_2, save=["v(int)", "v(out)"])).require()
    before, after = (waves.at("v(int)", t) for t in (schedule.integrate - 1e-10, schedule.ramp - 1e-10))
    return before - after, pulse_width(waves, "v(out)", condition.vdd / 2)


def swap_efficiency(condition, parasitic):
    """Fraction of the first phase's charge that counts after the swap, from two conversions.

    The difference of the two conversions cancels offset and charge injection.
    """
    design = condition.designs.converter
    one, both = (charged_twice(condition, *q, parasitic)[1] for q in ((0, 150e-15), (100e-15, 250e-15)))
    return 1 - (both - one) * design.i_ramp / 100e-15


def test_swap_efficiency_follows_from_the_line_capacitance(technology):
    """Q2 - kappa Q1, kappa = (C - C_line) / (C + C_line): the swap inverts the capacitor, not the line.

    C_line is a known capacitor plus that of the switches. The capacitance of the switches found with one
    known capacitor predicts kappa for another.
    """
    condition = two_phases(technology)
    c_int = condition.designs.converter.c_int
    found = swap_efficiency(condition, 100e-15)
    own = c_int * (1 - found) / (1 + found) - 100e-15
    assert 0 < own < 120e-15
    line = own + 500e-15
    assert swap_efficiency(condition, 500e-15) == pytest.approx((c_int - line) / (c_int + line), abs=0.02)


@pytest.mark.parametrize("scheme", ["two-phase", "mirrored"])
def test_negative_query_inverts_the_sign_of_a_cell(technology, scheme):
    """A cell at 0 V under a negative query counts like a cell at vdd under a positive one."""
    v_store, t_pulse = np.array([0.0, 0.9, 0.45, 0.45]), np.array([-T_MAX, 0.0, 0.0, 0.0])
    plain = Condition(technology)
    positive = simulate(column(plain, np.full(4, 0.9), -t_pulse, signed=False)).require()
    if scheme == "two-phase":
        waves = simulate(column(two_phases(technology), v_store, t_pulse, signed=False)).require()
    else:
        waves = simulate(column(plain, *mirrored_rows(v_store, t_pulse, 0.9), signed=False)).require()
    width, expected = (pulse_width(w, "v(out)", 0.45) for w in (waves, positive))
    assert expected > 0.1 * T_MAX
    if scheme == "two-phase":  # the swap loses the charge of the line twice
        expected *= 0.9
    assert width == pytest.approx(expected, abs=0.015 * T_MAX)


def test_two_phase_chain_distinguishes_the_signs_of_a_query(technology):
    """Keys at 0 V have a positive product with negative queries and a negative one with positive queries."""
    condition = two_phases(technology)
    schedule = Schedule.of(condition.designs)
    widths = []
    for sign in (-1, 1):
        query = np.full(4, sign * T_MAX)
        waves = simulate(chain(condition, query, np.zeros((4, 1)), np.full((1, 1), 0.9))).require()
        widths.append(pulse_width(waves, "v(phi0)", 0.45))
    assert widths[0] > 0.3 * T_MAX and widths[1] == 0.0
    assert schedule.end == pytest.approx(Schedule.of(Designs.of(technology)).end + 17e-9, abs=0.3e-9)


def test_mirrored_rows_have_complements_and_non_negative_pulses():
    stored, width = mirrored_rows(np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([1e-9, -2e-9]), 0.9)
    np.testing.assert_allclose(stored, [[0.1, 0.2], [0.3, 0.4], [0.8, 0.7], [0.6, 0.5]])
    np.testing.assert_allclose(width, [1e-9, 0, 0, 2e-9])


def test_one_phase_has_no_swap(technology):
    schedule = Schedule.of(Designs.of(technology))
    assert schedule.swap is None and schedule.positive == schedule.integrate
    assert (
        "query_to_pulse"
        not in column(Condition(technology), np.full(2, 0.9), np.full(2, T_MAX), signed=False).netlist
    )


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"array": {"mirrored": True}, "converter": {"phases": 2}}, "choose one"),
        ({"readout": {"phases": 2}}, "needs signed=False"),
        ({"array": {"normaliser": 0.4}}, "designs.array.normaliser: Input should be greater than 0.5"),
        ({"levels": {"output": 31}}, "designs.levels.output"),
        (
            {"cell": {"c_stroe": 1e-15}},
            "designs.cell.c_stroe: there is no such size; use one of",
        ),
        ({"cel": {}}, "designs.cel: there is no such size; use one of cell, converter"),
    ],
)
def test_invalid_sizes_are_refused_with_their_path(technology, sizes, message):
    with pytest.raises(TechnologyError, match=message):
        Designs.of(technology, **sizes)


def test_oxide_write_device_implies_its_word_line_levels(technology):
    cell = Designs.of(technology, cell={"write_device": "oxide", "v_write_on": 2.0}).cell
    assert (cell.v_write_on, cell.v_write_off) == (2.0, OXIDE_CELL["v_write_off"])
