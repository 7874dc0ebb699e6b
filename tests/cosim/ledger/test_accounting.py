"""Energy, latency and retention margin from traces, against loops over the activations."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.cosim import Effects, account, convert, record_traces
from gaincell.models import EnergyModel, Events, Leakage, Retention, StageEnergy
from gaincell.models.cost import Event


@pytest.mark.parametrize("kv_heads", [1, 2])
def test_energy_of_every_stage_equals_a_loop_over_the_activations(full, kv_heads, traces_of):
    """The energy laws of the test hardware, summed over pulses and cells for the last query."""
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
            # The ring of 14 columns takes two sub-tiles of 8.
            "K lines": 1e-15 * np.count_nonzero(w[head, t]) * 2,
            "V lines": 1e-15 * np.count_nonzero(phi[head, t, 6:]),
            "ReLU converters": 14 * 5e-13,
            "signed converters": 2 * 6 * 4e-13,
            "writes": 5e-16 * 2 * 6 * kv_heads / 2,
            "DAC": 1e-13 * (6 + 2 * 6 * kv_heads / 2),
            # One layer of 1 us; the query heads of a group share the banks of their array.
            "ramp bias": 6e-7 * 1e-6 * 2 * kv_heads / 2,
            "replica delay": 7e-13 * 2,
            "control": 1e-12,
        }
        # All queries from the fourteenth on see a full ring.
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


def test_means_are_over_tokens_and_sequences(full, traces_of):
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


def test_full_ring_accounts_only_queries_that_see_a_full_window(full, traces_of):
    found = traces_of(full, window=8)
    steady, everything = account(found, full), account(found, full, full_ring=False)
    assert (steady.keys, steady.tokens) == (8, 13)
    assert everything.tokens == 20
    assert everything.energy_per_token_head_J < steady.energy_per_token_head_J


def test_retention_margin_is_retention_time_over_needed_time(full, traces_of):
    ages = np.linspace(0, 1.0, 11)
    falling = Retention(voltages=[0.0, 0.9], ages=ages, drift=np.tile(-0.9 * ages, (2, 1)))
    hardware = full.model_copy(update={"retention": falling})
    # Eight levels: half a step is 0.9 / 14 V, lost after 1 / 14 s. Two layers of 1 us and 20 keys need 40 us.
    margin = account(traces_of(full), hardware).retention
    assert margin.retention_s == pytest.approx(1 / 14)
    assert margin.simulated_s == 1.0
    assert margin.needed_s == pytest.approx(20 * 2e-6)
    assert margin.margin == pytest.approx(1 / 14 / 40e-6)
    assert account(traces_of(full), hardware, token_period=1e-3).retention.needed_s == pytest.approx(0.02)
    assert account(traces_of(full), full).retention is None


def test_converted_model_has_an_entry_for_every_layer_and_head(tiny_gpt2, full):
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


def test_standing_power_is_taken_for_a_token_period(full, traces_of):
    """The other stages do not depend on the time between tokens."""
    found = traces_of(full)
    once, twice = (account(found, full, token_period=period).stages() for period in (2e-6, 4e-6))
    for stage, (energy, _) in once.items():
        assert twice[stage][0] == pytest.approx(energy * (2 if stage == "ramp bias" else 1)), stage
    # Two layers of 1 us each; 20 keys take three sub-tiles of 8.
    assert account(found, full).stages()["ramp bias"][0] == pytest.approx(6e-7 * 2e-6 * 3)
    assert account(found, full) == account(found, full, token_period=2e-6)


@pytest.mark.parametrize("kv_heads", [1, 2])
def test_events_and_leakage_equal_a_loop_over_the_activations(full, kv_heads, traces_of):
    found = traces_of(full, 2, kv_heads, window=14, layers=("a",))
    trace, t, head = found["a"][0], 19, 1
    widths = trace.widths[0, head, t].numpy()
    outputs = np.stack([tile.output[0, head, t].numpy() for tile in trace.sub_tiles])
    pulses, shared = np.count_nonzero(widths), kv_heads / 2
    # The ring of 14 columns takes two sub-tiles of 8; heads have 6 elements.
    expected = {
        "operation": 1,
        "token": shared,
        "query element": 6,
        "query pulse": pulses,
        "query width": widths.sum(),
        "key element": 6 * shared,
        "value element": 6 * shared,
        "written element": 12 * shared,
        "output element": 6,
        "sub-tile": 2,
        "row pulse": 2 * pulses,
        "read-out": 12,
        "read-out pulse": np.count_nonzero(outputs),
        "read-out magnitude": np.abs(outputs).sum(),
    }
    assert expected.keys() == set(get_args(Event))
    stages = [
        StageEnergy(name=name, origin="estimate", law=Events(joules={name: 2e-15}), band=(0.5, 3.0))
        for name in expected
    ]
    leakage = Leakage(head=3e-6, sub_tile=1e-6)
    stages.append(StageEnergy(name="leakage", origin="simulated", law=leakage))
    hardware = full.model_copy(update={"energy": EnergyModel(stages=tuple(stages))})
    ledger = account({"a": [only(trace, t)]}, hardware, token_period=1e-6)
    energies = {}
    for entry in ledger.entries:
        if entry.head == head:
            energies[entry.stage] = energies.get(entry.stage, 0.0) + entry.energy_J
    assert energies.pop("leakage") == pytest.approx((3e-6 + 2 * 1e-6) * 1e-6 * shared)
    assert energies == pytest.approx({name: 2e-15 * count for name, count in expected.items()})
    total, (low, high) = ledger.stages()["row pulse"][0], ledger.bands()["row pulse"]
    assert (low, high) == pytest.approx((0.5 * total, 3 * total))
    assert ledger.bands()["leakage"] == pytest.approx([ledger.stages()["leakage"][0]] * 2)
    grown = ledger.at_window(28).stages()
    assert grown["row pulse"][0] == pytest.approx(2 * total)
    assert grown["query pulse"][0] == pytest.approx(ledger.stages()["query pulse"][0])
    assert grown["leakage"][0] == pytest.approx((3e-6 + 4 * 1e-6) * 1e-6 * shared)


def test_standing_power_needs_a_token_period(full, traces_of):
    untimed = full.model_copy(update={"timing": None})
    with pytest.raises(HardwareError, match=r"standing power \(ramp bias\) .* pass token_period"):
        account(traces_of(full), untimed)
    ledger = account(traces_of(full), untimed, token_period=2e-6)
    assert ledger.stages() == account(traces_of(full), full).stages()


def test_hardware_without_energy_and_empty_traces_raise_errors(full, ideal, traces_of):
    with pytest.raises(HardwareError, match="states no energy"):
        account(traces_of(full), ideal)
    with pytest.raises(ModelError, match="record_traces"):
        account({"a": []}, full)
