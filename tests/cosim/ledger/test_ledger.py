"""Totals, ratios and extrapolation of a ledger."""

import json

import pytest

from gaincell.cosim import account
from gaincell.cosim.ledger.ledger import BASELINES


def test_published_totals_and_ratios_follow_from_the_stages(leroux, traces_of):
    layers = [f"layer {n}" for n in range(3)]
    ledger = account(traces_of(leroux, 12, 12, depth=64, layers=layers, window=1024), leroux)
    parts = {name: energy for name, (energy, _) in ledger.stages().items()}
    assert list(parts.values()) == pytest.approx([1.12e-9, 0.7e-9, 0.33e-9, 4e-9])
    assert ledger.energy_per_token_head_J == pytest.approx(6.15e-9)
    assert ledger.total(layer="layer 0") == pytest.approx(73.8e-9)
    assert ledger.total() == pytest.approx(3 * 73.8e-9)
    assert ledger.latency_s == 65e-9
    ratios = ledger.ratios()
    # Published ratios: energy 97,300 and 44,000, latency 344 and 7,521.
    assert (
        ratios["RTX 4090"]["energy"] == pytest.approx(7.178e-3 / 73.8e-9) == pytest.approx(97_300, rel=1e-3)
    )
    assert ratios["Jetson Nano"]["energy"] == pytest.approx(44_000, rel=1e-3)
    assert ratios["RTX 4090"]["latency"] == pytest.approx(344, rel=1e-3)
    assert ratios["Jetson Nano"]["latency"] == pytest.approx(7_521, rel=1e-3)
    assert {entry.origin for entry in ledger.entries} == {"published"}


def test_at_window_scales_each_stage_with_keys_sub_tiles_or_tokens(full, traces_of):
    ledger = account(traces_of(full, window=8), full)
    larger = ledger.at_window(24)
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
            "ramp bias": 3 * 1 / ledger.sub_tiles,
            "replica delay": 3 * 1 / ledger.sub_tiles,
            "control": 1,
        }
    )


def test_totals_by_layer_head_and_origin_add_up_to_the_total(full, traces_of):
    ledger = account(traces_of(full), full)
    assert sum(ledger.total(layer=layer) for layer in "ab") == pytest.approx(ledger.total())
    assert sum(ledger.total(head=head) for head in range(2)) == pytest.approx(ledger.total())
    origins = ("simulated", "estimate", "published")
    assert sum(ledger.total(origin=origin) for origin in origins) == pytest.approx(ledger.total())
    assert ledger.energy_per_token_head_J == pytest.approx(ledger.total() / 4)
    table = ledger.to_pandas()
    assert len(table) == 11 * 2 * 2
    assert table.energy_J.sum() == pytest.approx(ledger.total())


def test_json_has_the_documented_keys(leroux, traces_of):
    ledger = account(traces_of(leroux, depth=64, window=1024), leroux)
    report = json.loads(ledger.to_json())
    assert report["energy_per_token_head_J"] == pytest.approx(6.15e-9)
    assert report["latency_s"] == 65e-9
    assert report["stages"][0].keys() == {"name", "energy_J", "origin", "band_J"}
    assert report["ratios"].keys() == {baseline.name for baseline in BASELINES}
    assert report["area_per_head_m2"] == 0.5e-6
