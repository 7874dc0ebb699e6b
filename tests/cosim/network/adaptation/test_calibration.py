"""Statistics matching of the scalers."""

import copy

import pytest
import torch
from families import build
from tiny import CONTEXT, network

from gaincell.circuits.errors import ModelError
from gaincell.cosim import Effects, convert, gain_cell_layers
from gaincell.cosim.network.adaptation.calibration import (
    calibrate,
    fit_output,
    record_signals,
    set_statistics,
)


@pytest.fixture
def inputs():
    return torch.randint(0, 256, (4, CONTEXT))


@pytest.fixture
def model():
    model = network()
    with torch.no_grad():  # attention weights large enough that attention matters
        for block in model.transformer.h:
            block.attn.c_attn.weight.normal_(std=0.5)
    return model


def statistics(x):
    return x.mean((0, 2, 3)), x.transpose(0, 1).flatten(1).std(1)


def test_scaled_signals_get_the_mean_and_deviation_asked_for(model, inputs, leroux):
    converted = convert(copy.deepcopy(model), leroux)
    name, layer = next(iter(gain_cell_layers(converted).items()))
    own = record_signals(converted, inputs)[name]
    spread = {
        "query": torch.tensor([0.1, 0.3]),
        "query_mean": torch.tensor([0.5, 0.2]),
        "key": torch.tensor([0.2, 0.4]),
        "key_mean": torch.tensor([0.0, -0.1]),
        "value": torch.tensor([0.1, 0.2]),
    }
    with torch.no_grad():
        set_statistics(layer, own, spread)
        q, k, v = layer.map_inputs(own.q, own.k, own.v)
    expected = (
        (q, spread["query_mean"], spread["query"]),
        (k, 0.45 + 0.45 * spread["key_mean"], 0.45 * spread["key"]),
        (v, torch.full((2,), 0.45), 0.45 * spread["value"]),
    )
    for signal, mean, deviation in expected:
        found_mean, found_deviation = statistics(signal)
        torch.testing.assert_close(found_mean, mean, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found_deviation, deviation, atol=1e-5, rtol=1e-4)


def test_signals_are_made_equal_to_those_of_the_linear_network(model, inputs, leroux):
    """The published procedure: from a network with linear cells to one with the real cell."""
    linear = convert(copy.deepcopy(model), leroux.with_cell("linear"))
    with torch.no_grad():
        for layer in gain_cell_layers(linear).values():
            layer.q_scale.fill_(0.2)
            layer.q_shift.fill_(0.4)
            layer.k_scale.fill_(0.1)
            layer.v_scale.fill_(0.05)
    nonlinear = convert(copy.deepcopy(model), leroux)
    errors = calibrate(nonlinear, linear, inputs)
    taught, own = record_signals(linear, inputs), record_signals(nonlinear, inputs)
    for name, layer in gain_cell_layers(nonlinear).items():
        teacher = gain_cell_layers(linear)[name]
        with torch.no_grad():
            ours = layer.map_inputs(own[name].q, own[name].k, own[name].v)
            theirs = teacher.map_inputs(taught[name].q, taught[name].k, taught[name].v)
        for mine, target in zip(ours, theirs, strict=True):
            for found, wanted in zip(statistics(mine), statistics(target), strict=True):
                torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-3)
        torch.testing.assert_close(
            statistics(own[name].out)[0], statistics(taught[name].out)[0], atol=1e-4, rtol=1e-3
        )
    assert all((error < 1).all() for error in errors.values())


def test_the_output_scaler_is_the_least_squares_solution(model, inputs, leroux):
    converted = convert(copy.deepcopy(model), leroux)
    name, layer = next(iter(gain_cell_layers(converted).items()))
    own = record_signals(converted, inputs)[name]
    with torch.no_grad():
        raw = layer(own.q, own.k, own.v)
        target = 0.7 * raw - 0.2 + 0.01 * torch.randn_like(raw)
        error = fit_output(layer, own, target)
        for head in range(2):
            design = torch.stack([raw[:, head].flatten(), torch.ones(raw[:, head].numel())], dim=1)
            scale, shift = torch.linalg.lstsq(design, target[:, head].flatten()).solution
            assert layer.out_scale[head].item() == pytest.approx(scale.item(), abs=1e-4)
            assert layer.out_shift[head].item() == pytest.approx(shift.item(), abs=1e-4)
    assert (error < 0.05).all()


def test_matching_to_softmax_brings_the_outputs_closer(model, inputs, leroux):
    converted = convert(copy.deepcopy(model), leroux, effects=Effects().without("decay"))
    exact = convert(copy.deepcopy(model), type(leroux).from_pretrained("ideal"))

    def distance() -> float:
        with torch.no_grad():
            return (converted(inputs).logits - exact(inputs).logits).square().mean().item()

    before = distance()
    errors = calibrate(converted, model, inputs)
    assert distance() < before
    assert all(error.shape == (2,) and (error <= 1).all() for error in errors.values())
    assert not gain_cell_layers(model), "the teacher stays as it was"


def scalers(model):
    return {name: copy.deepcopy(layer.state_dict()) for name, layer in gain_cell_layers(model).items()}


def apart(one, other):
    """Largest difference of two models' scalers."""
    return max((one[name][key] - other[name][key]).abs().max() for name in one for key in one[name])


@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_neox", "qwen2"])
@pytest.mark.parametrize("cell", ["linear", None])
def test_every_layer_is_calibrated_on_what_calibrated_layers_give_it(family, cell, leroux):
    """Calibrating again changes nothing: each layer has been set from the inputs that it has in the end."""
    model, inputs = build(family, num_hidden_layers=3), torch.randint(3, 90, (2, 20))
    teacher = model if cell is None else convert(copy.deepcopy(model), leroux.with_cell(cell), include="*")
    converted = convert(copy.deepcopy(model), leroux, include="*")
    start, seen = scalers(converted), []
    calibrate(converted, teacher, inputs, progress=lambda done, layers: seen.append((done, layers)))
    first = scalers(converted)
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert apart(start, first) > 0.01
    calibrate(converted, teacher, inputs)
    assert apart(first, scalers(converted)) == 0.0


@pytest.mark.parametrize("layers", [2, 5])
def test_calibration_runs_the_network_once(layers, leroux):
    model = build("llama", num_hidden_layers=layers)
    converted, runs = convert(copy.deepcopy(model), leroux, include="*"), []
    for part in (converted.model.embed_tokens, *(block.mlp for block in converted.model.layers)):
        part.register_forward_hook(lambda *_: runs.append(1))
    calibrate(converted, model, torch.randint(3, 90, (2, 20)))
    assert len(runs) == 1 + layers


def test_failed_calibration_leaves_no_hook(model, inputs, leroux):
    converted = convert(copy.deepcopy(model), leroux)

    def stop(done, layers):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(converted, model, inputs, progress=stop)
    before = scalers(converted)
    with torch.no_grad():
        converted(inputs)
    assert apart(before, scalers(converted)) == 0.0


def test_matching_needs_the_same_layers(model, inputs, leroux):
    with pytest.raises(ModelError, match="same attention layers"):
        calibrate(model, model, inputs)
    half = convert(copy.deepcopy(model), leroux, include="transformer.h.0.*")
    with pytest.raises(ModelError, match="same attention layers"):
        calibrate(convert(copy.deepcopy(model), leroux), half, inputs)
