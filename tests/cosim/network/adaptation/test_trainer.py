"""The training loop: it learns, resumes exactly, and gives every model the same batches."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from tiny import CONTEXT, corpus, network
from torch.nn import functional
from transformers import GPT2LMHeadModel

from gaincell.circuits.errors import ModelError
from gaincell.cosim.network.adaptation.distillation import prediction_loss
from gaincell.cosim.network.adaptation.trainer import Recipe, adam_for, train
from gaincell.cosim.network.batches import held_out_windows, measure, training_batch
from gaincell.cosim.network.corpus import encode

RECIPE = Recipe(steps=12, batch=4, context=CONTEXT, learning_rate=5e-3, warmup=2, dropout=0.1)
TOKENS = encode(corpus().train)
HELD_OUT = held_out_windows(encode(corpus().held_out), context=CONTEXT)


class Interrupted(Exception):
    pass


def test_training_learns_the_text():
    model = network(dropout=0.1)
    before = measure(model, HELD_OUT).nats
    curve = train(model, replace(RECIPE, steps=40), TOKENS, held_out=HELD_OUT, every=10)
    assert [row["step"] for row in curve] == [10, 20, 30, 40]
    assert curve[-1]["held_out"] < before - 1.5
    assert curve[-1]["held_out"] == pytest.approx(measure(model, HELD_OUT).nats, abs=1e-6)


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path, monkeypatch):
    for name, value in (("CHECKPOINT_SECONDS", 0.0), ("CHECKPOINT_SHARE", float("inf"))):
        monkeypatch.setattr(f"gaincell.cosim.network.adaptation.trainer.{name}", value)
    straight = network(dropout=0.1)
    expected = train(straight, RECIPE, TOKENS, every=5)

    def stop(step: int, loss: float) -> None:
        if step == 8:
            raise Interrupted

    file = tmp_path / "state.pt"
    with pytest.raises(Interrupted):
        train(network(dropout=0.1), RECIPE, TOKENS, every=5, checkpoint=file, on_step=stop)
    resumed = network(seed=99, dropout=0.1)
    steps = []
    curve = train(
        resumed, RECIPE, TOKENS, every=5, checkpoint=file, on_step=lambda step, loss: steps.append(step)
    )
    assert steps == [8, 9, 10, 11, 12]
    assert [row["train"] for row in curve] == [row["train"] for row in expected]
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path):
    file = tmp_path / "state.pt"
    train(network(), replace(RECIPE, steps=1), TOKENS, checkpoint=file)
    with pytest.raises(ModelError, match="other settings"):
        train(network(), replace(RECIPE, steps=2), TOKENS, checkpoint=file)


def test_damaged_checkpoints_are_refused(tmp_path):
    """Without a digest, torch reads 85 % of single flipped bits as other numbers."""
    file, recipe = tmp_path / "state.pt", replace(RECIPE, steps=1)
    train(network(), recipe, TOKENS, checkpoint=file)
    content, randomly = file.read_bytes(), random.Random(0)
    flipped = []
    for _ in range(30):
        at = randomly.randrange(len(content))
        flipped.append(content[:at] + bytes([content[at] ^ 1 << randomly.randrange(8)]) + content[at + 1 :])
    for damaged in (b"", content[:20], content[:-1], content + b"0", *flipped):
        file.write_bytes(damaged)
        with pytest.raises(ModelError, match="is damaged"):
            train(network(), recipe, TOKENS, checkpoint=file)
    file.write_bytes(content)
    train(network(), recipe, TOKENS, checkpoint=file)


def test_the_batch_is_a_function_of_seed_and_step():
    settings = {"batch": 3, "context": CONTEXT}
    first = training_batch(TOKENS, step=5, seed=1, **settings)
    torch.rand(7)
    assert torch.equal(first, training_batch(TOKENS, step=5, seed=1, **settings))
    assert not torch.equal(first, training_batch(TOKENS, step=6, seed=1, **settings))
    assert not torch.equal(first, training_batch(TOKENS, step=5, seed=2, **settings))
    assert first.shape == (3, CONTEXT + 1)


def test_the_rate_rises_then_falls_to_its_floor():
    recipe = Recipe(steps=100, warmup=10, floor=0.1)
    rates = [recipe.rate(step) for step in range(101)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert max(rates) == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_only_matrices_decay():
    model = network()
    decaying = {
        id(p)
        for group in adam_for(model, replace(RECIPE, weight_decay=0.1)).param_groups
        if group["weight_decay"]
        for p in group["params"]
    }
    assert decaying == {id(p) for p in model.parameters() if p.ndim >= 2}


def test_distillation_mixes_cross_entropy_with_divergence(monkeypatch):
    torch.manual_seed(3)
    student, teacher = torch.randn(2, 5, 7), torch.randn(2, 5, 7)
    # Parts of a few tokens, the last one smaller.
    monkeypatch.setattr("gaincell.cosim.network.adaptation.distillation.ROWS", 4)
    p = functional.softmax(teacher.double(), -1)
    own = student.double().requires_grad_()
    targets = torch.randint(0, 7, (2, 5))
    entropy = functional.cross_entropy(own.flatten(0, 1), targets.flatten())
    expected = 0.3 * entropy + 0.7 * (p * (p / functional.softmax(own, -1)).log()).sum(-1).mean()
    (gradient,) = torch.autograd.grad(3 * expected, own)
    logits = student.clone().requires_grad_()
    loss, alone = prediction_loss(logits, targets, teacher, 0.7)
    (3 * loss).backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert alone.item() == pytest.approx(entropy.item(), rel=1e-5)
    torch.testing.assert_close(logits.grad, gradient.float(), rtol=1e-4, atol=1e-6)
    with pytest.raises(ModelError, match="teacher"):
        train(network(), replace(RECIPE, distillation=0.5), TOKENS)


def test_a_teacher_pulls_the_student_towards_itself():
    teacher = network(seed=1)
    recipe = replace(RECIPE, steps=20, distillation=1.0)
    student: GPT2LMHeadModel = network(seed=2)
    batch = training_batch(TOKENS, step=0, seed=9, batch=4, context=CONTEXT)

    def distance() -> float:
        with torch.no_grad():
            own, known = (model(input_ids=batch[:, :-1]).logits for model in (student, teacher))
            return prediction_loss(own, batch[:, 1:], known, 1.0)[0].item()

    before = distance()
    train(student, recipe, TOKENS, teacher=teacher)
    assert distance() < 0.7 * before


def test_a_loss_that_is_not_finite_ends_the_training():
    model = network()
    with torch.no_grad():
        model.transformer.ln_f.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        train(model, RECIPE, TOKENS)


def test_a_checkpoint_holds_what_is_trained_alone(tmp_path):
    model = network()
    model.requires_grad_(False)
    model.transformer.ln_f.requires_grad_(True)
    train(model, replace(RECIPE, steps=1), TOKENS, checkpoint=tmp_path / "checkpoint.pt")
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"]
    # The output layer shares its weight with the embedding, which is frozen.
    assert set(kept) == {"transformer.ln_f.weight", "transformer.ln_f.bias"}
