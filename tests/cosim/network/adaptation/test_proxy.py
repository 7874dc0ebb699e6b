"""The cheap stand-in for a hardware: close to it, and gone when its work is done."""

import pytest
import torch

from gaincell.cosim import Effects, GainCellAttention, gain_cell_attention
from gaincell.cosim.network.adaptation.proxy import as_proxy, proxy_of
from gaincell.models import Hardware


@pytest.fixture(scope="module")
def generic28():
    return Hardware.from_pretrained("generic28")


def test_the_draft_takes_the_best_polynomial_fit_and_keeps_what_is_random(generic28):
    hardware, effects = proxy_of(generic28, Effects(noise=True))
    assert hardware.cell == "poly5"
    assert effects == Effects(edge=False, decay=False, column=False, converter=False, write=False, noise=True)


def test_published_polynomials_are_their_own_draft(leroux):
    assert proxy_of(leroux, Effects())[0] is leroux
    assert proxy_of(leroux.with_cell("linear"), Effects())[0].cell == "linear"


def test_the_draft_is_close_to_the_hardware(generic28):
    q = torch.rand(1, 2, 128, 64)
    k, v = 0.46 + 0.15 * torch.randn(2, 1, 2, 128, 64)
    exact = gain_cell_attention(q, k, v, generic28)
    hardware, effects = proxy_of(generic28, Effects())
    rough = gain_cell_attention(q, k, v, hardware, effects=effects)
    correlation = torch.corrcoef(torch.stack([exact.flatten(), rough.flatten()]))[0, 1]
    assert correlation > 0.94


def test_drafting_ends_with_the_context(generic28):
    layer = GainCellAttention(generic28, 2, effects=Effects().without("write"))
    before = layer.hardware, layer.effects
    with pytest.raises(KeyError), as_proxy(layer):
        assert layer.hardware.cell == "poly5"
        raise KeyError
    assert (layer.hardware, layer.effects) == before
