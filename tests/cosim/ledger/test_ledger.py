import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.cosim import Effects, account, convert, record_traces, trace_attention
from gaincell.cosim.ledger.ledger import BASELINES
from gaincell.models import Retention


def traces_of(hardware, heads=2, kv_heads=2, length=20, depth=6, batch=1, layers=("a", "b"), **options):
    torch.manual_seed(1)
    found = {}
    for layer in layers:
        q = torch.rand(batch, heads, length, depth, dtype=torch.float64)
        k, v = 0.9 * torch.rand(2, batch, kv_heads, length, depth, dtype=torch.float64)
        found[layer] = [trace_attention(q, k, v, hardware, **options)[1]]
    return found


def test_published_totals_and_ratios_follow_from_their_parts(leroux):
    layers = [f"layer {n}" for n in range(3)]
    ledger = account(traces_of(leroux, 12, 12, depth=64, layers=layers, window=1024), leroux)
    parts = {name: energy for name, (energy, _) in ledger.stages().items()}
    assert list(parts.values()) == pytest.approx([1.12e-9, 0.7e-9, 0.33e-9, 4e-9])
    assert ledger.energy_per_token_head_J == pytest.approx(6.15e-9)
    assert ledger.total(layer="layer 0") == pytest.approx(73.8e-9)
    assert ledger.total() == pytest.approx(3 * 73.8e-9)
    assert ledger.latency_s == 65e-9
    ratios = ledger.ratios()
    # published: 97,300 and 44,000; 344 and 7,521
    assert (
        ratios["RTX 4090"]["energy"] == pytest.approx(7.178e-3 / 73.8e-9) == pytest.approx(97_300, rel=1e-3)
    )
    assert ratios["Jetson Nano"]["energy"] == pytest.approx(44_000, rel=1e-3)
    assert ratios["RTX 4090"]["latency"] == pytest.approx(344, rel=1e-3)
    assert ratios["Jetson Nano"]["latency"] == pytest.approx(7_521, rel=1e-3)
    assert {entry.origin for entry in ledger.entries} == {"published"}


@pytest.mark.parametrize("kv_heads", [1, 2])
def test_every_stage_is_what_loops_over_the_activations_give(full, kv_heads):
    """The energy laws of the test hardware, summed pulse by pulse and cell by cell for the last query."""
    found = traces_of(full, 2, kv_heads, window=14, layers=("a",), effects=Effects().without("edge"))
    ledger = account(found, full)
    trace = found["a"][0]
    w, k, phi = (x[0].numpy() for x in (trace.widths, trace.key_volts, trace.phi))
    seen = range(6, 20)
    for head in range(2):
        array = head * kv_heads // 2
        t = 19
        expected = {
            "K array": sum(w[head, t] @ (2e-15 + 1e-15 * k[array, s]) for s in seen),
            "V array": sum(phi[head, t, s] * 3e-15 * 6 for s in seen),
            # the ring of 14 columns lies in two sub-tiles of 8
            "K lines": 1e-15 * np.count_nonzero(w[head, t]) * 2,
            "V lines": 1e-15 * np.count_nonzero(phi[head, t, 6:]),
            "ReLU converters": 14 * 5e-13,
            "signed converters": 2 * 6 * 4e-13,
            "writes": 5e-16 * 2 * 6 * kv_heads / 2,
            "DAC": 1e-13 * (6 + 2 * 6 * kv_heads / 2),
            "control": 1e-12,
        }
        # the steady state: all queries from the fourteenth on see a full ring
        last = account({"a": [only(trace, t)]}, full)
        energies = {entry.stage: entry.energy_J for entry in last.entries if entry.head == head}
        assert list(energies) == list(expected)
        np.testing.assert_allclose(list(energies.values()), list(expected.values()), rtol=1e-9)
    assert (ledger.keys, ledger.sub_tiles, ledger.tokens) == (14, 2, 7)


def only(trace, t):
    """The trace of query t alone."""
    ring = replace(trace.ring, valid=trace.ring.valid[:, :, t : t + 1], age=trace.ring.age[:, :, t : t + 1])
    tiles = [
        replace(
            tile, **{name: getattr(tile, name)[:, :, t : t + 1] for name in ("active", "charge", "output")}
        )
        for tile in trace.sub_tiles
    ]
    cut = {name: getattr(trace, name)[:, :, t : t + 1] for name in ("widths", "charge_1", "phi")}
    return replace(trace, ring=ring, sub_tiles=tuple(tiles), **cut)


