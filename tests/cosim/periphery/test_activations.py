"""The periphery with the activations of the demo network: its results are those of the behavioural layer."""

import shutil

import numpy as np
import pytest
import torch
from small_liberty import small_liberty

from gaincell.circuits.designs import Designs
from gaincell.circuits.digital import Periphery, simulate
from gaincell.circuits.digital.arithmetic import accumulated, counted, divided
from gaincell.circuits.digital.liberty import Library
from gaincell.circuits.errors import HardwareError
from gaincell.cosim.attention.quantisers import count, nearest_level
from gaincell.cosim.attention.ring import positions_of
from gaincell.cosim.attention.signed_query import normalised
from gaincell.cosim.network.checkpoints import locate
from gaincell.cosim.periphery.activations import Scaling, trace_activations
from gaincell.cosim.periphery.cases import cases
from gaincell.cosim.periphery.cost import block_costs
from gaincell.cosim.periphery.designs import designs_of
from gaincell.cosim.periphery.words import output_words, words_of
from gaincell.models import Hardware

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
needs_tools = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("iverilog", "yosys", "sta")),
    reason="Icarus Verilog, Yosys or OpenSTA is not installed",
)
TOKENS = 72


@pytest.fixture(scope="module")
def hardware():
    return Hardware.from_pretrained("generic28")


@pytest.fixture(scope="module")
def activations(hardware):
    return trace_activations(locate("demo"), hardware, tokens=TOKENS, run=2)


@pytest.fixture(scope="module")
def periphery(hardware, activations):
    return Periphery(designs_of(hardware), window=activations.window, depth=64)


def test_counts_are_those_of_the_behavioural_layer(activations, periphery):
    pairs = zip(activations.widths.ravel(), activations.counts.ravel(), strict=True)
    assert all(counted(width, periphery.counts) == abs(number) for width, number in pairs)
    assert np.abs(activations.counts).max() > 3
    assert activations.active.all() and activations.active.shape == (32, 2)


def test_words_of_sixteen_bits_give_the_levels_of_the_network(activations, periphery):
    levels = words_of(activations.scalings["query"], 16).levels(0, periphery.steps)
    assert (levels == activations.query_levels).mean() > 0.999
    assert np.abs(levels - activations.query_levels).max() <= 1


@pytest.mark.parametrize("signal", ["query", "key", "value"])
def test_longer_words_give_more_levels_of_the_exact_scaler(activations, signal):
    scaling = activations.scalings[signal]
    highest = 15 if signal == "query" else 7
    exact = np.clip(np.rint(scaling.scale[:, None] * scaling.x + scaling.shift[:, None]), 0, highest)
    same = [(words_of(scaling, word).levels(0, highest) == exact).mean() for word in (6, 8, 10, 12)]
    assert same == sorted(same) and same[0] > 0.8 and same[-1] > 0.99


def test_words_of_the_output_are_within_a_step(activations, periphery):
    scaling = activations.scalings["output"]
    words = output_words(scaling, 12, periphery.sum_bits, 10)
    found = words.levels(-512, 511)
    exact = scaling.scale[:, None] * scaling.x + scaling.shift[:, None]
    for levels, row in zip(found, exact, strict=True):
        step = (levels @ row) / (levels @ levels)
        assert np.abs(levels - row / step).max() <= 1.0


def test_a_scaler_without_signal_has_words():
    scaling = Scaling(np.zeros((1, 3)), np.zeros(1), np.ones(1))
    assert (words_of(scaling, 8).levels(0, 7) == 1).all()


@needs_icarus
def test_verilog_computes_the_networks_operations_bit_by_bit(activations, periphery):
    compared = 0
    for case in cases(activations, periphery, 6):
        right = np.asarray(case.expected(simulate(case.drive.block, case.drive.stimuli)), dtype=bool)
        assert right.all(), case.drive.block.name
        compared += right.size
    assert compared > 2000


