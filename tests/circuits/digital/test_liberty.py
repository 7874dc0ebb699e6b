"""The reader of Liberty files and its logic functions."""

import itertools

import pytest
from small_liberty import small_liberty

from gaincell.circuits.digital.liberty import Library
from gaincell.circuits.digital.logic import holds, parsed, pins, verilog
from gaincell.circuits.errors import ToolError


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("!(a & b) | c", "not (a and b) or c"),
        ("a b' + c", "(a and not b) or c"),
        ("a ^ b & c", "(a != b) and c"),
        ("!a*!b+c^a", "(not a and not b) or (c != a)"),
        ("(a | b)' & (c)", "not (a or b) and c"),
        ("a & 1 | 0", "a"),
    ],
)
def test_functions_have_the_truth_table_of_the_same_python(text, python):
    tree = parsed(text)
    for a, b, c in itertools.product((False, True), repeat=3):
        levels = {"a": a, "b": b, "c": c}
        assert holds(tree, levels) == bool(eval(python, {}, levels))
    assert set(pins(tree)) <= {"a", "b", "c"}
    assert holds(
        parsed(verilog(tree).replace("~", "!").replace("1'b", "")), dict.fromkeys("abc", 1)
    ) == holds(tree, dict.fromkeys("abc", 1))


@pytest.mark.parametrize("text", ["a &", "(a", "a $ b", "a)"])
def test_nonsense_is_refused(text):
    with pytest.raises(ToolError, match="is no logic function"):
        parsed(text)


def test_units_and_tables_are_si(tmp_path):
    library = Library.read(small_liberty(tmp_path))
    inverter, flop = library.kind("inv_x1"), library.kind("dff_x1")
    assert library.vdd == 1.0
    assert inverter.pins["a"].capacitance == pytest.approx(1e-15)
    (arc,) = inverter.pins["y"].timing
    assert arc.tables["cell_rise"](1e-12, 5.5e-15) == pytest.approx(21e-12)
    assert arc.tables["cell_rise"](1e-12, 20e-15) == pytest.approx(50e-12)
    (arc,) = inverter.pins["y"].power
    assert arc.tables["fall_power"](5e-12, 2e-15) == pytest.approx(1e-15)
    assert flop.leakage == (("", pytest.approx(7e-9)),)
    assert flop.state is not None and flop.state.value("next_state") == "d"
    assert library.kind("clkgate_x1").clock_gate and library.kind("clkgate_x1").pins["clk"].clock
    with pytest.raises(ToolError, match="has no cell xor9"):
        library.kind("xor9")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("library (x) {", "is no Liberty file"),
        ("hello", "is no Liberty file"),
        ("library (x) { }", "has no cells"),
        ('library (x) { time_unit : "1 week"; cell (a) { } }', "a value that cannot be read"),
        ("library (x) { cell (a) { } }", "states no nom_voltage"),
    ],
)
def test_a_damaged_library_is_refused_with_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "bad.lib"
    path.write_text(text)
    with pytest.raises(ToolError, match=sentence):
        Library.read(path)
    with pytest.raises(ToolError, match="cannot read Liberty file"):
        Library.read(tmp_path / "missing.lib")
