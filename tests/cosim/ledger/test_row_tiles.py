"""Energy and latency of heads whose K array is spread over row tiles."""

import pytest
import torch

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import account
from gaincell.cosim.ledger.host import StatedHost, Work, whole_model
from gaincell.models import EnergyModel, Events, Hardware, StageEnergy
from gaincell.models.row_tiles import latency_of

TILES = {"generic28": 2, "generic28-sc": 4}
"""Row tiles of a head of 128 by hardware; complementary rows double them."""


@pytest.fixture(params=TILES)
def spread(request, traces_of):
    """Hardware and the ledgers of heads of 64 and of 128 on it, over the same 20 keys."""
    hardware = Hardware.from_pretrained(request.param)
    ledgers = [
        account(traces_of(hardware, depth=depth, layers=("a",)), hardware, token_period=1e-6)
        for depth in (64, 128)
    ]
    return hardware, *(ledger.stages() for ledger in ledgers)


def test_signed_banks_stand_in_for_relu_banks_once_per_row_tile(spread):
    hardware, one, two = spread
    tiles = TILES[hardware.name]
    for part in ("ramp bias", "ramp bias, off", "replica delay"):
        signed = one[f"signed {part}"][0]
        assert two[f"row tiles: signed {part}"][0] == pytest.approx(tiles * signed)
        # The V array's 128 columns lie on two sub-arrays.
        assert two[f"signed {part}"][0] == pytest.approx(2 * signed)
    assert not any(stage.startswith("ReLU") for stage in two)


def test_what_both_arrays_share_counts_for_every_pair_of_sub_arrays(spread):
    hardware, one, two = spread
    pairs = (TILES[hardware.name] + 2) / 2
    for stage in ("converter clocks", "leakage of drivers", "leakage of cells", "leakage of converters"):
        assert two[stage][0] == pytest.approx(pairs * one[stage][0])


def test_conversions_of_the_row_tiles_are_those_of_the_signed_curve(traces_of):
    hardware = Hardware.from_pretrained("generic28")
    found = traces_of(hardware, depth=128, layers=("a",))
    (trace,) = found["a"]
    law = next(s.law for s in hardware.energy.stages if s.name == "signed converters")
    (low, high), *_ = law.curve.box.values()
    expected = sum(law.curve(part.charge[:, :, -1].clamp(low, high)).sum() for part in trace.partials)
    energy, _ = account(found, hardware).stages()["row tiles: signed converters"]
    assert energy == pytest.approx(float(expected) / 2)


def test_row_tiles_add_events_of_counters_adders_and_pulse_generators(full, traces_of):
    """Twenty keys, sub-tiles of eight columns, heads of 20 on arrays of 16 rows: three row tiles of 8."""
    found = traces_of(full, depth=20, layers=("a",), token_period=1e-6)
    (trace,), last = found["a"], (0, 0, -1)
    assert len(trace.partials) == 3
    outputs = torch.stack([part.output[last] for part in trace.partials])
    sums = torch.stack([tile.output[last] for tile in trace.sub_tiles])
    phi = trace.phi[last]
    expected = {
        "read-out": 3 * 20 + 3 * 20,
        "read-out pulse": int((outputs != 0).sum() + (sums != 0).sum()),
        "read-out magnitude": float(outputs.abs().sum() + sums.abs().sum()),
        "query element": 20 + 20,
        "query pulse": int((phi != 0).sum() + (trace.widths[last] != 0).sum()),
        "query width": float(phi.sum() + trace.widths[last].sum()),
        # Three row tiles and two sub-arrays of the V array, of three sub-tiles.
        "sub-tile": 3 * 2.5,
        "output element": 20,
    }
    stages = tuple(
        StageEnergy(name=name, origin="estimate", law=Events(joules={name: 1e-15})) for name in expected
    )
    timing = Hardware.from_pretrained("generic28").timing
    hardware = full.model_copy(update={"energy": EnergyModel(stages=stages), "timing": timing})
    ledger = account(found, hardware)
    energies = dict.fromkeys(expected, 0.0)
    for entry in ledger.entries:
        energies[entry.stage] += entry.energy_J * (entry.head == 0) / 1e-15
    assert energies == pytest.approx(expected)


def test_latency_is_that_of_the_widest_head_and_the_area_is_unknown(traces_of):
    hardware = Hardware.from_pretrained("generic28")

    small, large = (
        traces_of(hardware, depth=depth, layers=(name,)) for depth, name in ((64, "a"), (80, "b"))
    )
    ledger = account(small | large, hardware)
    assert ledger.latency_s == latency_of(hardware, 2) > hardware.timing.latency
    assert ledger.area is None
    assert account(small, hardware).area == hardware.area
    needed = hardware.timing.latency + latency_of(hardware, 2)
    assert ledger.retention.needed_s == pytest.approx(20 * needed)


def test_energies_that_are_stated_for_one_array_are_refused(leroux, traces_of):
    found = traces_of(leroux, depth=80, layers=("a",), token_period=1e-6)
    phases = Hardware.from_pretrained("generic28").timing
    with pytest.raises(HardwareError, match="time of heads of at most 64 dimensions"):
        account(found, leroux, token_period=1e-6)
    with pytest.raises(HardwareError, match="'first product and converters' for heads of at most 64"):
        account(found, leroux.model_copy(update={"timing": phases}))


def test_a_bank_without_its_signed_partner_is_refused(traces_of):
    hardware = Hardware.from_pretrained("generic28")
    kept = tuple(s for s in hardware.energy.stages if s.name == "ReLU ramp bias")
    found = traces_of(hardware, depth=80, layers=("a",))
    with pytest.raises(HardwareError, match="states no 'signed ramp bias'"):
        account(found, hardware.model_copy(update={"energy": EnergyModel(stages=kept)}))


def test_standing_power_of_row_tiles_lasts_for_all_layers_of_a_whole_model(traces_of):
    """Ten layers take ten times the token period, each with its own banks."""
    hardware = Hardware.from_pretrained("generic28")
    banks = tuple(s for s in hardware.energy.stages if s.name.endswith("ramp bias, off"))
    hardware = hardware.model_copy(update={"energy": EnergyModel(stages=banks)})
    ledger = account(traces_of(hardware, depth=128, layers=("a",)), hardware)
    assert {"row tiles: signed ramp bias, off", "signed ramp bias, off"} == set(ledger.stages())
    works = [Work(str(n), n, 2, 2, 128, {}) for n in (1, 10)]
    one, ten = whole_model(works, ledger, hardware, StatedHost(1e-13, 1e-11), windows=(1024,))
    assert ten.attention.joules == pytest.approx(100 * one.attention.joules)
