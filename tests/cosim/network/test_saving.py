"""State belongs to its module: every way of saving that transformers has keeps it, or refuses."""

import copy
import json
import random
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from families import build
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME as INDEX
from transformers.utils import hub

from gaincell.circuits.errors import ModelError
from gaincell.cosim import (
    Effects,
    convert,
    from_pretrained,
    gain_cell_layers,
    is_converted,
    level_cache,
    put_on_chip,
    save_pretrained,
)
from gaincell.cosim.network.kv_cache import cache_keyword
from gaincell.cosim.network.pretrained import saved_hardware
from gaincell.models import Hardware


@pytest.fixture
def model(leroux):
    """Two layers that differ in hardware, window, period and effects, one on fewer columns."""
    network = build("gpt2")
    other = Hardware.from_pretrained("generic28")
    convert(network, other, include="transformer.h.0.*", window=16, effects=Effects().without("edge"))
    convert(network, leroux, include="transformer.h.1.*", window=48, token_period=1e-3)
    with torch.no_grad():
        for layer in gain_cell_layers(network).values():
            layer.q_shift.fill_(0.4)
            layer.k_scale.fill_(0.3003)
    network.generation_config.eos_token_id = [2, 5]
    return network


@pytest.fixture
def tokens():
    return torch.randint(3, 97, (2, 30))


def settings(model):
    return [
        (layer.hardware.digest, layer.window, layer.token_period, layer.effects)
        for layer in gain_cell_layers(model).values()
    ]


def through_gaincell(model, folder):
    save_pretrained(model, folder)
    return from_pretrained(folder)


def through_gaincell_and_auto_class(model, folder):
    save_pretrained(model, folder)
    return AutoModelForCausalLM.from_pretrained(folder)


def through_transformers(model, folder):
    model.save_pretrained(folder)
    return AutoModelForCausalLM.from_pretrained(folder)


def through_transformers_in_shards(model, folder):
    model.save_pretrained(folder, max_shard_size="100KB")
    return from_pretrained(folder)


def through_transformers_twice(model, folder):
    through_transformers(model, folder / "first").save_pretrained(folder / "second")
    return from_pretrained(folder / "second")


def through_pickle(model, folder):
    torch.save(model, folder / "model.pt")
    return torch.load(folder / "model.pt", weights_only=False)


def through_a_copy(model, folder):
    return copy.deepcopy(model)


def through_data_parallel(model, folder):
    save_pretrained(torch.nn.DataParallel(model), folder)
    return from_pretrained(folder)


@torch.no_grad()
@pytest.mark.parametrize(
    "way",
    [
        through_gaincell,
        through_gaincell_and_auto_class,
        through_transformers,
        through_transformers_in_shards,
        through_transformers_twice,
        through_pickle,
        through_a_copy,
        through_data_parallel,
    ],
)
def test_every_module_keeps_its_own_settings(model, tokens, tmp_path, way):
    expected = model(tokens).logits
    loaded = way(model, tmp_path).eval()
    assert settings(loaded) == settings(model)
    assert torch.equal(loaded(tokens).logits, expected)
    assert loaded.generation_config.eos_token_id == [2, 5]
    assert loaded.config._attn_implementation == "sdpa"


@torch.no_grad()
def test_settings_are_saved_as_they_are_when_saving(model, tokens, tmp_path, leroux):
    for layer in gain_cell_layers(model).values():
        layer.window = 7
    expected = model(tokens).logits
    assert torch.equal(through_transformers(model, tmp_path / "own")(tokens).logits, expected)
    assert torch.equal(through_gaincell(model, tmp_path / "gaincell")(tokens).logits, expected)


@torch.no_grad()
def test_scalers_stay_exact_when_weights_are_loaded_as_bfloat16(model, tmp_path):
    model.save_pretrained(tmp_path)
    for loaded in (
        AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16),
        from_pretrained(tmp_path, dtype=torch.bfloat16),
    ):
        for name, layer in gain_cell_layers(loaded).items():
            assert torch.equal(layer.k_scale, gain_cell_layers(model)[name].k_scale)
        assert loaded.transformer.wte.weight.dtype == torch.bfloat16


