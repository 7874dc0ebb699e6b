"""Evaluation on a user's text: units, windows and rows."""

import math

import pytest
import torch
from tiny import CONTEXT, SENTENCE, network

from gaincell.circuits.errors import ModelError
from gaincell.cosim.network.batches import measure, strided_windows
from gaincell.cosim.network.checkpoints import Checkpoint, context_of, load_softmax, locate
from gaincell.cosim.network.corpus import encode
from gaincell.cosim.network.evaluate import evaluate_model

TEXT = (SENTENCE * 3).decode().strip()


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pretrained")
    network().save_pretrained(directory)
    return directory


def test_perplexity_per_word_and_byte_spread_one_loss_over_other_units(pretrained, ideal):
    result = evaluate_model(locate(str(pretrained)), ideal, content=TEXT, stride=8, tokens=None)
    windows, scored = strided_windows(encode(TEXT), context=CONTEXT, stride=8)
    loss = measure(load_softmax(pretrained), windows, scored=scored)
    assert result["tokens"] == len(TEXT) - 1
    assert result["perplexity"]["softmax"] == pytest.approx(loss.perplexity, rel=1e-5)
    assert result["perplexity_per_byte"]["softmax"] == pytest.approx(loss.perplexity, rel=1e-5)
    bytes_per_word = len(TEXT) / len(TEXT.split())
    assert math.log(result["perplexity_per_word"]["softmax"]) == pytest.approx(loss.nats * bytes_per_word)
    assert (result["context"], result["stride"]) == (CONTEXT, 8)


def test_only_the_rows_asked_for_are_measured(pretrained, ideal):
    shown = []
    result = evaluate_model(
        locate(str(pretrained)),
        ideal,
        content=TEXT,
        rows=("mapped",),
        report=lambda item, done, total: shown.append((item, done)),
    )
    assert [row for row, value in result["perplexity"].items() if value is not None] == ["mapped"]
    assert shown[:2] == [("load", 0), ("mapped", 0)]
    with pytest.raises(ModelError, match="there is no row sofmax; rows are softmax"):
        evaluate_model(locate(str(pretrained)), ideal, content=TEXT, rows=("sofmax",))
    with pytest.raises(ModelError, match="has no weights for control; ask for other rows"):
        evaluate_model(locate(str(pretrained)), ideal, content=TEXT, rows=("control",))


def test_rows_are_compared_with_softmax_on_request(pretrained, ideal, leroux):
    options = {"content": TEXT, "rows": ("softmax", "mapped"), "tokens": None}
    checkpoint = locate(str(pretrained))
    assert evaluate_model(checkpoint, ideal, **options)["agreement"] is None
    exact = evaluate_model(checkpoint, ideal, agreement=True, **options)["agreement"]
    assert list(exact) == ["mapped"]
    assert exact["mapped"]["top1"] == 1.0
    assert exact["mapped"]["kl_nats"] == pytest.approx(0.0, abs=1e-6)
    rough = evaluate_model(checkpoint, leroux, agreement=True, **options)["agreement"]
    assert rough["mapped"]["kl_nats"] > 2e-5


def test_the_context_is_the_networks_own_up_to_1024_or_what_is_asked_for(pretrained, ideal):
    model = network()
    assert context_of(model) == CONTEXT
    model.config.n_positions = 8192
    assert context_of(model) == 1024
    assert context_of(model, 2048) == 2048
    assert context_of(model, most=256) == 256
    with pytest.raises(ModelError, match="reads at most 8192 tokens, not 8193"):
        context_of(model, 8193)
    short = evaluate_model(locate(str(pretrained)), ideal, content=TEXT, context=10, rows=("softmax",))
    assert short["context"] == 10


def test_an_adapted_network_is_measured_in_the_context_of_its_adaptation():
    record = {"settings": {"recipe": {"context": 512}}}
    assert Checkpoint("x", None, adaptation=record).context == 512
    assert Checkpoint("x", None).context is None


def test_windows_with_many_logits_are_read_one_by_one(pretrained, monkeypatch):
    sizes = []
    model = load_softmax(pretrained)
    model.register_forward_pre_hook(
        lambda module, args, kwargs: sizes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    windows = torch.randint(0, 256, (4, CONTEXT + 1))
    whole = measure(model, windows)
    monkeypatch.setattr("gaincell.cosim.network.batches.MOST_LOGITS", 2 * CONTEXT * 256)
    assert measure(model, windows).nats == pytest.approx(whole.nats)
    assert sizes == [4, 2, 2]
