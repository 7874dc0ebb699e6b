"""Power from rates and probabilities against OpenSTA's, and against the single edges of a simulation."""

import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import gaincell.characterization.liberty as liberty
from gaincell.circuits.digital import Block, Stimuli
from gaincell.circuits.digital.activity import measure
from gaincell.circuits.digital.average_power import average_power, probability, second_opinion
from gaincell.circuits.digital.liberty import Library
from gaincell.circuits.digital.logic import holds, parsed, pins
from gaincell.circuits.digital.synthesis import Instance, Netlist
from gaincell.circuits.digital.timing import analyse

SHIPPED = Path(liberty.__file__).parent / "shipped" / "generic28_tt_27c_0v9.lib"
KINDS = ("inv_x1", "buf_x2", "nand2_x1", "nand3_x1", "nor2_x1", "aoi21_x1", "oai21_x1", "xor2_x1", "mux2_x1")


@pytest.fixture(scope="module")
def library():
    return Library.read(SHIPPED)


def gates(library):
    """One gate of each kind on inputs of its own, with an inverter as load."""
    cells, ports, number = [], {}, 0
    for kind in KINDS:
        nets = {}
        for pin in library.kind(kind).pins.values():
            nets[pin.name] = f"n{number}"
            if not pin.output:
                ports[f"{kind}_{pin.name}"] = (f"n{number}",)
            number += 1
        cells.append(Instance(f"u{len(cells)}", kind, nets))
        cells.append(Instance(f"u{len(cells)}", "inv_x1", {"a": nets["y"], "y": f"n{number}"}))
        ports[f"{kind}_out"] = (f"n{number}",)
        number += 1
    inputs = {name: 1 for name in ports if not name.endswith("_out")}
    outputs = {name: 1 for name in ports if name.endswith("_out")}
    return Netlist(Block("gates", "gates", (), {}, inputs, outputs, 1.0, None), tuple(cells), ports, library)


@pytest.mark.parametrize("text", ["!(a & b)", "a ^ b", "(a * !b) + c"])
def test_probability_is_the_sum_over_all_levels(text):
    tree = parsed(text)
    names, high = sorted(set(pins(tree))), {"a": 0.3, "b": 0.8, "c": 0.1}
    total = 0.0
    for levels in product((0, 1), repeat=len(names)):
        weight = np.prod(
            [high[name] if level else 1 - high[name] for name, level in zip(names, levels, strict=True)]
        )
        total += weight * holds(tree, dict(zip(names, levels, strict=True)))
    assert probability(tree, high) == pytest.approx(total)


@pytest.mark.skipif(shutil.which("sta") is None, reason="OpenSTA is not installed")
def test_opensta_adds_the_energies_of_both_edges_and_of_all_inputs(library):
    """The rule that makes its 2019 release differ from the edges, cell by cell."""
    netlist, period, rng = gates(library), 1e-9, np.random.default_rng(3)
    nets = [net for name, (net,) in netlist.ports.items() if name in netlist.block.inputs]
    toggles = {net: float(rng.uniform(0.1, 0.9)) for net in nets}
    high = {net: float(rng.uniform(0.1, 0.9)) for net in nets}
    found = analyse(netlist, period, toggles=toggles, high=high).power
    rates = {net: rate / period for net, rate in toggles.items()}
    for gate, load in zip(netlist.instances[::2], netlist.instances[1::2], strict=True):
        # The switching power of the gate tells the rate that OpenSTA derives for its output.
        charge = library.kind("inv_x1").pins["a"].capacitance * library.vdd**2 / 2
        rates[gate.nets["y"]] = rates[load.nets["y"]] = found[gate.name][1] / charge
    wanted = average_power(netlist, rates, high, summed=True).internal
    for gate in netlist.instances[::2]:
        assert found[gate.name][0] == pytest.approx(wanted[gate.name], rel=0.02), gate.kind


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_rates_of_single_edges_give_the_energy_of_the_edges(library):
    """One input changes at a time and all states are as often, so probabilities lose nothing."""
    netlist = gates(library)
    names = list(netlist.block.inputs)
    rows, levels = [], dict.fromkeys(names, 0)
    gray = [i ^ (i >> 1) for i in range(8)]
    for code in [*gray, gray[0]]:
        for kind in KINDS:
            for place, name in enumerate(n for n in names if n.startswith(kind)):
                levels[name] = code >> place & 1
        rows.append(dict(levels))
    step = 1_000_000
    stimuli = Stimuli(
        np.arange(len(rows)) * step, {name: [row[name] for row in rows] for name in names}, len(rows) * step
    )
    activity, _ = measure(netlist, stimuli, start=step // 2)
    assert second_opinion(netlist, activity) == pytest.approx(1.0, abs=0.1)


def test_a_net_that_no_rate_names_takes_nothing(library):
    assert average_power(gates(library), {}, {}).watts == 0.0