def test_equal_hardware_is_saved_once(tmp_path, leroux):
    model = build("gpt2")
    for name, window in (("transformer.h.0.*", 4), ("transformer.h.1.*", 5)):
        convert(model, leroux.model_copy(), include=name, window=window)
    Hardware.from_pretrained("ideal").save_pretrained(tmp_path / "hardware-2")
    save_pretrained(model, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["hardware"]
    assert saved_hardware(tmp_path) == leroux
    assert [layer.window for layer in gain_cell_layers(from_pretrained(tmp_path)).values()] == [4, 5]


def through_a_trainers_checkpoint(model, folder):
    """`Trainer.save_model`, which needs accelerate, calls this."""
    model.save_pretrained(folder, state_dict=model.state_dict())
    return from_pretrained(folder)


@torch.no_grad()
def test_a_checkpoint_of_a_trained_model_keeps_its_scalers(model, tokens, tmp_path):
    for layer in gain_cell_layers(model).values():
        layer.k_scale.add_(0.01)
    loaded = through_a_trainers_checkpoint(model, tmp_path)
    assert is_converted(tmp_path) and saved_hardware(tmp_path).name == "generic28"
    assert settings(loaded) == settings(model)
    assert torch.equal(loaded(tokens).logits, model(tokens).logits)


@pytest.mark.slow
def test_a_process_without_gaincell_does_not_take_the_model_for_softmax(model, tokens, tmp_path):
    model.save_pretrained(tmp_path)
    torch.save(model, tmp_path / "model.pt")
    load = f"from transformers import AutoModelForCausalLM as A; A.from_pretrained({str(tmp_path)!r})"
    found = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True)
    assert found.returncode != 0 and 'attn_implementation="gaincell"' in found.stderr
    load = f"import torch; m = torch.load({str(tmp_path / 'model.pt')!r}, weights_only=False)"
    run = "print(float(m(torch.arange(3, 12)[None]).logits.detach().sum()))"
    found = subprocess.run([sys.executable, "-c", f"{load}; {run}"], capture_output=True, text=True)
    expected = model(torch.arange(3, 12)[None]).logits.detach().sum()
    assert float(found.stdout) == pytest.approx(float(expected), rel=1e-5)


def damaged_digit(settings):
    settings["modules"]["transformer.h.0.attn"]["window"] = 17


def damaged_hardware(settings):
    part = settings["hardware"]["hardware"]
    part["files"] = part["files"][:100] + ("A" if part["files"][100] != "A" else "B") + part["files"][101:]


def later_version(settings):
    settings["format"] = 99


def later_field(settings):
    settings["drift"] = True


@pytest.mark.parametrize("damage", [damaged_digit, damaged_hardware, later_version, later_field])
def test_damaged_settings_in_a_configuration_are_refused(model, tmp_path, damage):
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    document = json.loads(path.read_text())
    damage(document["quantization_config"])
    path.write_text(json.dumps(document))
    for load in (from_pretrained, AutoModelForCausalLM.from_pretrained):
        with pytest.raises(ModelError, match="save (it|the model) again"):
            load(tmp_path)


@torch.no_grad()
@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3_moe"])
@pytest.mark.parametrize("size", ["100MB", "50KB"])
def test_damaged_weights_of_transformers_own_folder_are_refused(leroux, tmp_path, family, size):
    tokens = torch.randint(3, 97, (1, 12))
    model = convert(build(family), leroux, include="*")
    model.save_pretrained(tmp_path, max_shard_size=size)
    expected, refused, flipped = model(tokens).logits, 0, random.Random(family)
    for _ in range(12):
        path = flipped.choice(sorted(tmp_path.glob("*.safetensors")))
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[flipped.randrange(len(whole))] ^= 1 << flipped.randrange(8)
        path.write_bytes(damaged)
        try:
            loaded = from_pretrained(tmp_path)
        except ModelError as error:
            assert "save the model again" in str(error) and "\n" not in str(error)
            refused += 1
        else:  # a blank of the header
            assert torch.equal(loaded(tokens).logits, expected)
        path.write_bytes(whole)
    assert refused >= 10
    assert torch.equal(from_pretrained(tmp_path)(tokens).logits, expected)


@torch.no_grad()
@pytest.mark.parametrize("device_map", [None, "cpu", "auto", {"": "cpu"}], ids=str)
def test_shards_are_loaded_where_the_device_map_says(model, tokens, tmp_path, device_map):
    if device_map is not None:
        pytest.importorskip("accelerate")
    model.save_pretrained(tmp_path, max_shard_size="50KB")
    shards = list(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 2
    assert any("gain_cell" in name for name in json.loads((tmp_path / INDEX).read_text())["weight_map"])
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, device_map=device_map)
    assert settings(loaded) == settings(model)
    wanted = torch.device("cuda", 0) if device_map == "auto" and torch.cuda.is_available() else "cpu"
    assert {parameter.device for parameter in loaded.parameters()} == {torch.device(wanted)}
    torch.testing.assert_close(loaded(tokens.to(wanted)).logits.cpu(), model(tokens).logits)


