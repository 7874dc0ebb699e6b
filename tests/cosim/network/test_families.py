"""Families of transformers with a swappable attention: exact on ideal hardware, or refused at conversion."""

import pytest
import torch
from families import build
from transformers import CONFIG_MAPPING, BartConfig, BartForConditionalGeneration

from gaincell.circuits.errors import ModelError
from gaincell.cosim import convert, from_pretrained, gain_cell_layers, level_cache, save_pretrained
from gaincell.cosim.network.kv_cache import CACHE_KEYWORDS

EXACT = [
    "apertus",
    "arcee",
    "aria_text",
    "afmoe",
    "axk1",
    "bart",
    "beam",
    "biogpt",
    "bitnet",
    "blenderbot",
    "cohere",
    "cohere2",
    "deepseek_v2",
    "deepseek_v3",
    "ernie4_5",
    "ernie4_5_moe",
    "exaone",
    "exaone4",
    "flex_olmo",
    "gemma",
    "gemma3_text",
    "gemma4_text",
    "glm",
    "glm4",
    "glm4_moe",
    "gpt2",
    "gpt_bigcode",
    "gpt_neox",
    "granite",
    "granitemoe",
    "helium",
    "hunyuan_v1_dense",
    "internlm3",
    "jetmoe",
    "lfm2",
    "llama",
    "marian",
    "mbart",
    "minimax",
    "ministral",
    "mistral",
    "mixtral",
    "modernbert-decoder",
    "nanochat",
    "nemotron",
    "olmo",
    "olmo2",
    "olmo3",
    "olmoe",
    "opt",
    "pegasus",
    "persimmon",
    "phi",
    "phi3",
    "phimoe",
    "plbart",
    "qwen2",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
    "seed_oss",
    "smollm3",
    "stablelm",
    "starcoder2",
    "whisper",
]
OFTEN = {
    "bart",
    "gemma3_text",
    "gpt2",
    "gpt_neox",
    "llama",
    "minimax",
    "mistral",
    "olmo3",
    "phi",
    "qwen3_moe",
}
"""Families whose costlier tests are not marked slow."""

OWN_CACHE = {"minimax"}
"""Families that take no cache but their own."""

REFUSED = {
    "bloom": "none that transformers can swap",
    "diffllama": "several layers or passes",
    "falcon": "none that transformers can swap",
    "gemma2": "softcap",
    "gpt_oss": "s_aux",
    "llama4_text": "chunks",
    "mamba": "none that transformers can swap",
    "mpt": "none that transformers can swap",
    "vaultgemma": "softcap",
    "xglm": "none that transformers can swap",
}


def made(family):
    if family not in CONFIG_MAPPING:
        pytest.skip(f"this transformers has no {family}")
    return build(family)


@pytest.fixture
def tokens():
    return torch.randint(3, 97, (2, 14))


@pytest.fixture
def padding(tokens):
    mask = torch.ones_like(tokens)
    mask[0, :3] = 0
    return mask


def steps(model, tokens, mask=None, cache=None):
    """Logits of a prefill of 8 tokens and of every token after it, through a cache."""
    options = dict(cache or {}, use_cache=True)
    found = []
    for start, end in ((0, 8), *((i, i + 1) for i in range(8, tokens.shape[1]))):
        seen = {} if mask is None else {"attention_mask": mask[:, :end]}
        out = model(tokens[:, start:end], **seen, **options)
        keyword = next(name for name in CACHE_KEYWORDS if getattr(out, name, None) is not None)
        options = {keyword: getattr(out, keyword), "use_cache": True}
        found.append(out.logits)
    return torch.cat(found, dim=1)


def scaled(model):
    """Scalers that keep the signals inside the converters' ranges."""
    with torch.no_grad():
        for layer in gain_cell_layers(model).values():
            layer.q_scale.fill_(0.2)
            layer.q_shift.fill_(0.4)
            layer.k_scale.fill_(0.1)
            layer.v_scale.fill_(0.1)
    return model


