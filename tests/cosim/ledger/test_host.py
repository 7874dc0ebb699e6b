"""Whole models on a host: work from configurations, and Amdahl's gain."""

import pytest
from transformers import GPT2Config, LlamaConfig

from gaincell.cosim import account
from gaincell.cosim.ledger.host import Host, Work, whole_model


def test_work_follows_from_configurations():
    gpt2, llama = Work.of("GPT-2", GPT2Config()), Work.of("Llama", LlamaConfig())
    # Twelve layers of 12 x 768^2, and the output of 50,257 tokens.
    assert gpt2.weights == 12 * 12 * 768**2 + 50257 * 768
    assert (gpt2.layers, gpt2.heads, gpt2.kv_heads, gpt2.head_dim) == (12, 12, 12, 64)
    assert llama.weights == 32 * (4 * 4096**2 + 3 * 4096 * 11008) + 32000 * 4096
    grouped = Work.of("grouped", LlamaConfig(num_key_value_heads=8, num_hidden_layers=1))
    assert (grouped.heads, grouped.kv_heads, grouped.head_dim) == (32, 8, 128)


def test_whole_models_follow_from_their_parts(full, traces_of):
    ledger = account(traces_of(full, window=8), full)
    work = Work("four layers", layers=4, heads=3, kv_heads=1, head_dim=12, weights=1000)
    host = Host(joules_per_operation=2e-13, joules_per_byte=3e-11)
    one, longer = whole_model([work], ledger, full, host, windows=(8, 800))
    assert one.rest_J == longer.rest_J == pytest.approx(1000 * (2e-13 + 3e-11))
    assert one.host_attention_J == pytest.approx(4 * 2 * 8 * 12 * (3 * 2e-13 + 3e-11))
    # Twice the layers of the ledger: the ramp bias lasts twice as long. Heads of 12 instead of 6.
    bias = ledger.stages()["ramp bias"][0]
    assert one.attention_J == pytest.approx(4 * 3 * 2 * (ledger.energy_per_token_head_J + bias))
    for model in (one, longer):
        whole = (model.rest_J + model.host_attention_J) / (model.rest_J + model.attention_J)
        assert model.gain == pytest.approx(whole)
        assert min(1, model.attention_gain) < model.gain < max(1, model.attention_gain)
    assert longer.host_attention_J == pytest.approx(100 * one.host_attention_J)
