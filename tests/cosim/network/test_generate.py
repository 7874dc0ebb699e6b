"""Text from a model on hardware."""

import json

import pytest
from tiny import CONTEXT, network
from typer.testing import CliRunner

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.circuits.files import sealed, write_json
from gaincell.cosim import convert, save_pretrained
from gaincell.cosim.cli import app
from gaincell.cosim.network.checkpoints import locate
from gaincell.cosim.network.generate import generate_text


@pytest.fixture
def adapted(leroux, tmp_path):
    save_pretrained(convert(network(), leroux), tmp_path)
    return locate(str(tmp_path))


def test_the_same_seed_gives_the_same_text(adapted):
    one = generate_text(adapted, "The dog", max_new_tokens=6, seed=3)
    assert generate_text(adapted, "The dog", max_new_tokens=6, seed=3)["text"] == one["text"]
    assert one["hardware"] == "leroux2025"
    assert one["text"].startswith("The dog")
    assert generate_text(adapted, "The dog", max_new_tokens=6, seed=4)["text"] != one["text"]


def test_a_chip_says_something_else(full, tmp_path):
    wide = full.model_copy(update={"rows": 64})
    save_pretrained(convert(network(), wide), tmp_path)
    checkpoint = locate(str(tmp_path))
    texts = {
        chip: generate_text(checkpoint, "The dog", max_new_tokens=12, seed=3, chip=chip)
        for chip in (None, 0, 1)
    }
    assert [texts[chip]["chip"] for chip in texts] == [None, 0, 1]
    assert len({text["text"] for text in texts.values()}) > 1


def test_a_chip_of_hardware_without_mismatch_is_refused(adapted):
    with pytest.raises(HardwareError, match="describes no mismatch"):
        generate_text(adapted, "The dog", chip=0)


def test_generation_stops_at_the_longest_context(adapted):
    assert generate_text(adapted, "x" * (CONTEXT - 3), max_new_tokens=50, temperature=0)["new_tokens"] <= 3
    for prompt in ("", "x" * CONTEXT):
        with pytest.raises(ModelError, match=f"between 1 and {CONTEXT - 1}"):
            generate_text(adapted, prompt)


def test_a_model_that_was_not_adapted_is_refused(tmp_path, ideal):
    network().save_pretrained(tmp_path)
    checkpoint = locate(str(tmp_path))
    with pytest.raises(ModelError, match="gaincell adapt"):
        generate_text(checkpoint, "The dog")
    assert generate_text(checkpoint, "The dog", hardware=ideal, max_new_tokens=2)["hardware"] == "ideal"


def test_command_shows_exact_attention_beside_the_hardware(leroux, ideal, tmp_path):
    network().save_pretrained(tmp_path / "start")
    save_pretrained(convert(network(), leroux), tmp_path / "adapted")
    record = sealed({"model": str(tmp_path / "start"), "settings": {}})
    write_json(tmp_path / "adapted" / "adaptation.json", record)
    words = ["generate", str(tmp_path / "adapted"), "--prompt", "The dog", "--max-new-tokens", "4", "--json"]
    both, alone = (json.loads(CliRunner().invoke(app, [*words, *more]).stdout) for more in ((), ("--alone",)))
    exact = generate_text(locate(str(tmp_path / "start")), "The dog", hardware=ideal, max_new_tokens=4)
    assert both["softmax"]["text"] == exact["text"] and both["softmax"]["tokens_per_s"] > 0
    assert alone["softmax"] is None and alone["text"] == both["text"]
