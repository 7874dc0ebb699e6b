"""Steps of the signal path: each effect against its formula, and switched off."""

import pytest
import torch

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import Effects, gain_cell_attention, trace_attention
from gaincell.cosim.attention.operation import Extrapolated

SWITCHES = {
    "edge": {"edge": None},
    "column": {"column_1": None, "column_2": None},
    "converter": {"phi": None, "readout": None},
    "write": {"write": None},
    "decay": {"aging": {}},
    "mismatch": {"mismatch": None},
    "noise": {"noise": None},
}


def signals(batch=1, heads=2, kv_heads=None, length=30, depth=6, dtype=torch.float64):
    q = torch.rand(batch, heads, length, depth, dtype=dtype)
    k, v = 0.9 * torch.rand(2, batch, kv_heads or heads, length, depth, dtype=dtype)
    return q, k, v


@pytest.mark.parametrize("name", SWITCHES)
def test_switching_an_effect_off_equals_hardware_without_it(full, name):
    q, k, v = signals()
    everything, chip = Effects(noise=True), full.chip(0)
    off = everything.without(name)

    def run(hardware, effects):
        torch.manual_seed(3)
        given = None if hardware.mismatch is None else chip
        return gain_cell_attention(q, k, v, hardware, effects=effects, chip=given)

    torch.testing.assert_close(run(full, off), run(full.model_copy(update=SWITCHES[name]), everything))
    assert not torch.allclose(run(full, off), run(full, everything), atol=1e-6)


def test_quantisation_puts_every_signal_on_its_levels(full):
    q, k, v = signals()
    exact = full.model_copy(update={"write": None})
    out, trace = trace_attention(q, k, v, exact)
    for values, levels, low, high in (
        (trace.widths, 16, 0.0, 1.0),
        (trace.key_volts, 8, 0.0, 0.9),
        (trace.value_volts, 8, 0.0, 0.9),
        (torch.stack([tile.output for tile in trace.sub_tiles]), 31, -1.0, 1.0),
    ):
        steps = (values - low) / (high - low) * (levels - 1)
        torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-9)
        assert values.min() >= low
        assert values.max() <= high
    assert not torch.allclose(out, gain_cell_attention(q, k, v, exact, effects=Effects().without("quantise")))


def test_quantisers_include_both_ends_of_their_range(leroux):
    q = torch.tensor([0.0, 1.0, 2.0, -1.0]).reshape(1, 1, 1, 4)
    k = torch.tensor([0.0, 0.9, 1.0, -1.0]).reshape(1, 1, 1, 4)
    _, trace = trace_attention(q, k, k, leroux)
    assert trace.widths.flatten().tolist() == [0.0, 1.0, 1.0, 0.0]
    torch.testing.assert_close(trace.key_volts.flatten(), torch.tensor([0.0, 0.9, 0.9, 0.0]))


def test_edge_charge_is_added_only_where_there_is_a_pulse(full):
    hardware = full.model_copy(update={"column_1": None, "column_2": None, "aging": {}})
    q = torch.tensor([0.0, 0.2, 1.0]).reshape(1, 1, 3, 1)
    k = torch.full((1, 1, 3, 1), 0.9)
    effects = Effects().without("write")
    _, trace = trace_attention(q, k, k, hardware, effects=effects)
    full_pulse = hardware.transfer(0.9).item()
    expected = torch.tensor([0.0, 0.2 * full_pulse + hardware.edge, full_pulse + hardware.edge])
    torch.testing.assert_close(trace.charge_1[0, 0, :, 0] / full_pulse, expected / full_pulse)


def test_first_charge_equals_the_column_model_of_the_cell_sum(full):
    q, k, v = signals()
    effects = Effects().without("edge", "decay", "write")
    _, trace = trace_attention(q, k, v, full, effects=effects)
    charge = trace.widths @ full.transfer(trace.key_volts).mT
    load = trace.widths @ full.column_1.loading(trace.key_volts).mT
    torch.testing.assert_close(trace.charge_1, full.column_1(charge, load), rtol=1e-9, atol=1e-24)


