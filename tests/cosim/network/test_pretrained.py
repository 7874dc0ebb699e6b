import json
import random
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import save_file

from gaincell.circuits.errors import GaincellError, ModelError
from gaincell.cosim import Effects, convert, from_pretrained, gain_cell_layers, is_converted, save_pretrained
from gaincell.models import Hardware


@pytest.fixture
def model(tiny_gpt2, leroux):
    convert(
        tiny_gpt2,
        leroux.with_cell("linear"),
        window=25,
        effects=Effects().without("decay"),
        token_period=1e-6,
    )
    with torch.no_grad():
        for parameter in tiny_gpt2.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return tiny_gpt2


@pytest.fixture
def tokens():
    return torch.randint(1, 64, (2, 60))


@torch.no_grad()
@pytest.mark.parametrize("compiled", [None, "model", "block"])
def test_weights_and_hardware_come_back_together(model, tokens, tmp_path, compiled):
    expected = model(tokens).logits
    saved = model
    if compiled == "model":
        saved = torch.compile(model, backend="eager")
    if compiled == "block":
        model.transformer.h[0] = torch.compile(model.transformer.h[0], backend="eager")
    save_pretrained(saved, tmp_path / "model")
    loaded = from_pretrained(tmp_path / "model")
    torch.testing.assert_close(loaded(tokens).logits, expected, rtol=0, atol=0)
    layer = next(iter(gain_cell_layers(loaded).values()))
    assert layer.hardware.cell == "linear"
    assert (layer.window, layer.token_period) == (25, 1e-6)
    assert layer.effects == Effects().without("decay")
    assert not loaded.training
    assert loaded.lm_head.weight is loaded.transformer.wte.weight
    assert is_converted(tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


@torch.no_grad()
def test_half_precision_weights_leave_the_scalers_exact(model, tmp_path):
    save_pretrained(model, tmp_path, dtype=torch.bfloat16)
    loaded = from_pretrained(tmp_path)
    for name, parameter in model.named_parameters():
        other = loaded.get_parameter(name)
        assert other.dtype == torch.float32
        expected = parameter if ".gain_cell." in name else parameter.to(torch.bfloat16).float()
        assert torch.equal(other, expected), name


@torch.no_grad()
def test_saved_weights_run_on_other_hardware(model, tokens, tmp_path, ideal):
    save_pretrained(model, tmp_path)
    other = from_pretrained(tmp_path, hardware=ideal, effects=Effects.none())
    layer = next(iter(gain_cell_layers(other).values()))
    assert (layer.hardware, layer.effects) == (ideal, Effects.none())
    assert not torch.allclose(other(tokens).logits, model(tokens).logits, atol=1e-2)


def test_only_the_converted_modules_are_converted_on_loading(tiny_gpt2, leroux, tmp_path):
    save_pretrained(convert(tiny_gpt2, leroux, include="transformer.h.1.*"), tmp_path)
    loaded = from_pretrained(tmp_path)
    assert list(gain_cell_layers(loaded)) == ["transformer.h.1.attn.gain_cell"]


def test_an_unconverted_model_is_refused(tiny_gpt2, tmp_path):
    with pytest.raises(ModelError, match=r"convert\(\) it first"):
        save_pretrained(tiny_gpt2, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def interrupted(directory):
    (directory / "gaincell.json").unlink()


def cut_weights(directory):
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def other_config(directory):
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"n_embd": 64}))


def other_hardware(directory):
    Hardware.from_pretrained("ideal").save_pretrained(directory / "hardware")


def later_version(directory):
    path = directory / "gaincell.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (interrupted, "interrupted"),
        (cut_weights, "model.safetensors is not the one that was saved"),
        (other_config, "config.json is not the one that was saved"),
        (other_hardware, "not the hardware"),
        (later_version, "has format 99, this version reads 2"),
    ],
)
def test_a_damaged_directory_is_one_clear_error(model, tmp_path, damage, message):
    save_pretrained(model, tmp_path)
    damage(tmp_path)
    with pytest.raises(GaincellError, match=message):
        from_pretrained(tmp_path)


def test_any_damaged_byte_is_refused(model, tmp_path):
    """In any file. A byte of JSON may be one that means nothing; then the numbers are the same."""
    save_pretrained(model, tmp_path)
    generator, tokens = random.Random(0), torch.arange(1, 20)[None]
    expected = model(tokens).logits
    for path in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for _ in range(12):
            place = generator.randrange(len(whole))
            changed = bytes([whole[place] ^ (1 << generator.randrange(8))])
            path.write_bytes(whole[:place] + changed + whole[place + 1 :])
            try:
                assert torch.equal(from_pretrained(tmp_path)(tokens).logits, expected), (path.name, place)
            except GaincellError as error:
                assert "\n" not in str(error)
        path.write_bytes(whole)
    assert torch.equal(from_pretrained(tmp_path)(tokens).logits, expected)


@torch.no_grad()
def test_a_directory_of_version_1_is_read(tiny_gpt2, leroux, tmp_path, tokens):
    """One hardware and one setting for all modules, and nothing in config.json."""
    settings = {"window": 25, "effects": Effects().without("decay"), "token_period": 1e-6}
    tiny_gpt2.config.save_pretrained(tmp_path)
    model = convert(tiny_gpt2, leroux, **settings)
    leroux.save_pretrained(tmp_path / "hardware")
    state = {name: x.clone() for name, x in model.state_dict().items() if name != "lm_head.weight"}
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    document = settings | {"effects": asdict(settings["effects"]), "hardware": leroux.digest, "format": 1}
    document["modules"] = ["transformer.h.0.attn", "transformer.h.1.attn"]
    (tmp_path / "gaincell.json").write_text(json.dumps(document))
    loaded = from_pretrained(tmp_path)
    assert torch.equal(loaded(tokens).logits, model(tokens).logits)
    assert [layer.window for layer in gain_cell_layers(loaded).values()] == [25, 25]
    other = from_pretrained(tmp_path, hardware=Hardware.from_pretrained("generic28"))
    period = 2 * Hardware.from_pretrained("generic28").timing.latency
    assert {layer.token_period for layer in gain_cell_layers(other).values()} == {period}


def test_an_interrupted_save_is_not_taken_for_a_whole_one(model, tmp_path, monkeypatch):
    save_pretrained(model, tmp_path)

    def fail(self, directory):
        raise KeyboardInterrupt

    monkeypatch.setattr("gaincell.models.Hardware.save_pretrained", fail)
    with pytest.raises(KeyboardInterrupt):
        save_pretrained(model, tmp_path)
    assert not is_converted(tmp_path)
