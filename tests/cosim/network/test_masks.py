"""What a mask says and what a network asks of its attention is never dropped, in eager mode or compiled."""

import copy

import pytest
import torch
from families import build

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.cosim import convert, gain_cell_layers, level_cache
from gaincell.cosim.network.kv_cache import cache_keyword
from gaincell.cosim.network.masks import stored_keys


@pytest.fixture
def tokens():
    return torch.randint(3, 97, (2, 14))


def eager(model):
    return model


def compiled(model):
    torch._dynamo.reset()
    return torch.compile(model, backend="eager", fullgraph=True)


def causal(length=14):
    return torch.ones(1, 1, length, length, dtype=torch.bool).tril()


def packed(tokens):
    return {"position_ids": torch.arange(7).repeat(2).expand(2, -1)}


def prefix(tokens):
    mask = causal()
    mask[..., :5, :5] = True
    return {"attention_mask": mask}


def sliding(tokens):
    return {"attention_mask": causal() & ~causal().tril(-4)}


def soft(tokens):
    return {"attention_mask": torch.where(causal(), 0.0, -5.0)}


@torch.no_grad()
@pytest.mark.parametrize("base", ["sdpa", "eager"])
@pytest.mark.parametrize(
    ("mode", "ask"),
    [
        *((eager, ask) for ask in (packed, prefix, sliding, soft)),
        (compiled, packed),
        *(pytest.param(compiled, ask, marks=pytest.mark.slow) for ask in (prefix, sliding, soft)),
    ],
)
def test_a_mask_that_a_ring_cannot_follow_is_refused_compiled_too(ideal, tokens, mode, ask, base):
    model = build("gpt2", num_hidden_layers=1)
    model.set_attn_implementation(base)
    model = mode(convert(model, ideal, include="*"))
    with pytest.raises(ModelError, match="give a 2-D attention_mask"):
        model(tokens, use_cache=False, **ask(tokens))


@torch.no_grad()
@pytest.mark.parametrize("family", ["gpt2", "mistral", "gemma3_text"])
@pytest.mark.parametrize("base", ["sdpa", "eager"])
@pytest.mark.slow
def test_a_compiled_model_follows_padding_and_windows(ideal, tokens, base, family):
    model = build(family)
    model.set_attn_implementation(base)
    mask = torch.ones_like(tokens)
    mask[0, :3] = 0
    asked = {"attention_mask": mask, "use_cache": False}
    plain = model(tokens, **asked).logits, model(tokens, use_cache=False).logits
    model = compiled(convert(model, ideal, include="*"))
    seen = mask.bool()
    torch.testing.assert_close(model(tokens, **asked).logits[seen], plain[0][seen], rtol=0, atol=1e-3)
    torch.testing.assert_close(model(tokens, use_cache=False).logits, plain[1], rtol=0, atol=1e-3)


def test_padding_inside_the_text_is_not_a_window():
    """A ring counts stored tokens, the network's window all of them."""
    window = causal(8) & ~causal(8).tril(-3)
    stored = torch.tensor([True, True, False, True, True, True, True, True])
    with pytest.raises(ModelError, match="window of 3 tokens"):
        stored_keys(window & stored, 8, 1, 3)
    stored = torch.tensor([False, False, True, True, True, True, True, True])
    assert torch.equal(stored_keys(window & stored, 8, 1, 3)[0], stored)


@torch.no_grad()
@pytest.mark.parametrize(
    ("family", "converted", "left"), [("gemma2", 1, 0), ("mimo_v2_flash", 0, 1)], ids=["soft caps", "sinks"]
)
def test_layers_left_out_keep_the_attention_of_the_model(family, converted, left, ideal, tokens):
    """Whose soft caps and sinks neither sdpa nor gain cells compute."""
    model = build(family)
    layers = model.model.layers
    if family == "gemma2":
        layers[left].self_attn.attn_logit_softcapping = 0.1
        layers[converted].self_attn.attn_logit_softcapping = None
    expected = model(tokens, use_cache=False).logits
    convert(model, ideal, include=f"model.layers.{converted}.*")
    torch.testing.assert_close(model(tokens, use_cache=False).logits, expected, rtol=0, atol=1e-3)
    with pytest.raises(ModelError, match=f"layers.{left}.self_attn asks its attention for"):
        convert(model, ideal, include="*")


@pytest.mark.parametrize("family", ["gpt2", "llama", "mistral"])
def test_bidirectional_attention_is_refused(family, ideal, tokens):
    with pytest.raises(ModelError, match="is_causal=False"):
        convert(build(family, is_causal=False), ideal, include="*")
    model = convert(build(family), ideal, include="*")
    model.config.is_causal = False
    with pytest.raises(ModelError, match="bidirectional"):
        model(tokens, use_cache=False)


