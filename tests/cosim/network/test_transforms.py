"""Digital transforms before the arrays: neutral where they must be, kept by saving, accounted."""

import copy
import json

import pytest
import torch
from tiny import llama
from transformers import AutoModelForCausalLM

from gaincell.circuits.errors import ModelError
from gaincell.cosim import (
    GainCellAttention,
    convert,
    from_pretrained,
    gain_cell_attention,
    gain_cell_layers,
    level_cache,
    save_pretrained,
)
from gaincell.cosim.ledger.digital import ADDER, WORD, rotation_entries
from gaincell.cosim.network.transforms import NONE, Transforms, rotation_additions, rotation_matrix

BOTH = Transforms(rotation=3, per_dimension=True)


@pytest.fixture
def ids():
    return torch.randint(0, 64, (2, 17))


def scrambled(model):
    """The model with scalers of its own in every place."""
    with torch.no_grad():
        for layer in gain_cell_layers(model).values():
            for parameter in layer.parameters():
                parameter.mul_(1 + 0.2 * torch.rand_like(parameter))
    return model


@pytest.mark.parametrize("depth", [1, 2, 8, 64, 80, 96])
def test_a_rotation_is_orthogonal_and_spreads_one_element_over_a_block(depth):
    matrix = rotation_matrix(depth, seed=1, layer=2)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(depth))
    block = depth & -depth
    sizes = matrix.abs().unique()
    assert sizes.max() == pytest.approx(block**-0.5)
    assert ((matrix != 0).sum(1) == block).all()


def test_rotations_differ_between_layers_and_seeds():
    first = rotation_matrix(64, 0, 0)
    assert torch.equal(first, rotation_matrix(64, 0, 0))
    assert not torch.equal(first, rotation_matrix(64, 0, 1))
    assert not torch.equal(first, rotation_matrix(64, 1, 0))


def test_a_fast_transform_of_64_needs_64_times_6_additions():
    assert rotation_additions(64) == 384
    assert rotation_additions(96) == 96 * 5


def test_scalers_per_dimension_act_before_the_rotation(leroux):
    layer = GainCellAttention(leroux, 4, kv_heads=2, depth=8, layer=1, transforms=BOTH).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.rand_like(parameter))
    q, k, v = torch.randn(1, 4, 7, 8).double(), *torch.randn(2, 1, 2, 7, 8).double()
    matrix = rotation_matrix(8, 3, 1).double()
    expected = layer.out_shift + layer.out_scale * gain_cell_attention(
        layer.q_scale * q @ matrix + layer.q_shift,
        layer.k_scale * k @ matrix + layer.k_shift,
        layer.v_scale * v + layer.v_shift,
        leroux,
    )
    torch.testing.assert_close(layer(q, k, v), expected)
    shapes = {tuple(parameter.shape) for parameter in layer.parameters()}
    assert shapes == {(4, 1, 8), (2, 1, 8)}


def test_on_ideal_hardware_transforms_change_nothing(ideal, ids):
    model = llama(32)
    expected = model(ids).logits
    found = convert(copy.deepcopy(model), ideal, include="*", transforms=BOTH)(ids).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_autocast_does_not_round_a_rotation(leroux):
    layer = GainCellAttention(leroux, 1, depth=64, transforms=Transforms(rotation=0))
    x = torch.randn(1, 1, 5, 64)
    expected = layer.rotate(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer.rotate(x), expected)


def test_equal_scalers_per_dimension_compute_as_scalers_per_head(leroux, ids):
    model = scrambled(convert(llama(32), leroux, include="*"))
    expected = model(ids).logits
    convert(model, leroux, include="*", transforms=Transforms(per_dimension=True))
    torch.testing.assert_close(model(ids).logits, expected)
    convert(model, leroux, include="*")
    assert all(layer.transforms.per_dimension for layer in gain_cell_layers(model).values())
    with pytest.raises(ModelError, match="has scalers per dimension"):
        convert(model, leroux, include="*", transforms=NONE)


@pytest.mark.parametrize("own", [False, True], ids=["gaincell", "transformers"])
def test_transforms_of_each_layer_survive_saving(leroux, ids, tmp_path, own):
    model = llama(32)
    convert(model, leroux, include="*layers.0*", transforms=BOTH)
    convert(model, leroux, include="*layers.1*", transforms=Transforms(rotation=5))
    expected = scrambled(model)(ids).logits
    if own:
        model.save_pretrained(tmp_path)
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    else:
        save_pretrained(model, tmp_path)
        loaded = from_pretrained(tmp_path)
    assert [x.transforms for x in gain_cell_layers(loaded).values()] == [BOTH, Transforms(rotation=5)]
    assert torch.equal(loaded(ids).logits, expected)


def test_models_without_transforms_are_described_as_before(leroux, tmp_path):
    save_pretrained(convert(llama(32), leroux, include="*"), tmp_path)
    modules = json.loads((tmp_path / "gaincell.json").read_text())["modules"]
    assert all("transforms" not in entry for entry in modules.values())


@pytest.mark.parametrize(
    "damaged", [{"rotation": -1}, {"rotation": 1.5}, {"rotation": True}, {"per_dimension": 1}, {"x": 1}]
)
def test_damaged_transforms_are_refused(damaged):
    with pytest.raises(ModelError, match="transforms of the network are damaged"):
        Transforms.of_entry({"transforms": damaged})


def test_cached_tokens_are_those_of_the_uncached_computation(leroux, ids):
    model = scrambled(convert(llama(32), leroux, include="*", transforms=BOTH))
    options = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    plain = model.generate(ids, use_cache=False, **options)
    assert torch.equal(model.generate(ids, **options), plain)
    assert torch.equal(model.generate(ids, **options, **level_cache(model)), plain)


def test_a_rotation_is_accounted_as_additions_of_q_and_of_shared_keys(leroux, ideal):
    model = convert(llama(32), leroux, include="*layers.0*", transforms=BOTH)
    entries = rotation_entries(model)
    assert [entry.head for entry in entries] == [0, 1, 2, 3]
    assert entries[0].energy_J == pytest.approx(1.5 * 8 * 3 * WORD * ADDER)
    assert {entry.origin for entry in entries} == {"estimate"}
    assert rotation_entries(convert(llama(32), ideal, include="*", transforms=BOTH)) == ()
    assert rotation_entries(convert(llama(32), leroux, include="*")) == ()