@torch.no_grad()
@pytest.mark.parametrize("family", EXACT)
def test_ideal_hardware_is_the_network_itself(family, ideal, tokens, padding):
    model = made(family)
    plain, cached = model(tokens, use_cache=False).logits, steps(model, tokens)
    padded = model(tokens, attention_mask=padding, use_cache=False).logits
    convert(model, ideal, include="*")
    calls = []
    for name, layer in gain_cell_layers(model).items():
        layer.register_forward_hook(lambda *_, name=name: calls.append(name))
    torch.testing.assert_close(model(tokens, use_cache=False).logits, plain, rtol=0, atol=2e-3)
    assert sorted(calls) == sorted(gain_cell_layers(model))
    torch.testing.assert_close(steps(model, tokens), cached, rtol=0, atol=2e-3)
    seen = padding.bool()
    given = model(tokens, attention_mask=padding, use_cache=False).logits
    torch.testing.assert_close(given[seen], padded[seen], rtol=0, atol=2e-3)


@torch.no_grad()
@pytest.mark.parametrize(
    "family",
    [family if family in OFTEN else pytest.param(family, marks=pytest.mark.slow) for family in EXACT],
)
def test_cached_and_saved_networks_compute_the_same_on_circuits(family, leroux, tokens, padding, tmp_path):
    """Layers of different windows and periods; the sub-tiles hold fewer keys than the text has."""
    hardware = leroux.model_copy(update={"q_sat_1": 10.0, "columns": 4, "rows": 512})
    model = made(family)
    convert(model, hardware, include="*", window=9)
    name = next(iter(gain_cell_layers(model))).removesuffix(".gain_cell")
    other = hardware.model_copy(update={"name": "other", "columns": 5})
    scaled(convert(model, other, include=name, token_period=1e-4))
    uncached = model(tokens, attention_mask=padding, use_cache=False).logits
    caches = ({},) if family in OWN_CACHE else ({}, level_cache(model))
    for cache in caches:
        found = steps(model, tokens, padding, cache)
        torch.testing.assert_close(found[padding.bool()], uncached[padding.bool()], rtol=0, atol=5e-3)
    save_pretrained(model, tmp_path)
    loaded = from_pretrained(tmp_path)
    assert torch.equal(loaded(tokens, attention_mask=padding, use_cache=False).logits, uncached)


@pytest.mark.parametrize("family", REFUSED)
def test_a_family_that_gain_cells_cannot_compute_is_refused_at_conversion(family, ideal):
    model = made(family)
    before = model.config._attn_implementation
    with pytest.raises(ModelError, match=REFUSED[family]):
        convert(model, ideal, include="*")
    assert model.config._attn_implementation == before
    assert not gain_cell_layers(model)


@torch.no_grad()
def test_the_decoder_of_an_encoder_decoder_is_converted_alone(ideal, leroux, tokens, tmp_path):
    """Both sides of different length; the encoder and cross-attention stay as they are."""
    sizes = {"d_model": 64, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 64}
    for side in ("encoder", "decoder"):
        sizes |= {f"{side}_layers": 2, f"{side}_attention_heads": 4}
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    config = BartConfig(vocab_size=97, init_std=0.3, forced_eos_token_id=None, **sizes, **ends)
    model = BartForConditionalGeneration(config).eval()
    options = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None}
    plain = model(tokens, decoder_input_ids=tokens[:, :9]).logits
    text = model.generate(tokens, num_beams=2, **options)
    convert(model, ideal, include="*")
    assert list(gain_cell_layers(model)) == [f"model.decoder.layers.{i}.self_attn.gain_cell" for i in (0, 1)]
    found = model(tokens, decoder_input_ids=tokens[:, :9]).logits
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-4)
    assert torch.equal(model.generate(tokens, num_beams=2, **options), text)
    scaled(convert(model, leroux, include="*"))
    text = model.generate(tokens, **options)
    assert torch.equal(model.generate(tokens, use_cache=False, **options), text)
    save_pretrained(model, tmp_path)
    assert torch.equal(from_pretrained(tmp_path).generate(tokens, **options), text)
