"""Whole models on a host: work from configurations, and Amdahl's gain."""

import pytest
from transformers import GPT2Config, LlamaConfig

from gaincell.cosim import account
from gaincell.cosim.ledger.host import Cost, StatedHost, WholeModel, Work, whole_model


def test_work_follows_from_configurations():
    gpt2, llama = Work.of("GPT-2", GPT2Config()), Work.of("Llama", LlamaConfig())
    # Twelve layers of 12 x 768^2, and the output of 50,257 tokens.
    assert gpt2.weights == 12 * 12 * 768**2 + 50257 * 768
    assert (gpt2.layers, gpt2.heads, gpt2.kv_heads, gpt2.head_dim) == (12, 12, 12, 64)
    # Conv1D's transposed weights are (outputs, inputs) like those of nn.Linear.
    assert gpt2.matrices[2304, 768] == gpt2.matrices[3072, 768] == gpt2.matrices[768, 3072] == 12
    # A row of the table of tokens and one of that of positions.
    assert (gpt2.embedded, gpt2.vocabulary) == (2 * 768, 50257)
    assert llama.weights == 32 * (4 * 4096**2 + 3 * 4096 * 11008) + 32000 * 4096
    assert llama.matrices == {(4096, 4096): 128, (11008, 4096): 64, (4096, 11008): 32, (32000, 4096): 1}
    grouped = Work.of("grouped", LlamaConfig(num_key_value_heads=8, num_hidden_layers=1))
    assert (grouped.heads, grouped.kv_heads, grouped.head_dim) == (32, 8, 128)


def test_whole_models_follow_from_their_parts(full, traces_of):
    ledger = account(traces_of(full, window=8), full)
    work = Work("four", layers=4, heads=3, kv_heads=1, head_dim=12, matrices={(50, 10): 2}, embedded=7)
    host = StatedHost(joules_per_operation=2e-13, joules_per_byte=3e-11)
    one, longer = whole_model([work], ledger, full, host, windows=(8, 800))
    assert one.rest == longer.rest == Cost(pytest.approx(1000 * 2e-13 + 1007 * 3e-11), None)
    assert one.host_attention.joules == pytest.approx(4 * 2 * 8 * 12 * (3 * 2e-13 + 3e-11))
    # Twice the layers of the ledger: the ramp bias lasts twice as long. Heads of 12 instead of 6.
    bias = ledger.stages()["ramp bias"][0]
    assert one.attention.joules == pytest.approx(4 * 3 * 2 * (ledger.energy_per_token_head_J + bias))
    assert one.attention.seconds == pytest.approx(4 * ledger.latency_s)
    for model in (one, longer):
        rest = model.rest.joules
        whole = (rest + model.host_attention.joules) / (rest + model.attention.joules)
        assert model.gain == pytest.approx(whole)
        assert min(1, model.attention_gain) < model.gain < max(1, model.attention_gain)
        assert model.speed_up is None
    assert longer.host_attention.joules == pytest.approx(100 * one.host_attention.joules)


def test_speed_up_is_that_of_parts_in_sequence():
    work = Work("w", layers=1, heads=1, kv_heads=1, head_dim=1, matrices={(1, 1): 1})
    model = WholeModel(work, 8, rest=Cost(1, 2.0), host_attention=Cost(1, 6.0), attention=Cost(1, 0.5))
    assert model.speed_up == pytest.approx(8 / 2.5)
