"""The longest path in transistors against OpenSTA's delay, and over corners."""

import shutil
from pathlib import Path

import pytest

import gaincell.characterization.liberty as liberty
from gaincell.circuits.designs import Designs
from gaincell.circuits.digital import Block, Periphery, blocks
from gaincell.circuits.digital.liberty import Library
from gaincell.circuits.digital.longest_path import longest_path, path_delay, path_netlist, path_periods
from gaincell.circuits.digital.synthesis import Instance, Netlist, synthesise
from gaincell.circuits.digital.timing import shortest_period
from gaincell.circuits.errors import ToolError
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("sta", "ngspice")),
    reason="OpenSTA or ngspice is not installed",
)
SHIPPED = Path(liberty.__file__).parent / "shipped" / "generic28_tt_27c_0v9.lib"


@pytest.fixture(scope="module")
def library():
    return Library.read(SHIPPED)


@pytest.fixture(scope="module")
def nominal():
    return Condition(Technology.load("generic28"))


def register(library, middle):
    """A flip-flop, cells of (kind, pin on the path, nets of the other pins), and a second flip-flop."""
    block = Block("path", "path", (), {}, {"clk": 1, "d": 1, "on": 1}, {"q": 1}, 1.0, 1e-9)
    cells = [Instance("first", "dff_x1", {"clk": "n0", "d": "n1", "q": "n3"})]
    for i, (kind, pin, others) in enumerate(middle):
        cells.append(Instance(f"u{i}", kind, {pin: f"n{i + 3}", "y": f"n{i + 4}"} | others))
    cells.append(Instance("last", "dff_x1", {"clk": "n0", "d": f"n{len(middle) + 3}", "q": "n99"}))
    ports = {"clk": ("n0",), "d": ("n1",), "on": ("n2",), "q": ("n99",)}
    return Netlist(block, tuple(cells), ports, library)


MIDDLE = [("nand2_x1", "a", {"b": "n2"}), ("xor2_x1", "b", {"a": "n2"}), *[("inv_x1", "a", {})] * 3]


def test_delay_in_transistors_is_that_of_the_tables(library, nominal):
    path = longest_path(register(library, MIDDLE), 1e-9)
    assert [stage.instance.kind for stage in path.stages] == ["dff_x1", *(kind for kind, *_ in MIDDLE)]
    assert path.capture.name == "last" and path.share == pytest.approx(1.0)
    assert path_delay(path, nominal) == pytest.approx(path.arrival, rel=0.1)
    period = shortest_period(path.netlist, 1e-9).period
    assert period == pytest.approx(path.arrival + path.setup, abs=1e-12)


def test_other_cells_on_the_path_load_it(library):
    netlist = register(library, MIDDLE)
    extra = Instance("load", "inv_x8", {"a": "n4", "y": "n98"})
    loaded = Netlist(netlist.block, (*netlist.instances, extra), netlist.ports, library)
    _, _, loads = path_netlist(longest_path(loaded, 1e-9))
    assert loads["n4"] == pytest.approx(library.kind("inv_x8").pins["a"].capacitance)
    _, _, loads = path_netlist(longest_path(netlist, 1e-9))
    assert all(farads < 1e-19 for farads in loads.values())


def test_slow_corners_and_low_supplies_need_a_longer_period(library, nominal):
    path = longest_path(register(library, MIDDLE), 1e-9)
    technology = nominal.technology
    others = [
        Condition(technology, corner="ff"),
        nominal,
        Condition(technology, corner="ss"),
        Condition(technology, corner="ss", supply=0.873),
    ]
    found = path_periods(path, nominal, others)
    assert found == sorted(found) and found[-1] > 1.15 * found[0]
    assert found[1] == pytest.approx(path_delay(path, nominal) + path.setup)


def test_a_path_through_a_clock_gate_is_refused(library):
    netlist = register(library, [("inv_x1", "a", {})])
    cells = [one for one in netlist.instances if one.name != "u0"]
    gate = Instance("u0", "clkgate_x1", {"clk": "n3", "en": "n2", "y": "n4"})
    with pytest.raises(ToolError, match="passes clkgate_x1, which holds a state"):
        longest_path(Netlist(netlist.block, (*cells, gate), netlist.ports, library), 1e-9)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("yosys") is None, reason="Yosys is not installed")
def test_the_slowest_block_closes_at_the_slowest_condition(library, nominal):
    """1 GHz at ss, 125 C and the lowest regulated supply."""
    block = blocks(Periphery(Designs(), window=256, depth=64, word=8))["query_scaler"]
    path = longest_path(synthesise(block, library), block.clock)
    slowest = Condition(nominal.technology, corner="ss", temperature=125.0, supply=0.873)
    (period,) = path_periods(path, nominal, [slowest])
    assert 0.8e-9 < period <= block.clock
