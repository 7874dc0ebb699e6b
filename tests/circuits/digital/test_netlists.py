"""Synthesised netlists: their function gate by gate, their energy and timing against sums by hand."""

import shutil

import numpy as np
import pytest
from small_liberty import AREA, CLOCK_ENERGY, ENERGY, LEAKAGE, PIN, VDD, small_liberty

from gaincell.circuits.designs import Designs
from gaincell.circuits.digital import Block, Periphery, Stimuli, blocks, simulate
from gaincell.circuits.digital.activity import measure
from gaincell.circuits.digital.arithmetic import accumulated, counted, divided
from gaincell.circuits.digital.drive import (
    accumulations,
    conversions,
    divisions,
    gray,
    pulse_levels,
    query_pulses,
    ring_places,
    scalings,
    writes,
)
from gaincell.circuits.digital.gates import balanced, loads_of, slews_of, timed
from gaincell.circuits.digital.liberty import Library
from gaincell.circuits.digital.synthesis import Instance, Netlist, synthesise
from gaincell.circuits.digital.timing import analyse, shortest_period
from gaincell.circuits.errors import ToolError

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("iverilog", "yosys")),
    reason="Icarus Verilog or Yosys is not installed",
)
needs_sta = pytest.mark.skipif(shutil.which("sta") is None, reason="OpenSTA is not installed")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return Library.read(small_liberty(tmp_path_factory.mktemp("liberty")))


def pulse_widths(rng, periphery):
    """Widths that end at least a tenth of a clock from the edges, within which gates decide differently."""
    steps = rng.integers(-periphery.counts, periphery.counts, (6, periphery.outputs)) + 0.5
    return (
        (steps + rng.uniform(0.1, 0.9, steps.shape))
        / periphery.counts
        * (np.abs(steps) < periphery.counts - 1)
    )


def drives(periphery):
    """A drive of every block but the sequencer."""
    made, rng = blocks(periphery), np.random.default_rng(6)
    levels = rng.integers(0, periphery.steps + 1, (6, periphery.depth))
    widths = pulse_widths(rng, periphery)
    counts = rng.integers(0, periphery.counts + 1, (6, periphery.tiles))
    sums = rng.integers(-20, 20, (2, 6))
    found = [query_pulses(made[name], periphery, levels) for name in made if name.startswith("pulse")]
    found += [conversions(made[name], periphery, widths) for name in made if name.startswith("readout")]
    found.append(accumulations(made["tile_accumulator"], periphery, counts, counts % 2 == 1, counts > 2))
    found.append(divisions(made["divider"], periphery, *sums))
    found.append(ring_places(made["ring_pointer"], periphery, 12))
    found.append(writes(made["write_level_select"], periphery, {"level": np.arange(8)}, "enable"))
    for name in made:
        if name.endswith("scaler"):
            ports = made[name].inputs
            rows = (rng.integers(-(2 ** (ports[x] - 1)), 2 ** (ports[x] - 1), 8) for x in ("x", "a", "b"))
            found.append(scalings(made[name], periphery, *rows))
    return {drive.block.name: drive for drive in found}


SMALL = Periphery(
    Designs().model_copy(update={"array": Designs().array.model_copy(update={"normaliser": 0.9})}),
    window=150,
    depth=5,
    word=5,
    fraction=4,
)


@pytest.mark.parametrize("name", sorted(drives(SMALL)))
def test_netlist_with_delays_does_what_the_verilog_does(name, library):
    drive = drives(SMALL)[name]
    netlist = synthesise(drive.block, library)
    loads = balanced(netlist, loads_of(netlist))
    text = timed(netlist, loads, slews_of(netlist, loads))
    plain = simulate(drive.block, drive.stimuli)
    gates = simulate(drive.block, drive.stimuli, netlist=[text])
    for output in drive.block.outputs:
        assert drive.results(gates, output) == drive.results(plain, output)
    assert netlist.area == AREA * len(netlist.instances)


def test_generic_gates_need_no_library():
    block = blocks(SMALL)["ring_pointer"]
    netlist = synthesise(block)
    assert netlist.kinds["$_DLATCH_N_"] == 1 and np.isnan(netlist.area)
    with pytest.raises(ToolError, match="generic gates; give a library with --liberty"):
        analyse(netlist, 1e-9)


def chain(library, length):
    """A chain of inverters from `a` to `y`."""
    block = Block("chain", "chain", (), {}, {"a": 1}, {"y": 1}, 1.0, None)
    instances = tuple(Instance(f"u{i}", "inv_x1", {"a": f"n{i}", "y": f"n{i + 1}"}) for i in range(length))
    return Netlist(block, instances, {"a": ("n0",), "y": (f"n{length}",)}, library)


