"""Ledger of a whole model, and the command `gaincell account`."""

import json

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel
from typer import Typer
from typer.testing import CliRunner

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.cosim import convert, save_pretrained
from gaincell.cosim.cli.account import run as account_command
from gaincell.cosim.cli.console import guarded
from gaincell.cosim.ledger.ledger import Ledger
from gaincell.cosim.ledger.whole_model import account_model
from gaincell.cosim.network.checkpoints import locate

TEXT = "It is a truth universally acknowledged, that a single transistor must be in want of a gate. " * 8


@pytest.fixture
def network():
    """A byte-level GPT-2 of two layers with one head of 64, context 48."""
    config = GPT2Config(
        vocab_size=256,
        n_positions=48,
        n_embd=64,
        n_layer=2,
        n_head=1,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.2,
    )
    return GPT2LMHeadModel(config).eval()


@pytest.fixture
def softmax_folder(network, tmp_path):
    network.save_pretrained(tmp_path / "softmax")
    return tmp_path / "softmax"


@pytest.fixture
def adapted_folder(network, full, tmp_path):
    save_pretrained(convert(network, full.model_copy(update={"rows": 64})), tmp_path / "adapted")
    return tmp_path / "adapted"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    app = Typer()
    app.command()(guarded(account_command))
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_last_token_of_each_passage_sees_the_whole_window(adapted_folder, full):
    hardware = full.model_copy(update={"rows": 64})
    done = []
    ledger = account_model(
        locate(str(adapted_folder)),
        hardware,
        content=TEXT,
        windows=5,
        report=lambda *state: done.append(state),
    )
    assert (ledger.keys, ledger.sub_tiles, ledger.tokens) == (48, 6, 5)
    assert done[-1] == ("passages", 5, 5)
    assert {entry.layer for entry in ledger.entries} == {
        f"transformer.h.{n}.attn.gain_cell" for n in range(2)
    }
    # Constant energies: 48 ReLU conversions of 0.5 pJ, 6 x 64 signed conversions of 0.4 pJ.
    assert ledger.stages()["ReLU converters"][0] == pytest.approx(48 * 5e-13, rel=1e-5)
    assert ledger.stages()["signed converters"][0] == pytest.approx(6 * 64 * 4e-13, rel=1e-5)
    assert 0 < ledger.stages()["V array"][0] < 48 * 64 * 3e-15


def test_mean_of_ledgers_is_weighted_by_tokens(adapted_folder, full):
    hardware = full.model_copy(update={"rows": 64})
    one, other = (
        account_model(locate(str(adapted_folder)), hardware, content=TEXT, windows=n) for n in (1, 3)
    )
    both = Ledger.mean([one, other])
    assert both.tokens == 4
    expected = (one.total() + 3 * other.total()) / 4
    assert both.total() == pytest.approx(expected)
    assert Ledger.mean([one]) == one


def test_command_prints_one_json_object(run, softmax_folder, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    result = run(softmax_folder, "--hardware", "leroux2025", "--text", tmp_path / "text.txt", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["energy_per_token_head_J"] == pytest.approx(6.15e-9)
    assert report["latency_s"] == 65e-9
    assert [stage["origin"] for stage in report["stages"]] == ["published"] * 4
    assert report["ratios"]["RTX 4090"]["energy"] == pytest.approx(97_300, rel=1e-3)
    assert report["keys"] == 48
    assert report["heads"] is None


def test_command_prints_tables_without_json(run, adapted_folder, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    result = run(
        adapted_folder,
        "--hardware",
        adapted_folder / "hardware",
        "--text",
        tmp_path / "text.txt",
        "--per-head",
    )
    assert result.exit_code == 0, result.stderr
    for word in ("signed converters", "estimate", "transformer.h.1.attn", "Jetson Nano", "one head of 64"):
        assert word in result.stdout
    assert "latency of one token in one layer: 1000.0 ns" in result.stderr


def test_bad_input_exits_with_a_message(run, adapted_folder, ideal, full, tmp_path):
    (tmp_path / "short.txt").write_text("too short")
    result = run(adapted_folder, "--hardware", "leroux2025", "--text", tmp_path / "short.txt")
    assert result.exit_code == 1
    assert "9 tokens" in result.stderr
    assert run(adapted_folder, "--hardware", "nosuch").exit_code != 0
    checkpoint = locate(str(adapted_folder))
    with pytest.raises(HardwareError, match="states no energy"):
        account_model(checkpoint, ideal, content=TEXT)
    with pytest.raises(ModelError, match="tokens"):
        account_model(checkpoint, full.model_copy(update={"rows": 64}), content="short")


def test_accounting_leaves_gradients_enabled(adapted_folder, full):
    account_model(locate(str(adapted_folder)), full.model_copy(update={"rows": 64}), content=TEXT, windows=1)
    assert torch.is_grad_enabled()
