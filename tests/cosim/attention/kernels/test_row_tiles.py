"""Heads of more dimensions than the arrays have rows: partial sums of row tiles, added digitally."""

from dataclasses import replace

import pytest
import torch

from gaincell.cosim import Effects, gain_cell_attention
from gaincell.cosim.attention.api import trace_attention
from gaincell.cosim.attention.kernels import dispatch
from gaincell.cosim.attention.levels import levels_of
from gaincell.models import Hardware
from gaincell.models.row_tiles import latency_of, row_tiles_of

from .cases import CIRCUITS, Case

SPREAD = ["published", "fitted", "two phases", "two phases without a bit line", "mirrored and normalised"]
BARE = Effects().without("edge", "decay", "column", "converter", "write", "quantise", "mismatch")


class Spread(Case):
    """A case on arrays of as many rows as there are columns in a sub-tile."""

    def hardware(self) -> Hardware:
        hardware = CIRCUITS[self.circuit].model_copy(update={"rows": 64})
        return hardware if hardware.charge_unit == "C" else hardware.model_copy(update={"q_sat_2": 15.0})

    def options(self, quantise: bool) -> dict:
        # Published hardware states no time for such heads, and its cells age by tokens.
        return super().options(quantise) | {"token_period": 1e-6}


def signals(depth, tokens=30, low=0.0):
    q = low + (1.0 - low) * torch.rand(1, 2, tokens, depth, dtype=torch.float64)
    k, v = 0.9 * torch.rand(2, 1, 2, tokens, depth, dtype=torch.float64)
    return q, k, v


@pytest.mark.parametrize("quantise", [False, True])
@pytest.mark.parametrize("circuit", SPREAD)
@pytest.mark.parametrize(
    "shape",
    [
        {"depth": 80, "queries": 70, "keys": 70},
        {"depth": 160, "heads": (4, 2), "batch": 2, "padding": 9},
        {"depth": 72, "queries": 5, "window": 33, "key_start": 50, "chip": True},
        {"depth": 80, "gradient": "fixed-slope", "window": 16},
    ],
    ids=["two tiles", "padded groups", "chip and ring", "fixed slope"],
)
def test_outputs_and_gradients_are_those_of_the_reference(circuit, shape, quantise):
    case = Spread(circuit, **shape)
    expected, slopes = case.run("reference", quantise, torch.float64)
    found, gradients = case.run("torch", quantise, torch.float64)
    assert row_tiles_of(case.depth, case.hardware()) > 1
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    for own, wanted in zip(gradients, slopes, strict=True):
        torch.testing.assert_close(own, wanted, rtol=1e-8, atol=1e-8 * float(wanted.abs().max()))


@pytest.mark.parametrize("circuit", SPREAD)
def test_decoding_from_levels_is_the_last_row_of_a_prefill(circuit):
    case = Spread(circuit, depth=80, heads=(4, 2), queries=20, keys=70)
    q, k, v = case.inputs()
    hardware, options = case.hardware(), case.options(quantise=True) | {"implementation": "torch"}
    whole = gain_cell_attention(q, k, v, hardware, **options)
    levels = levels_of(k, 1, hardware), levels_of(v, 2, hardware)
    last = gain_cell_attention(q[:, :, -1:], *levels, hardware, **options)
    torch.testing.assert_close(last, whole[:, :, -1:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("signed_query", [None, "mirrored", "two-phase"])
def test_partial_sums_saturate_one_by_one_and_the_total_is_clipped(leroux, signed_query):
    """With ideal circuits, phi is the clipped sum of clipped sums, written out here."""
    efficiency = 0.9 if signed_query == "two-phase" else None
    full_scale = 8.0
    hardware = leroux.model_copy(
        update={"q_sat_2": full_scale, "signed_query": signed_query, "swap_efficiency": efficiency}
    )
    q, k, v = signals(150, low=0.0 if signed_query is None else -1.0)
    _, trace = trace_attention(q, k, v, hardware, effects=BARE, token_period=1e-6)
    cells = hardware.transfer(k)

    def clipped_sum(widths, cells):
        parts = zip(widths.split(64, -1), cells.split(64, -1), strict=True)
        return sum((w @ c.mT / full_scale).clamp(-1, 1) for w, c in parts)

    positive, negative = q.clamp(min=0), (-q).clamp(min=0)
    if signed_query is None:
        total = clipped_sum(q, cells)
    elif signed_query == "two-phase":
        total = clipped_sum(positive, cells) - clipped_sum(negative, cells)
    else:
        rows = torch.cat([cells, hardware.transfer(hardware.v_min + hardware.v_max - k)], -1)
        total = clipped_sum(torch.cat([positive, negative], -1), rows)
    expected = total.clamp(0, 1).tril()
    assert (expected == 1).double().mean() > 0.05
    assert ((expected > 0) & (expected < 1)).double().mean() > 0.05
    torch.testing.assert_close(trace.phi, expected, rtol=1e-12, atol=1e-12)


def test_the_pulses_have_the_levels_of_the_query_and_the_partial_sums_those_of_the_counter():
    hardware = Hardware.from_pretrained("generic28")
    q, k, _ = signals(128)
    _, trace = trace_attention(q, k, 0.3 + 0.3 * k, hardware)
    assert len(trace.partials) == 2
    for numbers, steps in ((trace.phi, 15), *((part.output, 15) for part in trace.partials)):
        assert len(numbers.unique()) > 4
        torch.testing.assert_close(numbers * steps, (numbers * steps).round(), rtol=0, atol=1e-9)


def test_a_head_that_fits_has_no_partial_sums():
    _, trace = trace_attention(*signals(64), Hardware.from_pretrained("generic28"))
    assert trace.partials == ()
    assert trace.charge_1 is not None


def test_row_tiles_of_a_chip_have_converters_of_their_own():
    chip = Hardware.from_pretrained("generic28").chip(3)
    ring = torch.arange(70).numpy()
    first, second = (chip.partials(0, 2, ring, tile) for tile in (0, 1))
    assert first.shape == (2, 70, 4)
    assert abs(first - second).min() > 0
    assert (chip.partials(0, 1, ring[:5], 0) == first[:1, :5]).all()


def test_noise_of_the_partial_sums_acts():
    hardware = Hardware.from_pretrained("generic28")
    q, k, v = signals(128)
    noisy = replace(Effects(), noise=True)
    outs = [gain_cell_attention(q, k, v, hardware, effects=noisy, implementation="torch") for _ in range(2)]
    assert not torch.equal(*outs)


def test_other_back_ends_leave_row_tiles_to_torch():
    q, k, v = (x.float() for x in signals(128))
    hardware = Hardware.from_pretrained("generic28")
    with pytest.raises(Exception, match=r"heads of 128 are spread over 2 row tiles; use .*'auto'"):
        gain_cell_attention(q, k, v, hardware, implementation="native")
    dispatch._warned.clear()
    with pytest.warns(RuntimeWarning, match="spread over 2 row tiles"):
        found = gain_cell_attention(q, k, v, hardware)
    assert torch.equal(found, gain_cell_attention(q, k, v, hardware, implementation="torch"))


@pytest.mark.parametrize("name", ["generic28", "generic28-sc"])
def test_a_conversion_more_before_the_second_product(name):
    hardware = Hardware.from_pretrained(name)
    phases = {phase.name: phase.seconds for phase in hardware.timing.phases}
    assert latency_of(hardware, 1) == hardware.timing.latency
    more = latency_of(hardware, 4) - hardware.timing.latency
    assert more == pytest.approx(phases["signed conversion and count"])
