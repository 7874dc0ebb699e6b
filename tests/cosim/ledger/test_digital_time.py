"""Time of scalers and sums: clocks of the Verilog, and what they add to latency and leakage."""

import shutil

import pytest

from gaincell.circuits.designs import Designs
from gaincell.circuits.digital import Periphery, Stimuli, blocks, simulate
from gaincell.cosim import account
from gaincell.cosim.ledger.digital_time import digital_time
from gaincell.models import Hardware


@pytest.fixture(scope="module")
def generic28():
    return Hardware.from_pretrained("generic28")


@pytest.mark.parametrize(("scalers", "clocks"), [(None, 65), (1, 65), (3, 23), (64, 2)])
def test_scaling_takes_a_clock_for_each_element_and_one_more(generic28, scalers, clocks):
    time = digital_time(generic28, 64, 3.5, scalers)
    assert time.scaling_s == pytest.approx(clocks * 1e-9)
    assert time.sums_s == pytest.approx(4e-9)
    assert time.total_s == pytest.approx((2 * clocks + 4) * 1e-9)
    assert time.added_s == (0 if scalers is None else time.total_s)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_verilog_of_a_scaler_gives_an_element_one_clock_after_it_was_taken():
    block = blocks(Periphery(Designs(), depth=64))["query_scaler"]
    taken = 3
    inputs = {"x": [0] * 8, "a": [64] * 8, "b": [0] * 8}
    inputs["x"][taken] = 100
    stimuli, edges = Stimuli.clocked(1e-9, inputs)
    levels = simulate(block, stimuli).values["y"][edges]
    # So 64 elements, one per clock, take 65 clocks.
    assert levels[2:] == [0, 0, levels[taken + 1], 0, 0, 0] and levels[taken + 1] > 0


def test_division_takes_a_clock_for_each_bit(generic28):
    normalised = generic28.model_copy(update={"normaliser": 1.0})
    periphery = Periphery(Designs(), window=256)
    bits = periphery.sum_bits + periphery.fraction
    found = digital_time(normalised, 64, periphery.tiles).division_s
    assert found == pytest.approx((bits + 1) * 1e-9)


def test_scalers_in_a_row_lengthen_the_token_period_and_with_it_leakage(generic28, traces_of):
    traces = traces_of(generic28, length=100, window=100)
    beside, row = account(traces, generic28), account(traces, generic28, scalers=1)
    longer = 1 + row.digital_time.total_s / row.latency_s
    assert beside.layer_s == beside.latency_s == row.latency_s
    assert row.layer_s == pytest.approx(longer * row.latency_s)
    for name, (energy, _) in row.stages().items():
        ratio = energy / beside.stages()[name][0]
        lasting = name.startswith("leakage") or name in ("regulator, own power", "signed ramp bias, off")
        if lasting or name == "ReLU ramp bias, off":
            assert ratio == pytest.approx(longer), name
        elif name == "regulator, pass device":
            assert 1 < ratio < longer
        else:
            assert ratio == pytest.approx(1), name
    assert row.retention.needed_s == pytest.approx(longer * beside.retention.needed_s)
    assert row.at_window(6400).digital_time.sums_s == pytest.approx(100e-9)


def test_no_scaler_is_refused(generic28):
    with pytest.raises(ValueError, match="at least 1"):
        digital_time(generic28, 64, 1, 0)
