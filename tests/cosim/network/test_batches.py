"""The held-out measure, against a cross-entropy written by hand."""

import math

import numpy as np
import pytest
import torch
from tiny import CONTEXT, network

from gaincell.circuits.errors import ModelError
from gaincell.cosim.network.batches import held_out_windows, measure, strided_windows


def test_measure_equals_cross_entropy_written_by_hand():
    model = network(dropout=0.5).train()
    tokens = torch.randint(0, 256, (3 * CONTEXT + 5,))
    losses = []
    model.eval()
    for start in range(0, 3 * CONTEXT, CONTEXT):
        with torch.no_grad():
            logits = model(tokens[None, start : start + CONTEXT]).logits[0].double().numpy()
        for position in range(CONTEXT):
            target = int(tokens[start + position + 1])
            losses.append(np.log(np.exp(logits[position]).sum()) - logits[position][target])
    model.train()
    loss = measure(model, held_out_windows(tokens, context=CONTEXT), batch=2)
    assert loss.nats == pytest.approx(np.mean(losses), abs=1e-5)
    assert loss.perplexity == pytest.approx(math.exp(np.mean(losses)), rel=1e-5)
    assert loss.tokens == 3 * CONTEXT
    assert loss.tokens_per_second > 0
    per_window = np.mean(np.reshape(losses, (3, -1)), axis=1)
    assert loss.error == pytest.approx(np.std(per_window, ddof=1) / np.sqrt(3), abs=1e-5)
    assert model.training


def test_windows_predict_every_token_once():
    tokens = torch.arange(101)
    windows = held_out_windows(tokens, context=10)
    assert torch.equal(windows[:, 1:].flatten(), torch.arange(1, 101))
    assert torch.equal(windows[:, 0], torch.arange(0, 100, 10))


def test_a_limit_takes_a_seeded_choice_in_text_order():
    tokens = torch.arange(1000)
    chosen = held_out_windows(tokens, context=10, limit=200, seed=4)
    assert chosen.shape == (20, 11)
    assert torch.equal(chosen, held_out_windows(tokens, context=10, limit=200, seed=4))
    assert not torch.equal(chosen, held_out_windows(tokens, context=10, limit=200, seed=5))
    assert (chosen[1:, 0] > chosen[:-1, 0]).all()
    assert len(held_out_windows(tokens, context=10, limit=10**6)) == 99


def test_a_text_shorter_than_a_window_is_refused_with_the_minimum():
    with pytest.raises(ModelError, match="has 10 tokens, but at least 11 are needed"):
        held_out_windows(torch.arange(10), context=10)
    assert held_out_windows(torch.arange(11), context=10).shape == (1, 11)


def test_a_broken_model_is_reported():
    model = network()
    with torch.no_grad():
        model.transformer.wte.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        measure(model, torch.zeros(1, 5, dtype=torch.int64))


@pytest.mark.parametrize(("length", "stride"), [(100, 8), (100, 24), (24, 5), (97, 1), (25, 7)])
def test_strided_windows_give_the_perplexity_of_hugging_faces_recipe(length, stride):
    """https://huggingface.co/docs/transformers/perplexity, written as there."""
    model = network().eval()
    tokens = torch.randint(0, 256, (length,))
    nll_sum, n_tokens, prev_end = 0.0, 0, 0
    for begin in range(0, length, stride):
        end = min(begin + CONTEXT, length)
        input_ids = tokens[None, begin:end]
        target_ids = input_ids.clone()
        target_ids[:, : -(end - prev_end)] = -100
        with torch.no_grad():
            loss = model(input_ids, labels=target_ids).loss
        valid = int((target_ids != -100).sum()) - int(target_ids[0, 0] != -100)
        if valid:
            nll_sum, n_tokens = nll_sum + float(loss) * valid, n_tokens + valid
        prev_end = end
        if end == length:
            break
    windows, scored = strided_windows(tokens, context=CONTEXT, stride=stride)
    loss = measure(model, windows, scored=scored, batch=3)
    # With windows that do not overlap, the recipe predicts no window's first token.
    assert loss.tokens == n_tokens == (length - 1 if stride < CONTEXT else length - len(windows))
    assert loss.nats == pytest.approx(nll_sum / n_tokens, abs=1e-5)


def test_a_limit_of_strided_windows_takes_a_seeded_choice_or_the_first():
    tokens = torch.arange(1000)
    whole, scored = strided_windows(tokens, context=20, stride=5)
    first, some = strided_windows(tokens, context=20, stride=5, limit=50, seed=None)
    assert torch.equal(first, whole[:10])
    assert torch.equal(some, scored[:10])
    drawn, _ = strided_windows(tokens, context=20, stride=5, limit=50, seed=3)
    assert len(drawn) == 10
    assert not torch.equal(drawn, first)
    assert torch.equal(held_out_windows(tokens, context=20, limit=40, seed=None)[:, 0], torch.tensor([0, 20]))


def test_strides_that_skip_tokens_and_short_texts_are_refused():
    with pytest.raises(ModelError, match="a stride of 11 tokens leaves some out"):
        strided_windows(torch.arange(100), context=10, stride=11)
    with pytest.raises(ModelError, match="has 9 tokens, but at least 10"):
        strided_windows(torch.arange(9), context=10, stride=5)
