"""What users do with a network, for each family that they bring: with ideal arrays it stays what it was.

Families of the same attention code are left to `test_families.py`, which has all of them.
"""

import copy
import warnings

import pytest
import torch
from families import build

from gaincell.cosim import convert, gain_cell_layers

FAMILIES = ["gpt2", "gpt_neox", "opt", "llama", "mistral", "qwen2", "qwen3", "phi3", "gemma3_text"]
WRAPPED = ["gpt_neox", "qwen3", "gemma3_text"]
"""Families for the costlier wrappers; GPT-2 and Llama are in `test_real_wrappers.py`."""
SEARCHES = {
    "greedy": {"do_sample": False},
    "sampled": {"do_sample": True, "top_k": 0},
    "beams": {"do_sample": False, "num_beams": 3},
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture
def pair(family, ideal):
    """The network, and a converted copy."""
    model = build(family)
    return model, convert(copy.deepcopy(model), ideal, include="*")


@pytest.fixture
def tokens():
    return torch.randint(3, 97, (2, 14))


@pytest.fixture
def padding(tokens):
    mask = torch.ones_like(tokens)
    mask[0, :5] = 0
    return mask


def written(model, ids, **options):
    torch.manual_seed(1)
    return model.generate(ids, max_new_tokens=6, eos_token_id=None, pad_token_id=0, **options)


@torch.no_grad()
@pytest.mark.parametrize("search", SEARCHES)
def test_a_padded_batch_is_continued_as_without_arrays(pair, tokens, padding, search):
    plain, converted = pair
    expected = written(plain, tokens, attention_mask=padding, **SEARCHES[search])
    found = written(converted, tokens, attention_mask=padding, **SEARCHES[search])
    assert torch.equal(found, expected)


@torch.no_grad()
def test_chunks_of_a_prompt_and_a_continued_chat_give_the_uncached_logits(pair, tokens):
    plain, converted = pair
    whole = plain(tokens, use_cache=False).logits
    cache, found = None, []
    # A prompt in two chunks, two tokens one by one, and the next turn of a chat.
    for start, end in ((0, 4), (4, 9), (9, 10), (10, 11), (11, 14)):
        out = converted(tokens[:, start:end], use_cache=True, **({} if cache is None else cache))
        name = "cache" if getattr(out, "cache", None) is not None else "past_key_values"
        cache = {name: getattr(out, name)}
        found.append(out.logits)
    torch.testing.assert_close(torch.cat(found, dim=1), whole, rtol=0, atol=2e-3)


def test_checkpointed_gradients_are_those_of_the_whole_graph(family, leroux, tokens):
    gradients = []
    for checkpointing in (False, True):
        model = convert(build(family), leroux, include="*")
        with torch.no_grad():
            for layer in gain_cell_layers(model).values():
                layer.q_scale.fill_(0.2)
                layer.k_scale.fill_(0.1)
                layer.v_scale.fill_(0.1)
        if checkpointing:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                model.gradient_checkpointing_enable()
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model(tokens, labels=tokens, use_cache=False).loss.backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    one, other = gradients
    assert any("q_scale" in name and x.abs().max() > 0 for name, x in one.items())
    assert one.keys() == other.keys()
    for name, x in one.items():
        torch.testing.assert_close(other[name], x, rtol=1e-3, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("half", ["autocast", "weights"])
def test_bfloat16_differs_by_its_rounding_alone(pair, tokens, half):
    plain, converted = pair
    if half == "weights":
        plain, converted = plain.bfloat16(), converted.bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=half == "autocast"):
        expected, found = (model(tokens, use_cache=False).logits.float() for model in (plain, converted))
    difference = (found - expected).abs()
    assert difference.mean() < 0.05 * expected.std()


@torch.no_grad()
@pytest.mark.parametrize("family", WRAPPED)
def test_a_compiled_network_gives_the_same_logits(pair, tokens):
    plain, converted = pair
    found = torch.compile(converted, backend="eager")(tokens, use_cache=False).logits
    torch.testing.assert_close(found, plain(tokens, use_cache=False).logits, rtol=0, atol=2e-3)


@pytest.mark.parametrize("family", WRAPPED)
def test_additions_of_low_rank_learn_beside_the_scalers(family, leroux, tokens):
    peft = pytest.importorskip("peft")
    wrapped = peft.get_peft_model(build(family), peft.LoraConfig(r=2, target_modules="all-linear"))
    model = convert(wrapped, leroux, include="*")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model.train()
    model(input_ids=tokens, labels=tokens).loss.backward()
    optimiser.step()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert any("lora_B" in name for name in moved) and any("_scale" in name for name in moved)
    assert all("lora_" in name or ".gain_cell." in name for name in moved)
