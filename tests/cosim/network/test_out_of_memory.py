"""Memory that does not suffice: one sentence with the largest batch that fits."""

import pytest
import torch
from tiny import CONTEXT, SENTENCE, network

from gaincell.circuits.errors import ModelError
from gaincell.cosim.network.adaptation import trainer as trainer_module
from gaincell.cosim.network.adaptation.trainer import Recipe, train
from gaincell.cosim.network.batches import held_out_windows, measure
from gaincell.cosim.network.corpus import encode
from gaincell.cosim.network.out_of_memory import is_out_of_memory, largest_batch

TOKENS = encode(SENTENCE * 40)


def limited(most):
    """A network whose forward pass asks for more memory than there is with more than `most` windows."""
    model = network()

    def allocate(module, args, kwargs):
        if len(kwargs["input_ids"]) > most:
            torch.empty(2**58)

    model.register_forward_pre_hook(allocate, with_kwargs=True)
    return model


@pytest.mark.parametrize("most", range(9))
def test_the_largest_batch_is_found(most):
    tried = []

    def attempt(size):
        tried.append(size)
        if size > most:
            raise MemoryError

    assert largest_batch(attempt, 9) == most
    assert len(tried) <= 4


def test_the_errors_of_every_device_are_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes"):
        largest_batch(lambda size: (_ for _ in ()).throw(RuntimeError("shapes differ")), 4)


def test_a_step_without_memory_names_the_largest_batch_and_changes_nothing(tmp_path):
    model = limited(5)
    before = {name: x.clone() for name, x in model.state_dict().items()}
    recipe = Recipe(steps=2, batch=8, context=CONTEXT, warmup=1)
    with pytest.raises(ModelError, match=f"a step of 8 windows of {CONTEXT} tokens; 5 fit: pass --batch 5"):
        train(model, recipe, TOKENS, checkpoint=tmp_path / "state.pt")
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
    with pytest.raises(ModelError, match="fewer do not fit; pass a shorter --context, or --lora"):
        train(limited(0), recipe, TOKENS)


def test_other_errors_of_a_step_stay(monkeypatch):
    def failing(*_):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(trainer_module, "_backward", failing)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train(network(), Recipe(steps=1, batch=2, context=CONTEXT, warmup=1), TOKENS)


def test_a_measurement_without_memory_is_one_sentence():
    windows = held_out_windows(TOKENS, context=CONTEXT, limit=200)
    with pytest.raises(ModelError, match=f"windows of {CONTEXT} tokens; give a shorter --context"):
        measure(limited(0), windows)