def test_age_in_seconds_follows_the_token_period(full):
    q, k, v = signals()
    effects = Effects().without("column", "edge")
    _, trace = trace_attention(q, k, v, full, effects=effects, token_period=2e-6)
    # Query 20 and key 5 are 15 tokens, 30 us, apart.
    charge = full.aging["table"](trace.key_volts[0, 1, 5], 30e-6) @ trace.widths[0, 1, 20]
    assert trace.charge_1[0, 1, 20, 5].item() == pytest.approx(charge.item(), rel=1e-9)
    by_latency = gain_cell_attention(q, k, v, full, effects=effects)
    torch.testing.assert_close(
        by_latency, gain_cell_attention(q, k, v, full, effects=effects, token_period=1e-6)
    )
    assert not torch.allclose(
        by_latency, gain_cell_attention(q, k, v, full, effects=effects, token_period=2e-6)
    )


def test_aging_in_seconds_without_timing_raises_hardware_error(full):
    with pytest.raises(HardwareError, match="token_period"):
        gain_cell_attention(*signals(), full.model_copy(update={"timing": None}))


def test_noise_has_the_stated_rms_and_follows_the_global_seed(full):
    q, k, v = signals(length=60)
    effects = Effects(**{**vars(Effects.none()), "noise": True})

    def charge(seed):
        torch.manual_seed(seed)
        return trace_attention(q, k, v, full, effects=effects)[1].charge_1

    clean = trace_attention(q, k, v, full, effects=Effects.none())[1].charge_1
    torch.testing.assert_close(charge(1), charge(1))
    assert not torch.equal(charge(1), charge(2))
    assert (charge(1) - clean).std().item() == pytest.approx(1e-16, rel=0.05)


def test_converter_offset_is_added_once_per_operated_sub_tile(full):
    # Without pulses, the output is the read-out's offset times the number of operated sub-tiles.
    q, k, v = signals(length=17)
    effects = Effects().without("quantise")
    _, trace = trace_attention(q * 0, k, v, full.model_copy(update={"phi": None}), effects=effects)
    out = sum(tile.output for tile in trace.sub_tiles)
    offset = full.readout(0.0).item()
    operated = torch.arange(17) // 8 + 1
    torch.testing.assert_close(out[0, 0, :, 0], operated * torch.tensor(offset, dtype=torch.float64))


def test_evaluations_outside_the_validity_boxes_are_counted(full):
    narrow = full.column_1.model_copy(update={"box": {"a": (-0.01, 0.01), "u": (0.0, 1.0)}})
    _, trace = trace_attention(*signals(), full.model_copy(update={"column_1": narrow}))
    # Only keys that the query sees count: itself and the earlier ones.
    assert 100 < trace.outside["column_1"].count <= trace.outside["column_1"].of <= 2 * 30 * 31 // 2
    assert trace.outside["cell_1"] == Extrapolated(0, 2 * 30 * 6)
    _, late = trace_attention(*signals(), full, token_period=10e-6)
    # Ages beyond 100 us are more than 10 tokens: 30 queries see 19 + 18 + ... + 1 such keys.
    assert late.outside["age"] == Extrapolated(19 * 20 // 2, 30 * 31 // 2)


def test_columns_without_pulses_are_not_extrapolated(full):
    q, k, v = signals()
    q[:, :, 20:] = 0
    plain = full.model_copy(update={"phi": None})
    box = {"a": (0.5, 1.0), "u": (0.5, 1.0)}
    narrow = plain.model_copy(update={"column_1": plain.column_1.model_copy(update={"box": box})})
    _, trace = trace_attention(q, k, v, narrow, effects=Effects().without("quantise"))
    seen = trace.outside["column_1"]
    assert 0 < seen.count == seen.of <= 2 * 20 * 21 // 2