def test_means_are_over_tokens_and_batches(full):
    batch = traces_of(full, batch=3, layers=("a",))
    split = {"a": [trace_part(batch["a"][0], n) for n in range(3)]}
    whole, parts = account(batch, full, full_ring=False), account(split, full, full_ring=False)
    assert whole.tokens == parts.tokens == 60
    assert whole.keys == pytest.approx(10.5)
    for one, other in zip(whole.entries, parts.entries, strict=True):
        assert one.energy_J == pytest.approx(other.energy_J, rel=1e-9)


def trace_part(trace, n):
    """The trace of one sequence of the batch."""
    tiles = [
        replace(tile, charge=tile.charge[n : n + 1], output=tile.output[n : n + 1])
        for tile in trace.sub_tiles
    ]
    names = ("widths", "key_volts", "value_volts", "charge_1", "phi")
    return replace(trace, sub_tiles=tuple(tiles), **{name: getattr(trace, name)[n : n + 1] for name in names})


def test_full_ring_accounts_the_steady_state_only(full):
    found = traces_of(full, window=8)
    steady, everything = account(found, full), account(found, full, full_ring=False)
    assert (steady.keys, steady.tokens) == (8, 13)
    assert everything.tokens == 20
    assert everything.energy_per_token_head_J < steady.energy_per_token_head_J


def test_a_larger_window_scales_what_grows_with_it(full):
    ledger = account(traces_of(full, window=8), full)
    larger = ledger.at_window(24, columns=8)
    before, after = ledger.stages(), larger.stages()
    growth = {stage: after[stage][0] / before[stage][0] for stage in before}
    assert growth == pytest.approx(
        {
            "K array": 3,
            "V array": 3,
            "K lines": 3 * 1 / ledger.sub_tiles,
            "V lines": 3,
            "ReLU converters": 3,
            "signed converters": 3 * 1 / ledger.sub_tiles,
            "writes": 1,
            "DAC": 1,
            "control": 1,
        }
    )


def test_sums_agree_whatever_way_they_are_taken(full):
    ledger = account(traces_of(full), full)
    assert sum(ledger.total(layer=layer) for layer in "ab") == pytest.approx(ledger.total())
    assert sum(ledger.total(head=head) for head in range(2)) == pytest.approx(ledger.total())
    origins = ("simulated", "estimate", "published")
    assert sum(ledger.total(origin=origin) for origin in origins) == pytest.approx(ledger.total())
    assert ledger.energy_per_token_head_J == pytest.approx(ledger.total() / 4)
    table = ledger.to_pandas()
    assert len(table) == 9 * 2 * 2
    assert table.energy_J.sum() == pytest.approx(ledger.total())


def test_json_has_the_keys_that_others_build_on(leroux):
    ledger = account(traces_of(leroux, depth=64, window=1024), leroux)
    report = json.loads(ledger.to_json())
    assert report["energy_per_token_head_J"] == pytest.approx(6.15e-9)
    assert report["latency_s"] == 65e-9
    assert report["stages"][0].keys() == {"name", "energy_J", "origin"}
    assert report["ratios"].keys() == {baseline.name for baseline in BASELINES}
    assert report["area_per_head_m2"] == 0.5e-6


def test_hold_time_stands_beside_the_time_a_key_must_last(full):
    ages = np.linspace(0, 1.0, 11)
    falling = Retention(voltages=[0.0, 0.9], ages=ages, drift=np.tile(-0.9 * ages, (2, 1)))
    hardware = full.model_copy(update={"retention": falling})
    # eight levels: half a step is 0.9 / 14 V, gone after 1 / 14 s; two layers of 1 us, 20 keys
    margin = account(traces_of(full), hardware).retention
    assert margin.retention_s == pytest.approx(1 / 14)
    assert margin.simulated_s == 1.0
    assert margin.needed_s == pytest.approx(20 * 2e-6)
    assert margin.margin == pytest.approx(1 / 14 / 40e-6)
    assert account(traces_of(full), hardware, token_period=1e-3).retention.needed_s == pytest.approx(0.02)
    assert account(traces_of(full), full).retention is None


def test_a_real_model_is_accounted_head_by_head(tiny_gpt2, full):
    convert(tiny_gpt2, full, window=16)
    with torch.no_grad(), record_traces(tiny_gpt2) as found:
        tiny_gpt2(torch.randint(1, 64, (2, 40)))
    ledger = account(found, full)
    assert {(entry.layer, entry.head) for entry in ledger.entries} == {
        (f"transformer.h.{layer}.attn.gain_cell", head) for layer in range(2) for head in range(2)
    }
    assert ledger.keys == 16
    assert ledger.tokens == 2 * 25
    assert ledger.latency_s == 1e-6
    assert ledger.ratios() == {}


def test_what_cannot_be_accounted_is_one_clear_error(full, ideal):
    with pytest.raises(HardwareError, match="states no energy"):
        account(traces_of(full), ideal)
    with pytest.raises(ModelError, match="record_traces"):
        account({"a": []}, full)
