"""Caches that hold levels: the same tokens, a byte an element, each written once."""

import copy
import io

import pytest
import torch
from tiny import llama
from torch import nn
from transformers import LlamaForCausalLM

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.cosim import Effects, LevelCache, convert, gain_cell_attention, gain_cell_layers, level_cache
from gaincell.cosim.attention.levels import NO_LEVEL, levels_of, volts_of
from gaincell.cosim.network.kv_cache import LEAST_ROOM, LevelLayer, cache_keyword
from gaincell.models import Hardware

OPTIONS = {"max_new_tokens": 40, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}


@pytest.fixture
def model(leroux) -> LlamaForCausalLM:
    """Four heads on two key-value heads; the ring wraps."""
    hardware = leroux.model_copy(update={"q_sat_1": 10.0, "columns": 16})
    network = convert(llama(160), hardware, window=25, include="model.layers.*")
    with torch.no_grad():
        for layer in gain_cell_layers(network).values():
            layer.q_shift.fill_(0.4)
            layer.k_scale.fill_(0.3)
            layer.v_scale.fill_(0.3)
    return network


@pytest.fixture
def prompts():
    """A batch whose first and last prompt are padded."""
    tokens, stored = torch.randint(1, 64, (3, 20)), torch.ones(3, 20, dtype=torch.long)
    stored[0, :9] = stored[2, :3] = 0
    return {"input_ids": tokens * stored, "attention_mask": stored}


class TakesCache(nn.Module):
    def forward(self, input_ids, cache=None): ...


class TakesPastKeyValues(nn.Module):
    def forward(self, input_ids, past_key_values=None): ...


@pytest.mark.parametrize(
    ("network", "keyword"), [(TakesCache, "cache"), (TakesPastKeyValues, "past_key_values")]
)
def test_the_keyword_is_that_of_the_model(network, keyword):
    assert cache_keyword(network()) == keyword


def test_a_model_that_takes_no_cache_is_refused():
    with pytest.raises(ModelError, match=r"Linear.forward takes no cache: none of cache, past_key_values"):
        cache_keyword(nn.Linear(2, 2))


@pytest.mark.filterwarnings("error")
@torch.no_grad()
def test_forward_and_generate_take_a_level_cache_without_a_warning(model, prompts):
    """Whichever transformers is installed; the output has the cache under the same keyword."""
    argument = level_cache(model)
    (cache,) = argument.values()
    assert type(cache) is LevelCache
    assert model(**prompts, **argument)[cache_keyword(model)] is cache
    assert cache.get_seq_length() == 20
    ((keyword, other),) = level_cache(torch.compile(model, backend="eager")).items()
    assert keyword == cache_keyword(model) and other is not cache
    assert model.generate(**prompts, **OPTIONS, **{keyword: other}).shape == (3, 60)


@torch.no_grad()
@pytest.mark.parametrize("implementation", ["auto", "torch", "reference"])
@pytest.mark.parametrize("search", [{}, {"num_beams": 3}], ids=["greedy", "beams"])
def test_levels_change_no_token(model, prompts, implementation, search):
    for layer in gain_cell_layers(model).values():
        layer.implementation = implementation
    plain = model.generate(**prompts, **OPTIONS, **search)
    ((keyword, cache),) = level_cache(model).items()
    assert torch.equal(plain, model.generate(**prompts, **OPTIONS, **search, **{keyword: cache}))
    assert plain[:, 20:].unique().numel() > 5
    assert cache.layers[0].keys.dtype == torch.uint8


@torch.no_grad()
def test_a_token_is_written_and_nothing_is_copied(model):
    cache, tokens = LevelCache(model), torch.randint(1, 64, (1, LEAST_ROOM + 30))
    model(tokens[:, :10], **{cache_keyword(model): cache})
    places, lengths = set(), []
    for i in range(10, tokens.shape[1]):
        model(tokens[:, i : i + 1], **{cache_keyword(model): cache})
        places.add(cache.layers[1].keys.data_ptr())
        lengths.append(cache.get_seq_length(1))
    assert lengths == list(range(11, tokens.shape[1] + 1))
    assert len(places) == 2
    assert cache.layers[1].keys.untyped_storage().nbytes() <= 1.7 * cache.layers[1].keys.numel()
    whole = LevelCache(model)
    model(tokens, **{cache_keyword(model): whole})
    assert torch.equal(whole.layers[1].values, cache.layers[1].values)


@torch.no_grad()
def test_a_cropped_cache_is_written_anew(model):
    """What another owner may still see is not overwritten."""
    cache, tokens = LevelCache(model), torch.randint(1, 64, (1, 30))
    model(tokens, **{cache_keyword(model): cache})
    before = cache.layers[0].keys
    copy = before.clone()
    cache.crop(-10)
    other = torch.randint(1, 64, (1, 10))
    logits = model(other, **{cache_keyword(model): cache}).logits
    assert torch.equal(before, copy)
    expected = model(torch.cat([tokens[:, :20], other], dim=1)).logits[:, 20:]
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)


@torch.no_grad()
def test_a_cache_can_be_used_again_after_a_reset(model):
    cache, tokens = LevelCache(model), torch.randint(1, 64, (1, 12))
    first = model(tokens, **{cache_keyword(model): cache}).logits
    cache.reset()
    assert cache.get_seq_length() == 0
    torch.testing.assert_close(model(tokens, **{cache_keyword(model): cache}).logits, first)


