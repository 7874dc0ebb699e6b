"""Shipped checkpoints: they load, and their size and losses agree with their records."""

import json
import platform

import pytest
import torch

from gaincell.cosim import from_pretrained, gain_cell_layers
from gaincell.cosim.network.adaptation.adapt import read_adaptation
from gaincell.cosim.network.adaptation.training_text import WATCHED_TOKENS
from gaincell.cosim.network.batches import held_out_windows, measure
from gaincell.cosim.network.checkpoints import DEMO, digest, load_softmax, locate
from gaincell.cosim.network.corpus import demo_corpus, encode
from gaincell.cosim.network.generate import generate_text
from gaincell.models import Hardware


@pytest.fixture(scope="module")
def training():
    return json.loads((DEMO / "softmax" / "training.json").read_text())


@pytest.fixture(scope="module")
def adaptation():
    return read_adaptation(DEMO / "adapted")


def require_same_text(corpus: dict) -> None:
    """Skip the test if the demo corpus differs from the one of the record."""
    if corpus["sha256"] != demo_corpus().digest:
        pytest.skip(
            f"measured on the text of Python {corpus['python']}; this is {platform.python_version()}, "
            "whose standard library has other text"
        )


@pytest.mark.parametrize("part", ["softmax", "adapted", "adapted/control"])
def test_a_checkpoint_takes_at_most_ten_megabytes(part):
    assert sum(file.stat().st_size for file in (DEMO / part).iterdir() if file.is_file()) < 10e6


def test_softmax_network_has_the_recorded_size_and_training(training):
    model = load_softmax(DEMO / "softmax")
    assert 2e6 < training["parameters"] == sum(p.numel() for p in model.parameters()) < 6e6
    assert model.config.n_embd // model.config.n_head == 64
    assert model.config.vocab_size == 256
    assert training["curve"][-1]["step"] == training["recipe"]["steps"]
    assert training["curve"][-1]["held_out"] < training["curve"][0]["held_out"] - 1


def test_softmax_network_has_the_recorded_held_out_loss(training):
    require_same_text(training["corpus"])
    windows = held_out_windows(encode(demo_corpus().held_out), context=256)
    loss = measure(load_softmax(DEMO / "softmax"), windows)
    assert loss.tokens == training["held_out"]["tokens"]
    assert loss.nats == pytest.approx(training["held_out"]["nats_per_byte"], abs=1e-3)


def test_adapted_network_names_the_shipped_network_and_hardware(adaptation):
    assert adaptation.model == "demo"
    assert adaptation.settings["weights"] == digest(load_softmax(DEMO / "softmax"))
    model = from_pretrained(DEMO / "adapted")
    assert all(layer.hardware.name == "generic28" for layer in gain_cell_layers(model).values())
    assert adaptation.settings["hardware"] == Hardware.from_pretrained(DEMO / "adapted" / "hardware").digest


def test_adapted_network_has_the_recorded_held_out_loss(adaptation):
    require_same_text(adaptation.corpus)
    windows = held_out_windows(encode(demo_corpus().held_out), context=256, limit=WATCHED_TOKENS)
    assert measure(load_softmax(DEMO / "adapted" / "control"), windows).nats == pytest.approx(
        adaptation.held_out["control"], abs=0.01
    )
    adapted = measure(from_pretrained(DEMO / "adapted"), windows).nats
    assert adapted == pytest.approx(adaptation.held_out["adapted"], abs=0.01)
    assert adapted - adaptation.held_out["control"] < 0.19


def test_demo_generates_printable_text():
    torch.manual_seed(0)
    result = generate_text(locate("demo"), "Return the ", max_new_tokens=24, temperature=0)
    assert result["hardware"] == "generic28"
    assert result["new_tokens"] > 4
    assert result["text"].isprintable() or "\n" in result["text"]
