"""Converted models under torch.compile, autocast and `generate`, with the implementations for CPUs."""

from types import SimpleNamespace

import pytest
import torch
from tiny import llama
from transformers import GPT2LMHeadModel

from gaincell.cosim import Effects, GainCellAttention, convert, gain_cell_layers
from gaincell.cosim.attention.kernels import dispatch
from gaincell.cosim.attention.operation import OperationContext
from gaincell.cosim.attention.ring import positions_of
from gaincell.models import Hardware

# torch.compile instantiates every autograd function that it traces, which torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")

OPTIONS = {"max_new_tokens": 40, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}


@pytest.fixture(params=["gpt2", "llama"])
def model(request, tiny_gpt2, leroux):
    """A converted model whose scalers keep signals inside the converters' ranges."""
    network = tiny_gpt2 if request.param == "gpt2" else llama(96)
    include = "transformer.h.*" if isinstance(network, GPT2LMHeadModel) else "model.layers.*"
    hardware = leroux.model_copy(update={"q_sat_1": 10.0, "columns": 16})
    convert(network, hardware, window=25, include=include)
    with torch.no_grad():
        for layer in gain_cell_layers(network).values():
            layer.q_shift.fill_(0.4)
            layer.k_scale.fill_(0.3)
            layer.v_scale.fill_(0.3)
    return network


def use(model: torch.nn.Module, implementation: str) -> None:
    for layer in gain_cell_layers(model).values():
        layer.implementation = implementation


@pytest.fixture
def tokens():
    return torch.randint(1, 64, (1, 60))


@torch.no_grad()
@pytest.mark.parametrize("implementation", ["reference", "torch", "auto"])
def test_generation_with_a_cache_gives_the_same_tokens(model, tokens, implementation):
    use(model, implementation)
    cached = model.generate(tokens[:, :20], use_cache=True, **OPTIONS)
    assert torch.equal(cached, model.generate(tokens[:, :20], use_cache=False, **OPTIONS))
    assert cached[0, 20:].unique().numel() > 3
    use(model, "reference")
    # A read-out that rounds to the neighbouring level changes the logits of its token.
    moved = (model(cached).logits - _with(model, cached, implementation)).abs().amax(-1) > 1e-3
    assert moved.float().mean() < 0.05


def _with(model: torch.nn.Module, tokens: torch.Tensor, implementation: str) -> torch.Tensor:
    use(model, implementation)
    return model(tokens).logits


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("implementation", ["torch", "auto"])
def test_compiled_model_is_one_graph_with_the_same_logits(model, tokens, implementation):
    use(model, implementation)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    out = compiled(tokens, use_cache=False).logits
    torch.testing.assert_close(out, model(tokens, use_cache=False).logits, rtol=0, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("implementation", ["torch", "auto"])
def test_compiled_model_has_the_same_gradients(model, tokens, implementation):
    use(model, implementation)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    compiled(tokens, use_cache=False).logits.square().mean().backward()
    slopes = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    model(tokens, use_cache=False).logits.square().mean().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(slopes[name], parameter.grad, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.slow
@torch.no_grad()
def test_compiled_model_generates_the_same_tokens(model, tokens):
    eager = model.generate(tokens[:, :20], **OPTIONS)
    torch._dynamo.reset()
    model.forward = torch.compile(model.forward, backend="aot_eager")
    assert torch.equal(model.generate(tokens[:, :20], **OPTIONS), eager)


@pytest.mark.slow
@pytest.mark.parametrize("implementation", ["torch", "auto"])
def test_compiled_layer_on_a_chip_is_one_graph_and_recompiles_for_another_chip(implementation):
    hardware = Hardware.from_pretrained("generic28")
    layer = GainCellAttention(hardware, 2, implementation=implementation, layer=1)
    x = torch.rand(1, 2, 20, 32), *0.2 * torch.randn(2, 1, 2, 20, 32)
    torch._dynamo.reset()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    outs = []
    for seed in (3, 4):
        layer.chip = hardware.chip(seed)
        results = []
        for attend in (layer, compiled):
            inputs = [y.clone().requires_grad_() for y in x]
            out = attend(*inputs)
            results.append((out.detach(), *torch.autograd.grad(out.sum(), inputs)))
        for found, expected in zip(*reversed(results), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
        outs.append(results[1][0])
    assert not torch.equal(*outs)


@pytest.mark.slow
def test_dynamic_lengths_share_a_graph_and_each_token_period_has_its_own():
    layer = GainCellAttention(Hardware.from_pretrained("generic28"), 2, window=25)
    torch._dynamo.reset()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True, dynamic=True)
    outs = []
    for layer.token_period in (2e-6, 1e-3):
        for length in (40, 50):
            torch.manual_seed(0)
            x = torch.rand(1, 2, length, 32), *0.2 * torch.randn(2, 1, 2, length, 32)
            results = []
            for attend in (layer, compiled):
                inputs = [y.clone().requires_grad_() for y in x]
                with torch._dynamo.config.patch(error_on_recompile=length == 50):
                    out = attend(*inputs)
                results.append((out.detach(), *torch.autograd.grad(out.sum(), inputs)))
            for found, expected in zip(*reversed(results), strict=True):
                torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
            outs.append(results[1][0])
    assert not torch.equal(outs[0], outs[2])


def test_choice_of_a_slower_implementation_warns_once_and_is_traceable(monkeypatch, leroux):
    monkeypatch.setitem(dispatch.KERNELS, "native", SimpleNamespace(unavailable=lambda op, q: "of this test"))
    positions = positions_of(3, 3, window=None, columns=64, key_start=0, stored=None, device="cpu")
    op = OperationContext(leroux, Effects(), positions, None, None)

    def choose(q):
        return q + 1 if dispatch.chosen(q, op) == "torch" else q

    q = torch.zeros(1, 1, 3, 8)
    torch._dynamo.reset()
    compiled = torch.compile(choose, backend="eager", fullgraph=True)
    with pytest.warns(RuntimeWarning, match="no 'native' implementation, since of this test") as caught:
        assert torch.equal(compiled(q), q + 1)
        assert torch.equal(choose(q), q + 1)
    assert len(caught) == 1


@pytest.mark.parametrize("implementation", ["torch", "auto"])
def test_layer_under_autocast_equals_layer_without(leroux, implementation):
    """The layer takes bfloat16 signals, as projections under autocast give them."""
    layer = GainCellAttention(leroux, 2, window=40, implementation=implementation)
    q, k, v = torch.rand(1, 2, 70, 32), *0.2 * torch.randn(2, 1, 2, 70, 32)
    q, k, v = (x.bfloat16() for x in (q, k, v))
    expected = layer(q, k, v)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(q, k, v)
        out.sum().backward()
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out, expected, rtol=0, atol=0)
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


def test_gradients_under_autocast_are_finite(model, tokens):
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(tokens, labels=tokens).loss
    loss.backward()
    assert loss.isfinite()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name


def test_implementation_gradient_and_compilation_do_not_change_the_state_dict(model, leroux):
    keys = set(model.state_dict())
    include = "transformer.h.*" if isinstance(model, GPT2LMHeadModel) else "model.layers.*"
    convert(model, leroux, include=include, implementation="torch", gradient="fixed-slope")
    assert {(layer.implementation, layer.gradient) for layer in gain_cell_layers(model).values()} == {
        ("torch", "fixed-slope")
    }
    assert set(model.state_dict()) == keys
    compiled = torch.compile(model, backend="eager")
    assert set(compiled._orig_mod.state_dict()) == keys
    assert {key.removeprefix("_orig_mod.") for key in compiled.state_dict()} == keys
