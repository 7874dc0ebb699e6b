"""Netlists timed with the cells of another condition."""

import shutil
from types import SimpleNamespace

import pytest
from small_liberty import small_liberty

from gaincell.circuits.designs import Designs
from gaincell.circuits.digital import Periphery, blocks
from gaincell.circuits.digital.liberty import Library
from gaincell.circuits.digital.synthesis import synthesise
from gaincell.circuits.digital.timing import shortest_period
from gaincell.circuits.errors import ToolError
from gaincell.cosim.periphery.timing import BlockTiming, block_timings, closing_pulse

needs_tools = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("yosys", "sta")), reason="Yosys or OpenSTA is not installed"
)


def altered(folder, library, name, old, new):
    path = folder / f"{name}.lib"
    path.write_text(library.path.read_text().replace("(small)", f"({name})").replace(old, new))
    return Library.read(path)


@needs_tools
def test_slow_cells_stretch_the_clock_of_the_same_netlist(tmp_path):
    library = Library.read(small_liberty(tmp_path))
    block = blocks(Periphery(Designs(), window=128, depth=4))["ring_pointer"]
    netlist = synthesise(block, library)
    cost = SimpleNamespace(name=block.name, netlist=netlist, period=block.clock, uses=1.0)
    unused = SimpleNamespace(name="other", netlist=netlist, period=block.clock, uses=0.0)
    slow = altered(tmp_path, library, "slow", "12.0, 30.0", "24.0, 60.0")
    (found,) = block_timings([cost, unused], slow)
    nominal = shortest_period(netlist, block.clock)
    assert found.library == "slow" and found.closes
    # All delays are twice as long; the set-up time, 20 ps, stays. Slews do not enter the delays.
    assert found.shortest == pytest.approx(2 * nominal.period - 20e-12, abs=1e-12)
    lacking = altered(tmp_path, library, "lacking", "cell (dff_x1)", "cell (dff_x9)")
    with pytest.raises(ToolError, match="library lacking has no cell dff_x1"):
        list(block_timings([cost], lacking))


def test_the_block_with_the_least_share_of_its_clock_sets_t_max():
    timings = [
        BlockTiming("ss", "readout", period=2e-9, shortest=1.8e-9, hold=1e-12),
        BlockTiming("ss", "query_scaler", period=1e-9, shortest=1.2e-9, hold=float("inf")),
    ]
    assert [timing.closes for timing in timings] == [True, False]
    assert closing_pulse(timings, 15e-9) == pytest.approx(18e-9)
    assert not BlockTiming("ff", "readout", period=2e-9, shortest=1e-9, hold=-1e-12).closes