@torch.no_grad()
def test_a_copy_goes_on_by_itself(model):
    """As one prompt is used for several answers: the network is not copied, nor stored with the levels."""
    cache, tokens = LevelCache(model), torch.randint(1, 64, (1, 70))
    model(tokens, **{cache_keyword(model): cache})
    other = copy.deepcopy(cache)
    step = torch.tensor([[5]])
    expected = model(torch.cat([tokens, step], 1)).logits[:, -1:]
    for one in (cache, other):
        torch.testing.assert_close(
            model(step, **{cache_keyword(model): one}).logits, expected, rtol=0, atol=1e-4
        )
    assert other.layers[0].attention is cache.layers[0].attention
    assert other.layers[0].keys.data_ptr() != cache.layers[0].keys.data_ptr()
    stored = io.BytesIO()
    torch.save(cache.layers[0].__getstate__()["keys"], stored)
    assert stored.tell() < 2 * cache.layers[0].keys.numel() + 2000


def test_a_cache_from_inference_mode_can_be_continued(model):
    cache, tokens = LevelCache(model), torch.randint(1, 64, (1, 12))
    with torch.inference_mode():
        model(tokens, **{cache_keyword(model): cache})
    with torch.no_grad():
        logits = model(tokens[:, :1], **{cache_keyword(model): cache}).logits
        expected = model(torch.cat([tokens, tokens[:, :1]], 1)).logits[:, -1:]
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)


def test_training_with_levels_is_refused(model):
    with pytest.raises(ModelError, match="train with use_cache=False"):
        model.train()(torch.randint(1, 64, (1, 12)), **level_cache(model))
    model.eval()(torch.randint(1, 64, (1, 12)), **level_cache(model))


@torch.no_grad()
def test_a_compiled_model_reads_levels(model, prompts):
    eager = model.generate(**prompts, **OPTIONS)
    torch._dynamo.reset()
    model.forward = torch.compile(model.forward, backend="eager")
    assert torch.equal(model.generate(**prompts, **OPTIONS, **level_cache(model)), eager)


def test_layers_without_levels_keep_what_they_are_given(tiny_gpt2, leroux, ideal):
    for hardware, effects in ((leroux, Effects(quantise=False)), (ideal, Effects())):
        convert(tiny_gpt2, hardware, effects=effects)
        assert not any(isinstance(layer, LevelLayer) for layer in LevelCache(tiny_gpt2).layers)
    convert(tiny_gpt2, leroux, include="transformer.h.1.*")
    convert(tiny_gpt2, leroux.model_copy(update={"levels": leroux.levels}), include="transformer.h.0.*")
    assert all(isinstance(layer, LevelLayer) for layer in LevelCache(tiny_gpt2).layers)


@pytest.mark.parametrize("array", [1, 2])
@pytest.mark.parametrize("name", ["leroux2025", "generic28"])
def test_the_volts_of_a_level_are_that_level(name, array):
    hardware = Hardware.from_pretrained(name)
    count = hardware.levels.key if array == 1 else hardware.levels.value
    every = torch.tensor([*range(count), NO_LEVEL], dtype=torch.uint8)
    volts = volts_of(every, array, hardware)
    assert torch.equal(levels_of(volts, array, hardware), every)
    assert volts[0] == hardware.v_min and volts[-2] == pytest.approx(hardware.v_max) and volts[-1].isnan()
    assert levels_of(torch.tensor([-1.0, 2.0]), array, hardware).tolist() == [0, count - 1]


@pytest.mark.parametrize("implementation", ["reference", "torch", "native"])
@pytest.mark.parametrize("queries", [1, 5])
@pytest.mark.parametrize("name", ["leroux2025", "generic28", "generic28-sc", "two-phase"])
def test_levels_give_what_their_volts_give(name, queries, implementation):
    """One of them is not a number, and the depth no whole number of vectors."""
    two_phase = {"signed_query": "two-phase", "swap_efficiency": 0.9}
    hardware = Hardware.from_pretrained(name if name != "two-phase" else "generic28")
    hardware = hardware.model_copy(update=two_phase if name == "two-phase" else {})
    q, k, v = torch.rand(2, 4, queries, 24), torch.rand(2, 2, 90, 24), torch.rand(2, 2, 90, 24)
    k[1, 0, 60, 7] = torch.nan
    stored = torch.ones(2, 90, dtype=torch.bool)
    stored[0, :11] = False
    levels = levels_of(k, 1, hardware), levels_of(v, 2, hardware)
    where = {"window": 80, "attention_mask": stored, "implementation": implementation}
    expected = gain_cell_attention(q, k, v, hardware, **where)
    assert expected.isnan().any() and not expected.isnan().all()
    torch.testing.assert_close(
        gain_cell_attention(q, *levels, hardware, **where), expected, rtol=0, atol=1e-6, equal_nan=True
    )


def test_queries_learn_through_levels(leroux):
    q = torch.rand(1, 2, 1, 16, requires_grad=True)
    k, v = torch.rand(1, 2, 30, 16), torch.rand(1, 2, 30, 16)
    grads = [
        torch.autograd.grad(gain_cell_attention(q, *stored, leroux).square().sum(), q)[0]
        for stored in ((k, v), (levels_of(k, 1, leroux), levels_of(v, 2, leroux)))
    ]
    torch.testing.assert_close(*grads)
    assert grads[0].abs().max() > 0


def test_levels_without_quantisation_are_refused(leroux, ideal):
    q, k = torch.rand(1, 2, 1, 16), torch.zeros(1, 2, 30, 16, dtype=torch.uint8)
    with pytest.raises(HardwareError, match="give keys and values as volts"):
        gain_cell_attention(q, k, k, leroux, effects=Effects(quantise=False))
    with pytest.raises(HardwareError, match="give keys and values as volts"):
        gain_cell_attention(q, k, k, ideal)
    with pytest.raises(ValueError, match="both as volts or both as levels"):
        gain_cell_attention(q, k, k.float(), leroux)
