"""A folder's own code is neither run nor offered, and `--json` prints one object all the same."""

import json

import pytest
from transformers import GPT2Config, GPT2LMHeadModel
from typer.testing import CliRunner

from gaincell.cosim.cli import app

CODE = """
from pathlib import Path
Path({ran!r}).touch()
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizer
class OwnConfig(GPT2Config):
    model_type = "own"
class OwnModel(GPT2LMHeadModel):
    config_class = OwnConfig
class OwnTokenizer(PreTrainedTokenizer):
    pass
"""


@pytest.fixture
def folder(tmp_path):
    """A byte-level network with code of its own beside it."""
    shape = {"vocab_size": 256, "n_embd": 64, "n_layer": 1, "n_head": 1, "n_positions": 64}
    network = GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=0, eos_token_id=0))
    network.save_pretrained(tmp_path / "net")
    (tmp_path / "net" / "own.py").write_text(CODE.format(ran=str(tmp_path / "ran")))
    return tmp_path / "net"


def change(path, **values):
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | values))


MAPS = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel", "AutoModel": "own.OwnModel"}
TOKENIZER = {"AutoTokenizer": ["own.OwnTokenizer", None]}


def run(folder, tmp_path, command):
    """The one object that a command prints while somebody answers yes to whatever it asks."""
    (tmp_path / "text.txt").write_text("It is a truth universally acknowledged. " * 20)
    more = ["--max-new-tokens", "1"] if command == "generate" else ["--text", str(tmp_path / "text.txt")]
    hardware = "ideal" if command == "generate" else "leroux2025"
    words = [command, str(folder), "--hardware", hardware, *more, "--json"]
    result = CliRunner().invoke(app, words, input="y\ny\n")
    assert not (tmp_path / "ran").exists()
    assert "trust_remote_code" not in result.output
    return json.loads(result.stdout), result.exit_code


def test_a_network_of_a_known_type_runs_without_its_own_code(folder, tmp_path):
    """The list's case: `auto_map` made transformers ask on stdout, in the middle of the JSON."""
    change(folder / "config.json", auto_map=MAPS)
    answer, status = run(folder, tmp_path, "generate")
    assert (status, answer["new_tokens"]) == (0, 1)


@pytest.mark.parametrize("command", ["generate", "evaluate", "account"])
def test_a_network_of_an_unknown_type_is_refused(folder, tmp_path, command):
    change(folder / "config.json", auto_map=MAPS, model_type="own")
    answer, status = run(folder, tmp_path, command)
    assert status == 1
    assert "it has code of its own (`auto_map`), which gaincell does not run" in answer["error"]


@pytest.mark.parametrize("command", ["generate", "evaluate", "account"])
def test_a_tokenizer_of_own_code_is_refused(folder, tmp_path, command):
    change(folder / "tokenizer_config.json", auto_map=TOKENIZER, tokenizer_class="OwnTokenizer")
    answer, status = run(folder, tmp_path, command)
    assert status == 1
    assert "tokenizer" in answer["error"]
