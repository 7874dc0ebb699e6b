"""Adapters beside the network that they belong to: written, applied, refused, shipped."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from dies import STRENGTHS, hardware_at
from tiny import CONTEXT, SENTENCE, network
from typer.testing import CliRunner

from gaincell.circuits.errors import ModelError
from gaincell.cosim import Effects, convert, from_pretrained, gain_cell_layers
from gaincell.cosim.cli import app
from gaincell.cosim.network import checkpoints as checkpoints_module
from gaincell.cosim.network.adaptation.adapt import adapt_model
from gaincell.cosim.network.adaptation.trainer import Recipe
from gaincell.cosim.network.adapters import load_adapter, read_adapter, save_adapter
from gaincell.cosim.network.checkpoints import locate
from gaincell.cosim.network.documents import open_text
from gaincell.cosim.network.pretrained import saved_hardware
from gaincell.cosim.network.transforms import Transforms

peft = pytest.importorskip("peft", reason="needs pip install peft")
sys.path.append(str(Path(__file__).parents[3] / "tools"))

BOTH = Transforms(rotation=0, per_dimension=True)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    network().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text(SENTENCE.decode() * 40)
    return path


@pytest.fixture(scope="module")
def run(base, text, leroux, tmp_path_factory):
    """Folder of an adaptation with an adapter."""
    out = tmp_path_factory.mktemp("run")
    torch.set_num_threads(1)
    recipe = Recipe(steps=3, batch=2, context=CONTEXT, warmup=1, distillation=1.0, hidden=0.5)
    adapt_model(
        str(base),
        leroux,
        out,
        recipe=recipe,
        text=open_text(text),
        lora=2,
        transforms=BOTH,
        effects=Effects(),
    )
    return out


@torch.no_grad()
def test_an_adapter_on_its_network_is_the_adapted_network(run, base, leroux):
    ids = torch.randint(0, 256, (2, CONTEXT))
    loaded, whole = load_adapter(run / "adapter", base), from_pretrained(run)
    layers, expected = (list(gain_cell_layers(model).values()) for model in (loaded, whole))
    for one, other in zip(layers, expected, strict=True):
        assert one.transforms == BOTH
        assert all(torch.equal(x, other.state_dict()[key]) for key, x in one.state_dict().items())
    # The whole network's weights are rounded to bfloat16, the adapter's are not.
    for name, x in loaded.state_dict().items():
        torch.testing.assert_close(x, whole.state_dict()[name], rtol=0.01, atol=1e-3)
    moved = loaded.transformer.h[0].mlp.c_fc.weight - network().transformer.h[0].mlp.c_fc.weight
    assert moved.abs().max() > 1e-4, "the adapter acts"
    assert not torch.equal(loaded(ids).logits, convert(network().eval(), leroux, include="*")(ids).logits)
    # PEFT's own loading finds the same additions.
    own = peft.PeftModel.from_pretrained(network(), str(run / "adapter")).merge_and_unload()
    assert torch.equal(own.transformer.h[0].mlp.c_fc.weight, loaded.transformer.h[0].mlp.c_fc.weight)


def test_settings_of_each_layer_and_several_hardware_survive(base, leroux, ideal, tmp_path):
    wrapped = peft.get_peft_model(
        network(),
        peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, init_lora_weights=False),
    )
    convert(wrapped, leroux, include="transformer.h.0.*", window=9, effects=Effects(column=False))
    convert(
        wrapped, leroux.model_copy(update={"name": "other"}), include="transformer.h.1.*", softmax_heads=[1]
    )
    save_adapter(wrapped, tmp_path, base=str(base))
    first, second = gain_cell_layers(load_adapter(tmp_path, base)).values()
    assert (first.window, first.effects.column, first.softmax_heads) == (9, False, ())
    assert (second.hardware.name, second.effects.column, second.softmax_heads) == ("other", True, (1,))
    assert saved_hardware(tmp_path) == leroux
    assert [
        layer.hardware for layer in gain_cell_layers(load_adapter(tmp_path, base, hardware=ideal)).values()
    ] == [
        ideal,
        ideal,
    ]


def test_other_weights_and_damage_are_refused(run, base, tmp_path):
    network(seed=1).save_pretrained(tmp_path / "other")
    with pytest.raises(
        ModelError, match="other are not those that the adapter adapter was trained on; give a copy"
    ):
        load_adapter(run / "adapter", tmp_path / "other")
    load_adapter(run / "adapter", tmp_path / "other", any_weights=True)
    with pytest.raises(ModelError, match="holds an adapter alone"):
        from_pretrained(run / "adapter")
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (run / "adapter").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    weights = copy / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    with pytest.raises(ModelError, match="incomplete or damaged; save it again"):
        load_adapter(copy, base)
    with pytest.raises(ModelError, match="only a converted model with an adapter"):
        save_adapter(network(), tmp_path / "none", base="x")
    assert not (tmp_path / "none").exists()


def test_an_adapter_is_a_model_of_the_commands(run, base, text, tmp_path, monkeypatch):
    options = ["--text", text, "--tokens", 48, "--threads", 1, "--precision", "float32", "--json"]
    options += ["--row", "softmax", "--row", "adapted"]

    def evaluate(model, *more):
        done = CliRunner().invoke(app, [str(word) for word in ("evaluate", model, *options, *more)])
        return json.loads(done.stdout)

    monkeypatch.chdir(tmp_path)
    whole, alone = evaluate(run), evaluate(run / "adapter")
    assert alone["perplexity"]["softmax"] == whole["perplexity"]["softmax"]
    assert alone["perplexity"]["adapted"] == pytest.approx(whole["perplexity"]["adapted"], rel=0.02)
    assert alone["hardware"]["name"] == "leroux2025"
    import ship_adapter

    ship_adapter.ship(run / "adapter", tmp_path / "adapters" / "small", "owner/network", "the wheel")
    monkeypatch.setattr(checkpoints_module, "ADAPTERS", tmp_path / "adapters")
    assert evaluate("small", "--base", base)["perplexity"] == alone["perplexity"]
    assert locate("small").softmax == "owner/network"
    for path in (tmp_path / "adapters" / "small").glob("*.json"):
        document = json.loads(path.read_text())
        document.get("settings", {}).pop("hardware", None)  # base64
        assert str(tmp_path.parent) not in json.dumps(document) and str(base) not in json.dumps(document)
    network(seed=1).save_pretrained(tmp_path / "other")
    refused = evaluate("small", "--base", tmp_path / "other")["error"]
    assert "give a copy of owner/network (the wheel) with --base" in refused
    assert "is no adapter" in evaluate(run, "--base", base)["error"]


def test_shipped_adapters_are_whole_recorded_and_of_one_network(base):
    assert "smollm2" in checkpoints_module.shipped_adapters()
    for name in checkpoints_module.shipped_adapters():
        folder = checkpoints_module.ADAPTERS / name
        assert read_adapter(folder)["base"]["weights"]
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 20e6
        record = checkpoints_module.read_record(folder)
        assert record["held_out"]["adapted"] < record["held_out"]["distilled"]
        result = CliRunner().invoke(app, ["evaluate", name, "--base", str(base), "--tokens", "16"])
        assert result.exit_code == 1
        assert result.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("command", "options", "programs"),
    [
        ("cosim", ["--hardware", "generic28", "--tokens", 8], ["ngspice"]),
        ("periphery", ["--hardware", "generic28"], ["iverilog", "vvp", "yosys"]),
        ("yield", ["--dies", 1, "--no-local"], []),
    ],
)
def test_commands_take_the_network_below_an_adapter(
    run, text, tmp_path, monkeypatch, command, options, programs
):
    """A base of other weights is refused, which shows that it is the one that is loaded."""
    if missing := [program for program in programs if shutil.which(program) is None]:
        pytest.skip(f"needs {missing[0]}")
    if command == "yield":
        for corner in STRENGTHS:
            hardware_at(corner, 27.0).save_pretrained(tmp_path / "corners" / corner / "hardware")
        options = ["--hardware", tmp_path / "corners", *options]
    network(seed=1).save_pretrained(tmp_path / "other")
    monkeypatch.chdir(tmp_path)
    words = [command, run / "adapter", "--base", tmp_path / "other", "--text", text, *options, "--json"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert "are not those that the adapter adapter was trained on" in json.loads(done.stdout)["error"]