@torch.no_grad()
def test_arguments_that_are_not_known_are_refused(ideal, tokens):
    model = convert(build("llama"), ideal, include="*")
    plain = model(tokens).logits
    assert torch.equal(model(tokens, num_items_in_batch=3, position_bias=None).logits, plain)
    for unknown in ({"position_bias": torch.zeros(1)}, {"cu_seq_lens_q": torch.tensor([0, 7, 14])}):
        with pytest.raises(ModelError, match=f"{next(iter(unknown))!r}, which gain cells do not know"):
            model(tokens, **unknown)


@pytest.mark.parametrize("base", ["flex_attention", "gaincell"])
def test_implementations_whose_masks_are_not_understood_are_refused(ideal, base):
    model = build("llama")
    model.config._attn_implementation = base
    with pytest.raises(ModelError, match=f"attention implementation is '{base}'"):
        convert(model, ideal, include="*")


@torch.no_grad()
def test_the_attention_function_is_not_chosen_by_name(tokens):
    model = build("llama")
    model.set_attn_implementation("gaincell")
    with pytest.raises(ModelError, match="call gaincell.cosim.convert"):
        model(tokens)


def test_heads_larger_than_the_arrays_need_their_time(leroux, ideal):
    model = build("llama", head_dim=128)
    with pytest.raises(HardwareError, match="states the time of heads of at most 64 dimensions"):
        convert(model, leroux, include="*")
    convert(model, leroux, include="*", token_period=1e-6)
    convert(model, ideal, include="*")


@torch.no_grad()
@pytest.mark.parametrize("include", ["*", "model.layers.0.*", "model.layers.1.*"])
@pytest.mark.parametrize("window", [None, 4, 9])
def test_the_networks_own_window_becomes_the_rings(ideal, tokens, include, window):
    """Gemma 3 with a local and a global layer; generation goes past the window."""
    kinds = {"layer_types": ["sliding_attention", "full_attention"]}
    model, options = (
        build("gemma3_text", **kinds),
        {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None},
    )
    plain = model.generate(tokens, **options)
    convert(model, ideal, include=include, window=window)
    for name, layer in gain_cell_layers(model).items():
        own = 6 if "layers.0" in name else None
        assert layer.window == min((x for x in (window, own) if x), default=None)
    generated = model.generate(tokens, **options)
    assert torch.equal(generated, model.generate(tokens, use_cache=False, **options))
    if window is None or (window == 9 and include == "model.layers.0.*"):
        assert torch.equal(generated, plain)


@torch.no_grad()
def test_a_cache_of_one_window_from_before_conversion_is_refused(ideal, tokens):
    model = build("mistral")
    keyword = cache_keyword(model)
    cache = model(tokens)[keyword]
    convert(model, ideal, include="*")
    with pytest.raises(ModelError, match="make a new one"):
        model(tokens[:, :1], **{keyword: cache})


@pytest.mark.parametrize("implementation", ["native", "torch", "reference"])
def test_gradient_checkpointing_gives_the_gradients_of_the_network_without(leroux, tokens, implementation):
    """Also where a longer text, in mid-training, needs another description of the circuit."""
    model = convert(build("llama"), leroux, include="*", implementation=implementation).train()
    other = copy.deepcopy(model)
    # transformers 5.24 has a new name for it.
    enable = getattr(other, "activation_checkpointing_enable", None) or other.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    for text in (tokens[:, :6], tokens):
        for network in (model, other):
            network.zero_grad()
            network(text, labels=text, use_cache=False).loss.backward()
        for (name, one), two in zip(model.named_parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(one.grad, two.grad, rtol=1e-4, atol=1e-6, msg=name)


@torch.no_grad()
@pytest.mark.parametrize("family", ["mistral", "gemma3_text"])
@pytest.mark.parametrize(
    "way",
    [{"num_beams": 3}, {"prompt_lookup_num_tokens": 2}, {"prefill_chunk_size": 5}],
    ids=["beams", "assisted", "in chunks"],
)
def test_every_way_of_generating_goes_past_the_window(ideal, leroux, tokens, family, way):
    """Beams reorder the cache, assisted decoding crops it."""
    model = build(family)
    tokens = tokens if "num_beams" in way else tokens[:1]
    options = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    plain = model.generate(tokens, **options, **way)
    assert torch.equal(convert(model, ideal, include="*").generate(tokens, **options, **way), plain)
    convert(model, leroux.model_copy(update={"q_sat_1": 10.0, "columns": 4}), include="*")
    padding = torch.ones_like(tokens)
    padding[0, :4] = 0
    options |= {"attention_mask": padding}
    beams = {"num_beams": way.get("num_beams", 1)}
    expected = model.generate(tokens, use_cache=False, **options, **beams)
    assert torch.equal(model.generate(tokens, **options, **way), expected)
    assert torch.equal(model.generate(tokens, **options, **way, **level_cache(model)), expected)