@torch.no_grad()
def test_what_is_pushed_to_the_hub_has_hardware_and_settings(model, tokens, tmp_path, monkeypatch):
    """The upload is replaced: what transformers would send is kept."""
    sent = tmp_path / "sent"

    def keep(self, working_dir, repo_id, files_timestamps, **kwargs):
        shutil.copytree(working_dir, sent)
        assert repo_id == "owner/network"

    monkeypatch.setattr(type(model), "_upload_modified_files", keep)

    def repository(repo_id, **kwargs):
        return SimpleNamespace(repo_id=repo_id)

    # What versions of transformers ask the hub before they save.
    replaced = {
        "create_repo": repository,
        "hf_api": lambda: SimpleNamespace(create_repo=repository),
        "create_and_tag_model_card": lambda *args, **kwargs: SimpleNamespace(save=lambda path: None),
    }
    for name, replacement in replaced.items():
        monkeypatch.setattr(hub, name, replacement, raising=False)
    model.push_to_hub("owner/network")
    loaded = AutoModelForCausalLM.from_pretrained(sent)
    assert settings(loaded) == settings(model)
    assert torch.equal(loaded(tokens).logits, model(tokens).logits)


@torch.no_grad()
def test_weights_that_were_changed_after_loading_are_saved_as_they_are(model, tokens, tmp_path):
    model.save_pretrained(tmp_path / "first")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "first")
    loaded.transformer.wte.weight.mul_(1.5)
    loaded.config.save_pretrained(tmp_path / "second")
    state = {name: x.clone() for name, x in loaded.state_dict().items()}
    save_file(state, tmp_path / "second" / "model.safetensors", metadata={"format": "pt"})
    loaded.save_pretrained(tmp_path / "third")
    expected = loaded(tokens).logits
    assert not torch.equal(expected, model(tokens).logits)
    for folder in ("second", "third"):
        assert torch.equal(from_pretrained(tmp_path / folder)(tokens).logits, expected)


class Adapter(torch.nn.Module):
    """As PEFT wraps a model."""

    def __init__(self, model):
        super().__init__()
        self.base_model = model

    def get_base_model(self):
        return self.base_model


def test_wrappers_are_looked_through(leroux, tokens):
    def compiled(model):
        return torch.compile(Adapter(model), backend="eager")

    for wrap in (Adapter, torch.nn.DataParallel, compiled):
        inner = build("gpt2")
        wrapped = wrap(inner)
        assert convert(wrapped, leroux, include="*") is wrapped
        assert len(gain_cell_layers(inner)) == 2


def test_an_adapter_that_is_not_merged_is_not_saved(model, tmp_path):
    class Lora(torch.nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.base_layer = layer

    model.transformer.h[0].mlp.c_fc = Lora(model.transformer.h[0].mlp.c_fc)
    with pytest.raises(ModelError, match="merge_and_unload"):
        save_pretrained(Adapter(model), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_frozen_scalers_are_noticed_in_training(model):
    model.requires_grad_(False)
    model.eval()
    with pytest.warns(RuntimeWarning, match="scalers of gain-cell attention are frozen"):
        model.train()


def test_offloaded_modules_get_scalers_where_they_compute(leroux):
    class Hook:
        execution_device = "cpu"

    model = build("gpt2")
    attention = model.transformer.h[0].attn
    attention.c_attn._hf_hook = Hook()
    attention.to("meta")
    convert(model, leroux, include="*")
    assert not any(parameter.is_meta for parameter in attention.gain_cell.parameters())
    with pytest.raises(ModelError, match="offloaded"):
        save_pretrained(model, "unused")


def test_a_model_quantised_otherwise_is_refused(leroux):
    model = build("gpt2")
    model.hf_quantizer = object()
    with pytest.raises(ModelError, match="quantised in another way"):
        convert(model, leroux, include="*")
    assert not gain_cell_layers(model)


@torch.no_grad()
def test_a_cache_or_chip_of_another_model_is_refused(model, tokens, full, leroux):
    other = copy.deepcopy(model)
    for stranger in (other, convert(copy.deepcopy(model), leroux, include="*")):
        cache = level_cache(stranger)
        with pytest.raises(ModelError, match="another model"):
            model(tokens, **cache)
    cache = level_cache(model)
    model(tokens[:, :8], **cache)
    convert(model, leroux, include="*")
    with pytest.raises(ModelError, match="converted again"):
        model(tokens[:, 8:9], **{cache_keyword(model): next(iter(cache.values()))})
    with pytest.raises(ModelError, match="chip"):
        put_on_chip(model, full.chip(0))
