import pytest
import torch
from tiny import llama
from transformers import GPT2Config, GPT2LMHeadModel, StaticCache

from gaincell.circuits.errors import ModelError
from gaincell.cosim import Effects, convert, gain_cell_layers
from gaincell.cosim.network.kv_cache import cache_keyword


@pytest.fixture
def tokens():
    return torch.randint(1, 64, (2, 60))


@pytest.fixture
def gain_cell_gpt2(tiny_gpt2, leroux):
    """A converted model whose scalers keep the signals inside the converters' ranges."""
    model = convert(tiny_gpt2, leroux.model_copy(update={"q_sat_1": 10.0, "columns": 16}), window=25)
    with torch.no_grad():
        for layer in gain_cell_layers(model).values():
            layer.q_shift.fill_(0.4)
            layer.k_scale.fill_(0.3)
            layer.v_scale.fill_(0.3)
    return model


@torch.no_grad()
def test_ideal_model_equals_the_unconverted_one(tiny_gpt2, ideal, tokens):
    mask = torch.ones_like(tokens)
    mask[1, :17] = 0
    plain = [tiny_gpt2(tokens).logits, tiny_gpt2(tokens, attention_mask=mask).logits]
    assert convert(tiny_gpt2, ideal) is tiny_gpt2
    torch.testing.assert_close(tiny_gpt2(tokens).logits, plain[0], rtol=0, atol=1e-5)
    masked = tiny_gpt2(tokens, attention_mask=mask).logits
    torch.testing.assert_close(masked[mask.bool()], plain[1][mask.bool()], rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("inverse_layer", [True, False])
def test_ideal_model_keeps_the_networks_own_temperature(ideal, tokens, inverse_layer):
    config = GPT2Config(
        vocab_size=64,
        n_positions=96,
        n_embd=32,
        n_layer=2,
        n_head=2,
        scale_attn_weights=inverse_layer,
        scale_attn_by_inverse_layer_idx=inverse_layer,
        initializer_range=0.3,
    )
    model = GPT2LMHeadModel(config).eval()
    plain = model(tokens).logits
    torch.testing.assert_close(convert(model, ideal)(tokens).logits, plain, rtol=0, atol=1e-4)


@torch.no_grad()
def test_llama_with_grouped_heads_converts_too(ideal, leroux, tokens):
    model = llama(96)
    plain = model(tokens).logits
    convert(model, ideal, include="model.layers.*")
    torch.testing.assert_close(model(tokens).logits, plain, rtol=0, atol=1e-5)
    convert(model, leroux, include="model.layers.*")
    assert not torch.allclose(model(tokens).logits, plain, atol=1e-3)
    assert next(iter(gain_cell_layers(model).values())).k_scale.shape == (2, 1, 1)


@torch.no_grad()
def test_layers_left_out_stay_exact(tiny_gpt2, leroux, ideal, tokens):
    plain = tiny_gpt2(tokens, output_hidden_states=True).hidden_states
    convert(tiny_gpt2, leroux, include="transformer.h.1.*")
    partly = tiny_gpt2(tokens, output_hidden_states=True).hidden_states
    torch.testing.assert_close(partly[1], plain[1], rtol=0, atol=1e-5)
    assert not torch.allclose(partly[2], plain[2], atol=1e-2)
    assert list(gain_cell_layers(tiny_gpt2)) == ["transformer.h.1.attn.gain_cell"]
    # cached decoding passes the unconverted layer a causal mask as well
    keyword = cache_keyword(tiny_gpt2)
    past = tiny_gpt2(tokens[:, :40], use_cache=True)[keyword]
    rest = tiny_gpt2(tokens[:, 40:], **{keyword: past}).logits
    torch.testing.assert_close(rest, tiny_gpt2(tokens).logits[:, 40:], rtol=0, atol=1e-3)


@torch.no_grad()
def test_cached_generation_equals_uncached(gain_cell_gpt2, tokens):
    options = {"max_new_tokens": 40, "do_sample": False, "pad_token_id": 0}
    cached = gain_cell_gpt2.generate(tokens[:1, :20], use_cache=True, **options)
    uncached = gain_cell_gpt2.generate(tokens[:1, :20], use_cache=False, **options)
    assert torch.equal(cached, uncached)
    assert cached[0, 20:].unique().numel() > 3


@torch.no_grad()
def test_left_padding_gives_what_the_text_gives_alone(gain_cell_gpt2, tokens):
    mask = torch.ones_like(tokens)
    mask[0, :13] = 0
    position = (mask.cumsum(1) - 1).clamp(min=0)
    padded = gain_cell_gpt2(tokens, attention_mask=mask, position_ids=position).logits[0, 13:]
    alone = gain_cell_gpt2(tokens[:1, 13:]).logits[0]
    torch.testing.assert_close(padded, alone, rtol=0, atol=1e-3)


@torch.no_grad()
def test_converting_again_swaps_the_hardware_and_keeps_the_scalers(gain_cell_gpt2, leroux, tokens):
    before = gain_cell_gpt2(tokens).logits
    convert(gain_cell_gpt2, leroux.with_cell("linear"), effects=Effects.none(), token_period=3e-6)
    layer = next(iter(gain_cell_layers(gain_cell_gpt2).values()))
    assert layer.hardware.cell == "linear"
    assert (layer.window, layer.effects, layer.token_period) == (None, Effects.none(), 3e-6)
    assert layer.q_shift.flatten().tolist() == pytest.approx([0.4, 0.4])
    assert not torch.allclose(gain_cell_gpt2(tokens).logits, before, atol=1e-3)


def test_a_token_passes_through_all_converted_layers(tiny_gpt2, leroux):
    convert(tiny_gpt2, leroux)
    assert next(iter(gain_cell_layers(tiny_gpt2).values())).token_period == pytest.approx(2 * 65e-9)


def test_gradients_reach_the_weights(gain_cell_gpt2, tokens):
    gain_cell_gpt2.train()
    gain_cell_gpt2(tokens, labels=tokens).loss.backward()
    for name, parameter in gain_cell_gpt2.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.slow
@torch.no_grad()
def test_compiled_model_gives_the_same(gain_cell_gpt2, tokens):
    eager = gain_cell_gpt2(tokens).logits
    torch._dynamo.reset()
    compiled = torch.compile(gain_cell_gpt2, backend="eager")
    torch.testing.assert_close(compiled(tokens).logits, eager, rtol=0, atol=1e-3)
    mask = torch.ones_like(tokens)
    mask[0, :13] = 0
    eager = gain_cell_gpt2(tokens, attention_mask=mask).logits
    torch.testing.assert_close(compiled(tokens, attention_mask=mask).logits, eager, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("make", "include", "message"),
    [
        (
            lambda model: model,
            "model.layers.*",
            "transformer.h.0.attn, transformer.h.1.attn; give an include",
        ),
        (lambda model: model.transformer, "transformer.h.*", "h.0.attn, h.1.attn"),
        (lambda model: torch.nn.Linear(2, 2), "*", "can swap; use a GPT-2- or Llama-like causal language"),
    ],
)
def test_nothing_to_convert_is_one_clear_error(tiny_gpt2, leroux, make, include, message):
    with pytest.raises(ModelError, match=message):
        convert(make(tiny_gpt2), leroux, include=include)


@torch.no_grad()
def test_masks_that_a_ring_cannot_follow_are_refused(gain_cell_gpt2, tokens):
    packed = torch.cat([torch.arange(30), torch.arange(30)]).expand(2, -1)
    with pytest.raises(ModelError, match="packed sequences"):
        gain_cell_gpt2(tokens, position_ids=packed, use_cache=False)
    with pytest.raises(ModelError, match="static"):
        cache = StaticCache(config=gain_cell_gpt2.config, max_cache_len=90)
        gain_cell_gpt2(tokens, **{cache_keyword(gain_cell_gpt2): cache})


def four_dimensional(mask):
    """A causal mask (B, 1, T, S) with the padding of `mask` (B, T)."""
    length = mask.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    return mask.bool()[:, None, None, :] & causal


def additive(mask, lowest):
    return torch.where(mask, 0.0, lowest)


@torch.no_grad()
@pytest.mark.parametrize("lowest", [None, torch.finfo(torch.float32).min, -torch.inf])
def test_a_causal_mask_of_four_dimensions_does_what_padding_does(gain_cell_gpt2, tokens, lowest):
    padding = torch.ones_like(tokens)
    padding[0, :13] = 0
    position = (padding.cumsum(1) - 1).clamp(min=0)
    mask = four_dimensional(padding)
    given = mask if lowest is None else additive(mask, lowest)
    expected = gain_cell_gpt2(tokens, attention_mask=padding, position_ids=position).logits
    assert torch.equal(gain_cell_gpt2(tokens, attention_mask=given, position_ids=position).logits, expected)
    one = four_dimensional(torch.ones_like(tokens[:1]))
    assert torch.equal(gain_cell_gpt2(tokens, attention_mask=one).logits, gain_cell_gpt2(tokens).logits)


def blocks(mask):
    mask[..., 30:, :30] = False
    return mask


def bidirectional(mask):
    return torch.ones_like(mask)


def biased(mask):
    return additive(mask, torch.finfo(torch.float32).min) - 0.1 * torch.rand(mask.shape)


def softly_hidden(mask):
    return additive(mask, -5.0)


def counted(mask):
    return mask.long()


def short(mask):
    return mask[..., 1:]


@torch.no_grad()
@pytest.mark.parametrize("change", [short, blocks, bidirectional, biased, softly_hidden, counted])
def test_a_mask_of_four_dimensions_that_says_more_is_refused(gain_cell_gpt2, tokens, change):
    mask = change(four_dimensional(torch.ones_like(tokens)))
    with pytest.raises(ModelError, match="give a 2-D attention_mask"):
        gain_cell_gpt2(tokens, attention_mask=mask)
