"""Liberty files: closed-form tables through the writer, read by Yosys and OpenSTA."""

import re
import shutil
import subprocess

import pytest
from cell_tables import DELAY, INTERNAL, LEAKAGE, linear_tables

from gaincell.characterization.liberty import liberty_text
from gaincell.characterization.liberty.area import cell_area
from gaincell.characterization.liberty.syntax import Group, condition_of, quoted, table
from gaincell.characterization.procedure import Context
from gaincell.circuits.errors import TableError
from gaincell.circuits.standard_cells import CELLS
from gaincell.circuits.technology import Technology

COUNTER = """
module counter(input clk, input rst, input en, output reg [3:0] q);
  always @(posedge clk) if (rst) q <= 0; else if (en) q <= q + 1;
endmodule
"""

MAP_AND_COMPARE = """
read_verilog counter.v
synth -top counter -flatten
dfflibmap -liberty cells.lib
abc -liberty cells.lib
clean
write_verilog -noattr mapped.v
design -reset
read_verilog counter.v
prep -top counter
design -stash gold
read_liberty cells.lib
read_verilog mapped.v
prep -top counter -flatten
design -stash gate
design -copy-from gold -as gold counter
design -copy-from gate -as gate counter
miter -equiv -flatten gold gate miter
sat -verify -seq 20 -prove-skip 1 -set-def-inputs -prove trigger 0 -set-at 1 in_rst 1 miter
"""
"""Maps the counter, and proves that it equals its source in the 19 clocks after a reset."""

PATH = """
module path(input clk, input i, output o, output p);
  wire n;
  dff_x1 f (.d(i), .clk(clk), .q(n));
  inv_x1 g (.a(n), .y(o));
  inv_x1 h (.a(i), .y(p));
endmodule
"""


def tool(name: str) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def run(*command: str, folder) -> str:
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout + found.stderr


@pytest.fixture(scope="module")
def ctx():
    return Context(Technology.load("generic28"))


@pytest.fixture(scope="module")
def tables(ctx):
    return linear_tables(ctx)


@pytest.fixture(scope="module")
def text(ctx, tables):
    return liberty_text(ctx.condition, tables, "linear tables")


@pytest.fixture
def library(text, tmp_path):
    (tmp_path / "cells.lib").write_text(text)
    return tmp_path


def test_groups_are_written_in_order():
    group = Group("cell", ("x",))
    group.set("area", 1.5).call("define", "a", "b").add("pin", "y").set("clock", True)
    assert (
        group.text() == "cell (x) {\n  area : 1.5;\n  define (a, b);\n  pin (y) {\n    clock : true;\n  }\n}"
    )


def test_tables_have_one_line_of_values_per_slew():
    group = Group("timing")
    table(group, "cell_rise", "delay", [[1.0, 2.0], [3.0]], [[10.0], [20.0]])
    text = group.text()
    assert 'index_1 ("1, 2");' in text
    assert 'values ("10", "20");' in text


def test_condition_of_a_state():
    assert condition_of("a=0 b=1") == "!a & b"


def test_functions_senses_and_leakage_are_in_the_file(ctx, text):
    xor = text[text.index("cell (xor2_x1)") : text.index("cell (mux2_x1)")]
    assert f"function : {quoted('a ^ b')};" in xor
    assert xor.count("timing_sense : positive_unate;") == xor.count("timing_sense : negative_unate;") == 2
    assert xor.count("leakage_power () {") == 4
    assert f"area : {cell_area(ctx.technology, 'xor2_x1') * 1e12:.5g};" in xor
    carry = text[text.index("cell (fa_x1)") : text.index("cell (latch_x1)")]
    # The sum switches at every edge and carries the energy of the cell.
    assert carry[carry.index("pin (co)") :].count("internal_power") == 0
    assert text.count("{") == text.count("}")


def test_every_state_of_a_gate_has_its_energy(text):
    nand = text[text.index("cell (nand2_x1)") : text.index("cell (nand3_x1)")]
    assert re.findall(r'related_pin : "(\w)";\n +when : "([^"]*)"', nand) == [("a", "b"), ("b", "a")]
    assert nand.count("rise_power (passive_energy)") == nand.count("fall_power (passive_energy)") == 2


def test_failed_points_are_refused(ctx, tables):
    broken = tables["standard_cell"].copy()
    broken.loc[3, ["status", "message"]] = "unmeasured", "inv_x1: it is at 0.4 V; raise the supply"
    with pytest.raises(TableError, match="1 of 4064 points of standard_cell failed: inv_x1: it is at 0.4 V"):
        liberty_text(ctx.condition, tables | {"standard_cell": broken}, "linear tables")


def test_yosys_maps_a_counter_that_counts(library):
    yosys = tool("yosys")
    (library / "counter.v").write_text(COUNTER)
    (library / "run.ys").write_text(MAP_AND_COMPARE)
    run(yosys, "-q", "run.ys", folder=library)
    used = set(re.findall(r"^  (\w+_x\d) ", (library / "mapped.v").read_text(), re.MULTILINE))
    assert "dff_x1" in used
    assert used <= set(CELLS)
    assert "$_" not in (library / "mapped.v").read_text()


def test_opensta_reports_the_delays_and_powers_of_the_tables(library, ctx):
    sta = tool("sta")
    (library / "path.v").write_text(PATH)
    slew, load, toggles, period = 40.0, 2.0, 0.2, 1000.0
    (library / "run.tcl").write_text(f"""
        read_liberty cells.lib
        read_verilog path.v
        link_design path
        create_clock -period {period} clk
        set_input_delay 0 -clock clk i
        set_output_delay 0 -clock clk {{o p}}
        set_input_transition {slew} {{i clk}}
        set_load {load} {{o p}}
        report_checks -from i -to p -digits 4
        report_checks -to f/d -digits 4
        set_power_activity -global -activity {toggles}
        report_power -instance [get_cells h]
    """)
    report = run(sta, "-exit", "run.tcl", folder=library)
    delay = (DELAY["fixed"] + DELAY["slew"] * slew * 1e-12 + DELAY["load"] * load * 1e-15) * 1e12
    assert f"{delay:.4f}" in report
    assert "-30.0000" in report  # library setup time
    line = next(line for line in report.splitlines() if line.endswith(" h"))
    internal, switching, leakage, _ = map(float, line.split()[:4])
    rate = toggles / (period * 1e-12)
    # The release of 2019 adds the energies of both edges, later ones take their mean.
    assert internal / (INTERNAL * rate) == pytest.approx(2, rel=0.01) or internal == pytest.approx(
        INTERNAL * rate, rel=0.01, abs=0
    )
    assert switching == pytest.approx(load * 1e-15 * ctx.condition.vdd**2 / 2 * rate, rel=0.01, abs=0)
    assert leakage == pytest.approx(LEAKAGE, rel=0.01, abs=0)
