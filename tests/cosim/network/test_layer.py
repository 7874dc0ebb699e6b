import pytest
import torch

from gaincell.cosim import GainCellAttention, gain_cell_attention, gain_cell_layers, record_traces


def test_scalers_map_into_the_hardware_and_back(leroux):
    layer = GainCellAttention(leroux, 4, kv_heads=2, window=5).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.rand_like(parameter))
    q, k, v = torch.randn(1, 4, 7, 8).double(), *torch.randn(2, 1, 2, 7, 8).double()
    expected = layer.out_shift + layer.out_scale * gain_cell_attention(
        layer.q_scale * q + layer.q_shift,
        layer.k_scale * k + layer.k_shift,
        layer.v_scale * v + layer.v_shift,
        leroux,
        window=5,
    )
    torch.testing.assert_close(layer(q, k, v), expected)
    assert {tuple(p.shape) for n, p in layer.named_parameters() if n[0] in "qo"} == {(4, 1, 1)}
    assert {tuple(p.shape) for n, p in layer.named_parameters() if n[0] in "kv"} == {(2, 1, 1)}


def test_every_scaler_learns(leroux):
    layer = GainCellAttention(leroux, 2)
    q, k, v = torch.rand(1, 2, 20, 64), *0.2 * torch.randn(2, 1, 2, 20, 64)
    layer(q, k, v).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad.abs().min() > 0, name


def test_ideal_ignores_scalers_and_obeys_the_temperature(ideal):
    layer = GainCellAttention(ideal, 2)
    with torch.no_grad():
        layer.q_scale.fill_(9.0)
    q, k, v = torch.randn(3, 1, 2, 9, 8)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.7)
    torch.testing.assert_close(layer(q, k, v, scaling=0.7), expected)


def test_layers_sit_on_different_arrays_of_one_chip(full):
    q, k, v = torch.rand(1, 2, 9, 8), *0.3 * torch.randn(2, 1, 2, 9, 8)

    def out(seed, layer):
        return GainCellAttention(full, 2, chip=full.chip(seed), layer=layer)(q, k, v)

    outs = [out(seed, layer) for seed in (0, 1) for layer in (0, 1)]
    torch.testing.assert_close(out(0, 1), outs[1])
    assert all(not torch.equal(a, b) for i, a in enumerate(outs) for b in outs[:i])


def test_traces_are_recorded_only_within_the_context(leroux):
    model = torch.nn.ModuleDict({"one": GainCellAttention(leroux, 1), "two": GainCellAttention(leroux, 1)})
    q, k, v = torch.rand(3, 1, 1, 4, 4)
    with record_traces(model) as traces:
        out = model["two"](q, k, v)
    model["one"](q, k, v)
    assert list(traces) == list(gain_cell_layers(model)) == ["one", "two"]
    assert [len(found) for found in traces.values()] == [0, 1]
    torch.testing.assert_close(model["two"](q, k, v), out)
    assert sum(tile.output for tile in traces["two"][0].sub_tiles).shape == out.shape


def test_recording_stops_after_an_error(leroux):
    layer = GainCellAttention(leroux, 1)
    with pytest.raises(ValueError, match="need q"), record_traces(layer):
        layer(*torch.rand(3, 1, 1, 4))
    assert layer.recorder is None


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_whole_numbers_are_refused(leroux, ideal, dtype):
    """They would be returned as whole numbers, all of them 0. Keys and values may be levels."""
    x = torch.rand(1, 2, 5, 8)
    for hardware in (leroux, ideal):
        with pytest.raises(ValueError, match="q: need floating-point numbers"):
            gain_cell_attention(x.to(dtype), x, x, hardware)
    with pytest.raises(ValueError, match="need"):
        gain_cell_attention(x, x.to(dtype), x, leroux)


def test_other_numbers_of_heads_are_refused(leroux):
    layer = GainCellAttention(leroux, 4, kv_heads=2)
    x = torch.rand(1, 4, 5, 8)
    with pytest.raises(ValueError, match="4 query and 2 key-value heads, got 4 and 4"):
        layer(x, x, x)