@pytest.mark.parametrize("wire", [0.0, 3e-15])
def test_energy_of_inverters_is_the_sum_by_hand(library, wire):
    length, edges, step = 4, 10, 1_000_000
    stimuli = Stimuli(
        step * np.arange(edges + 1), {"a": [i % 2 for i in range(edges + 1)]}, step * (edges + 2)
    )
    activity, _ = measure(chain(library, length), stimuli, start=step // 2, wire=wire)
    assert activity.internal == pytest.approx(edges * length * ENERGY["inv_x1"] * 1e-15)
    load = PIN * 1e-15 + wire
    assert activity.nets == pytest.approx(edges * length * load * VDD**2 / 2)
    assert activity.inputs == activity.clock == 0
    seconds = (step * (edges + 2) - step // 2) * 1e-15
    assert activity.leakage == pytest.approx(length * LEAKAGE * 1e-9 * seconds)
    assert activity.toggles == edges * (length + 1)


def register(library, length):
    """A flip-flop, a chain of inverters, and a second flip-flop."""
    block = Block("path", "path", (), {}, {"clk": 1, "d": 1}, {"q": 1}, 1.0, 1e-9)
    cells = [Instance("first", "dff_x1", {"clk": "n0", "d": "n1", "q": "n2"})]
    cells += [Instance(f"u{i}", "inv_x1", {"a": f"n{i + 2}", "y": f"n{i + 3}"}) for i in range(length)]
    cells.append(Instance("last", "dff_x1", {"clk": "n0", "d": f"n{length + 2}", "q": "n99"}))
    return Netlist(block, tuple(cells), {"clk": ("n0",), "d": ("n1",), "q": ("n99",)}, library)


def test_energy_of_an_idle_flip_flop_is_that_of_its_clock(library):
    clocks = 20
    stimuli, _ = Stimuli.clocked(1e-9, {"d": [0] * clocks})
    start = 3_000_000
    activity, _ = measure(register(library, 2), stimuli, start=start)
    edges = 2 * clocks - 6
    assert activity.internal == 0
    assert activity.inputs == pytest.approx(2 * edges * CLOCK_ENERGY * 1e-15)
    assert activity.nets == activity.clock == pytest.approx(edges * 2 * PIN * 1e-15 * VDD**2 / 2)


@needs_sta
@pytest.mark.parametrize("length", [1, 5])
def test_shortest_period_is_the_sum_of_the_delays(library, length):
    delay = 10 + 2 * PIN
    timing = shortest_period(register(library, length), 1e-9)
    assert timing.period == pytest.approx((delay * (1 + length) + 20) * 1e-12, abs=2e-13)
    assert timing.hold == pytest.approx((delay * (1 + length) - 1) * 1e-12, abs=2e-13)


@needs_sta
def test_leakage_agrees_with_opensta(library):
    netlist = register(library, 3)
    stimuli, _ = Stimuli.clocked(1e-9, {"d": [0] * 8})
    activity, _ = measure(netlist, stimuli, start=3_000_000)
    quiet = analyse(netlist, 1e-9, toggles={})
    assert quiet.leakage == pytest.approx(activity.leakage / activity.seconds, rel=1e-5)


def test_a_missing_tool_is_one_sentence(library, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        ToolError, match="yosys was not found on PATH; install it with: apt-get install yosys"
    ):
        synthesise(blocks(SMALL)["ring_pointer"], library)
    with pytest.raises(ToolError, match="iverilog was not found on PATH"):
        simulate(blocks(SMALL)["ring_pointer"], ring_places(blocks(SMALL)["ring_pointer"], SMALL, 2).stimuli)


def test_models_of_the_netlists_are_the_python_models(library):
    """Netlists against arithmetic, not against the Verilog they came from."""
    made = drives(SMALL)

    def run(name):
        drive = made[name]
        netlist = synthesise(drive.block, library)
        loads = balanced(netlist, loads_of(netlist))
        return drive, simulate(
            drive.block, drive.stimuli, netlist=[timed(netlist, loads, slews_of(netlist, loads))]
        )

    rng = np.random.default_rng(6)
    levels = rng.integers(0, SMALL.steps + 1, (6, SMALL.depth))
    widths = pulse_widths(rng, SMALL)
    counts = rng.integers(0, SMALL.counts + 1, (6, SMALL.tiles))
    sums = rng.integers(-20, 20, (2, 6))
    assert (pulse_levels(*run("pulse_generators_gray"), SMALL) == levels).all()
    drive, responses = run("readout_gray")
    words = drive.results(responses, "magnitude")
    found = [[word >> (4 * i) & 15 for i in range(SMALL.outputs)] for word in words]
    assert (
        found == gray(np.array([[counted(width, SMALL.counts) for width in row] for row in widths]))
    ).all()
    drive, responses = run("tile_accumulator")
    assert drive.results(responses, "sum") == [accumulated(row, row % 2 == 1, row > 2) for row in counts]
    drive, responses = run("divider")
    assert drive.results(responses, "quotient") == [divided(int(n), int(d), 4) for n, d in sums.T]
