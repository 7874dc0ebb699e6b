"""The sequencer's edges against the schedule and against the clocks of the testbenches."""

import re

import pytest

from gaincell.circuits.designs import TWO_PHASES, Designs
from gaincell.circuits.digital import Sequence
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, Schedule
from gaincell.circuits.testbench.schedule import EDGE


def with_skews(skew, **converter):
    """Default designs with the same skew of both windows."""
    default = Designs()
    update = {"t_skew": skew, **converter}
    return default.model_copy(
        update={
            "converter": default.converter.model_copy(update=update),
            "readout": default.readout.model_copy(update={"t_skew": skew}),
        }
    )


@pytest.mark.parametrize("extra", [{}, {"phases": 2}], ids=["one phase", "two phases"])
def test_schedule_on_the_grid_is_kept_exactly(extra):
    designs = with_skews(0.5e-9, **extra)
    sequence = Sequence.of(designs)
    for name, (rise, fall) in sequence.deviations(designs).items():
        closing = name.startswith(("awake", "ramp"))
        assert rise == pytest.approx(0, abs=1e-15)
        assert fall == pytest.approx(sequence.half - 4 * EDGE if closing else 0, abs=1e-15)
    assert sequence.end * sequence.half == pytest.approx(Schedule.of(designs).end)


@pytest.mark.parametrize("skew", [0.0, 0.3e-9, 0.68e-9, 1.2e-9])
def test_windows_and_pulses_keep_their_length(skew):
    designs = with_skews(skew)
    sequence = Sequence.of(designs)
    length = {name: (fall - rise) * sequence.half for name, (rise, fall) in sequence.lines.items()}
    for name in ("win", "win2"):
        assert length[name] == pytest.approx(designs.clocking.t_pulse_max)
    assert length["query"] == pytest.approx(designs.clocking.t_pulse_max + 2 * sequence.half)
    for number, (name, (rise, fall)) in enumerate(sequence.deviations(designs).items()):
        assert max(abs(rise), abs(fall)) <= 2 * sequence.half, (number, name)


def test_a_phase_begins_after_the_one_before_it():
    for designs in (Designs(), with_skews(0.5e-9, **TWO_PHASES)):
        lines = Sequence.of(designs).lines
        assert lines["rst"][1] < lines["query"][0] + 2 < lines["query"][1] < lines["ramp"][0]
        assert lines["rst2"][1] == lines["ramp"][0] <= lines["win"][0] < lines["win"][1]
        assert lines["win"][1] <= lines["smp2"][1] < lines["ramp2"][0] <= lines["win2"][0]
        if "reverse" in lines:
            assert lines["query"][1] < lines["forward"][1] < lines["reverse"][0] < lines["query2"][0] + 2


def test_edges_are_those_of_the_testbenches():
    """The clocks of `bank_clocks` in PySpice are an independent statement of the schedule."""
    pytest.importorskip("PySpice")
    from PySpice.Spice.Netlist import Circuit

    from gaincell.circuits.testbench.converters import bank_clocks

    designs = with_skews(0.5e-9)
    condition = Condition(Technology.load("generic28"), designs, "tt", 27.0)
    sequence = Sequence.of(designs)
    for second in (False, True):
        circuit = Circuit("clocks")
        converter = designs.readout if second else designs.converter
        bank_clocks(circuit, condition, converter, Schedule.of(designs), "2" if second else "", second)
        sources = dict(re.findall(r"^V(\w+) .*PWL\((.*)\)$", str(circuit), re.MULTILINE))
        for name in ("rst2", "ramp2", "win2", "smp2") if second else ("rst", "ramp", "win"):
            points = [float(x) for x in re.findall(r"([\d.e+-]+)s ", sources[name])[1:]]
            edges = [(a + b) / 2 for a, b in zip(points[::2], points[1::2], strict=True)]
            made = [sequence.half * tick for tick in sequence.lines[name] if tick > 0]
            closing = sequence.half - 4 * EDGE if name.startswith("ramp") else 0.0
            edges[-1] += closing
            assert made == pytest.approx(edges, abs=1e-14), name
