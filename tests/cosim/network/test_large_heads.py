"""Networks with heads larger than the arrays: Gemma's kind on row tiles."""

import copy

import pytest
import torch
from families import build

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import convert, from_pretrained, gain_cell_layers, record_traces, save_pretrained
from gaincell.cosim.network.adaptation.calibration import calibrate
from gaincell.cosim.spice_check import draw_operations
from gaincell.models import Hardware
from gaincell.models.row_tiles import latency_of

FAMILIES = ["gemma", "gemma3_text"]

pytestmark = pytest.mark.filterwarnings("ignore:gain-cell attention runs slower")


@pytest.fixture(params=FAMILIES)
def plain(request):
    return build(request.param, head_dim=80)


@pytest.fixture
def hardware():
    return Hardware.from_pretrained("generic28-sc")


@pytest.fixture
def tokens():
    return torch.randint(3, 97, (2, 24))


@torch.no_grad()
def test_with_ideal_arrays_the_network_stays_what_it_was(plain, ideal, tokens):
    converted = convert(copy.deepcopy(plain), ideal, include="*")
    torch.testing.assert_close(converted(tokens).logits, plain(tokens).logits, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", ["generic28", "generic28-sc"])
def test_decoding_writes_what_the_uncached_network_writes(plain, name, tokens):
    convert(plain, Hardware.from_pretrained(name), include="*")
    calibrate(plain, build_like(plain), tokens)
    options = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    cached, uncached = (plain.generate(tokens, use_cache=use, **options) for use in (True, False))
    assert torch.equal(cached, uncached)
    assert {layer.hardware.name for layer in gain_cell_layers(plain).values()} == {name}


def build_like(converted):
    """The network before its conversion: `build` is seeded."""
    return build(converted.config.model_type, head_dim=80)


@torch.no_grad()
def test_calibration_brings_the_network_near_softmax(plain, hardware, tokens):
    softmax = copy.deepcopy(plain)
    expected = softmax(tokens).logits
    convert(plain, hardware, include="*")
    before = (plain(tokens).logits - expected).square().mean()
    calibrate(plain, softmax, tokens)
    after = (plain(tokens).logits - expected).square().mean()
    assert after < 0.8 * before


def test_gradients_reach_every_weight(plain, hardware, tokens):
    convert(plain, hardware, include="*").train()
    calibrate(plain, build_like(plain), tokens)
    plain(tokens, labels=tokens).loss.backward()
    for name, weight in plain.named_parameters():
        if "self_attn" in name and "norm" not in name:
            assert weight.grad is not None
            assert weight.grad.isfinite().all()
            assert weight.grad.abs().max() > 0 or name.endswith("shift"), name


@torch.no_grad()
def test_a_saved_network_is_loaded_with_its_token_period(plain, hardware, tokens, tmp_path):
    convert(plain, hardware, include="*")
    save_pretrained(plain, tmp_path)
    loaded = from_pretrained(tmp_path)
    assert torch.equal(loaded(tokens).logits, plain(tokens).logits)
    other = Hardware.from_pretrained("generic28")
    for found, tiles in ((loaded, (hardware, 3)), (from_pretrained(tmp_path, hardware=other), (other, 2))):
        for layer in gain_cell_layers(found).values():
            assert layer.token_period == pytest.approx(2 * latency_of(*tiles))


@torch.no_grad()
def test_the_spice_check_refuses_row_tiles(plain, hardware, tokens):
    convert(plain, hardware, include="*")
    with record_traces(plain) as traces:
        plain(tokens)
    with pytest.raises(HardwareError, match="simulates heads of at most 64 dimensions"):
        draw_operations(traces, hardware, 4, 0, 1e-6)