@needs_icarus
def test_mirrored_queries_and_the_normaliser_are_computed_bit_by_bit():
    hardware = Hardware.from_pretrained("generic28-sc")
    found = trace_activations(locate("demo"), hardware, tokens=TOKENS, run=1)
    assert found.query_levels.min() < 0 < found.query_levels.max()
    assert found.counts.shape[2] == 65
    periphery = Periphery(designs_of(hardware), window=TOKENS, depth=64)
    names = set()
    for case in cases(found, periphery, 3):
        assert np.all(case.expected(simulate(case.drive.block, case.drive.stimuli))), case.drive.block.name
        names.add(case.drive.block.name)
    assert {"divider", "pulse_generators_gray", "readout_gray"} <= names


@pytest.mark.slow
@needs_tools
def test_gates_give_the_results_of_the_verilog(activations, periphery, tmp_path):
    library = Library.read(small_liberty(tmp_path))
    found = list(block_costs(activations, periphery, library, operations=3))
    assert len(found) == 13
    for cost in found:
        assert cost.differing == cost.differing_gates == 0, cost.name
        assert cost.closes in (True, None), cost.name
        assert cost.joules > 0 and cost.leakage > 0
        assert (cost.per_token > 0) == (cost.instances > 0)


# The Python models of the blocks against the behavioural layer itself.


def test_counter_is_the_quantiser_of_the_layer():
    widths = np.random.default_rng(0).uniform(-1, 1, 2000)
    layer = count(torch.tensor(widths, dtype=torch.float64), 32) * 15
    assert [counted(width, 15) * np.sign(width) for width in widths] == layer.tolist()


def test_divider_is_the_normaliser_of_the_layer(hardware):
    normal = Hardware.from_pretrained("generic28-sc")
    rng = np.random.default_rng(1)
    sums = rng.integers(-200, 200, (50, 5))
    layer = normalised(torch.tensor(sums / 15, dtype=torch.float64), normal).numpy()
    for row, out in zip(sums, layer, strict=True):
        found = [divided(int(x), int(row[-1]), 12) / 2**12 for x in row[:-1]]
        assert np.abs(np.array(found) - out).max() <= 2.0**-12 + 1e-12


def test_levels_are_those_of_the_layers_quantiser():
    widths = np.random.default_rng(2).uniform(0, 1, 500)
    scaling = Scaling(widths[None], np.array([15.0]), np.array([0.0]))
    layer = nearest_level(torch.tensor(widths, dtype=torch.float64), 0.0, 1.0, 16)
    # Words of 20 bits resolve 15 levels to 3e-5, so no random width is on the wrong side.
    assert (words_of(scaling, 20).levels(0, 15)[0] == layer.numpy()).mean() > 0.999


def test_places_are_those_of_the_ring():
    from gaincell.circuits.digital.arithmetic import ring_place

    place = positions_of(
        1, 50, window=40, columns=16, key_start=0, stored=None, device=torch.device("cpu")
    ).column
    assert [
        16 * tile + column for tile, column in (ring_place(i, 40, 16) for i in range(50))
    ] == place.tolist()


def test_accumulation_is_the_sum_over_active_sub_tiles():
    assert accumulated([3, 15, 2], [False, True, True], [True, True, False]) == -12


def test_hardware_without_circuits_has_no_periphery():
    with pytest.raises(HardwareError, match="was not fitted to circuits"):
        designs_of(Hardware.from_pretrained("leroux2025"))


def test_designs_must_be_those_of_the_hardware(hardware):
    other = hardware.model_copy(update={"columns": 32})
    with pytest.raises(HardwareError, match="columns of hardware 'generic28' is 32, that of its designs 64"):
        designs_of(other)
    assert designs_of(hardware).levels == Designs().levels
    with pytest.raises(HardwareError, match="not positive"):
        designs_of(hardware, -1e-9)
    slow = designs_of(hardware, 70e-9)
    assert slow.clocking.t_pulse_max == 70e-9
    assert slow.clocking.t_reset == designs_of(hardware).clocking.t_reset


def test_keys_and_values_with_other_levels_have_no_periphery(hardware):
    condition = hardware.provenance["condition"]
    levels = hardware.levels.model_copy(update={"value": 16})
    designs = condition["designs"] | {"levels": levels.model_dump()}
    provenance = hardware.provenance | {"condition": condition | {"designs": designs}}
    other = hardware.model_copy(update={"levels": levels, "provenance": provenance})
    with pytest.raises(HardwareError, match="8 levels of keys and 16 of values"):
        designs_of(other)
