"""One training loop for everything: the demo model, the adaptation, and its softmax control.

Every step is a function of the seed and the step's number (batch, dropout, learning rate), so a run that was
interrupted continues from its checkpoint with the results that it would have had, and two models trained with
the same recipe see the same batches at the same rates.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from ....circuits.errors import ModelError
from ..batches import measure, step_seed, token_losses, training_batch

Row = dict[str, float]
"""One point of a loss curve: step, train and held_out in nats per token, seconds of training so far."""


CHECKPOINT_SECONDS = 30.0
"""An interrupted training loses at most about this much work."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training, besides text, start and library versions."""

    steps: int
    batch: int = 8
    """Windows per step."""
    context: int = 256
    """Tokens per window."""
    learning_rate: float = 1e-3
    """Peak, reached after `warmup` steps, then a cosine down to `floor` of it."""
    scaler_rate: float = 1e-2
    """The same for the scalers of gain-cell attention."""
    warmup: int = 20
    floor: float = 0.02
    weight_decay: float = 0.0
    """On matrices only."""
    clip: float = 1.0
    """Largest gradient norm."""
    dropout: float = 0.0
    """Probability in the model's own dropout layers."""
    distillation: float = 0.0
    """Share of the divergence from the teacher's predictions in the loss, the rest being cross-entropy."""
    bf16: bool = True
    """Matrix products of the digital network in bfloat16."""
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate of a step as a fraction of its peak."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.floor + (1 - self.floor) * (0.5 + 0.5 * math.cos(math.pi * done))


@dataclass
class TrainingState:
    """Where a training stands."""

    model: nn.Module
    adam: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0
    """Spent on training steps, evaluation apart."""
    curve: list[Row] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """Cross-entropy of each step since the last row of the curve."""


def train(
    model: nn.Module,
    recipe: Recipe,
    tokens: Tensor,
    *,
    teacher: nn.Module | None = None,
    held_out: Tensor | None = None,
    every: int = 200,
    checkpoint: Path | None = None,
    before_step: Callable[[int], None] = lambda step: None,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    on_row: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Train all weights of `model` in place on the text `tokens` (n,); returns the loss curve.

    teacher: softmax model whose predictions `recipe.distillation` asks to follow. held_out: windows
    (m, context + 1) to measure every `every` steps and at the end. checkpoint: file that a run interrupted
    earlier continues from. before_step may change how the model computes, as a function of the step alone;
    on_step is told (steps done, cross-entropy).

    Raises `ModelError` when the checkpoint belongs to another recipe or another model, when distillation
    lacks its teacher, and when the loss is no longer finite.
    """
    if recipe.distillation and teacher is None:
        raise ModelError("distillation needs a teacher; pass one or set distillation=0")
    run = TrainingState(model, adam_for(model, recipe))
    if checkpoint is not None and checkpoint.exists():
        _restore(run, checkpoint, recipe)
    saved = time.monotonic()
    with _training_mode(model, recipe.dropout):
        while run.step < recipe.steps:
            start = time.monotonic()
            before_step(run.step)
            run.losses.append(_step(run, recipe, tokens, teacher))
            run.seconds += time.monotonic() - start
            run.step += 1
            on_step(run.step, run.losses[-1])
            if run.step % every == 0 or run.step == recipe.steps:
                on_row(_close_row(run, held_out, recipe))
            if checkpoint is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
                _store(run, checkpoint, recipe)
                saved = time.monotonic()
    if checkpoint is not None:
        _store(run, checkpoint, recipe)
    return run.curve


def adam_for(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW that decays matrices only; "peak" of each group is its peak rate, scalers having their own."""
    groups: dict[str, list[nn.Parameter]] = {"matrices": [], "vectors": [], "scalers": []}
    for name, parameter in model.named_parameters():
        kind = "scalers" if ".gain_cell." in name else "matrices" if parameter.ndim >= 2 else "vectors"
        groups[kind].append(parameter)
    settings = [
        {
            "params": parameters,
            "peak": recipe.scaler_rate if kind == "scalers" else recipe.learning_rate,
            "weight_decay": recipe.weight_decay if kind == "matrices" else 0.0,
        }
        for kind, parameters in groups.items()
        if parameters
    ]
    return torch.optim.AdamW(settings, lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True)


def _step(run: TrainingState, recipe: Recipe, tokens: Tensor, teacher: nn.Module | None) -> float:
    torch.manual_seed(step_seed(recipe.seed, run.step))
    window = training_batch(
        tokens, step=run.step, seed=recipe.seed, batch=recipe.batch, context=recipe.context
    )
    for group in run.adam.param_groups:
        group["lr"] = group["peak"] * recipe.rate(run.step)
    inputs = window[:, :-1]
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
        logits = run.model(input_ids=inputs, use_cache=False).logits
        if recipe.distillation:
            with torch.no_grad():
                taught = teacher(input_ids=inputs, use_cache=False).logits
    loss = cross_entropy = token_losses(logits, window[:, 1:])
    if recipe.distillation:
        loss = (1 - recipe.distillation) * loss + recipe.distillation * divergence(logits, taught)
    value = cross_entropy.item()
    if not math.isfinite(value):
        raise ModelError(f"the loss is not finite at step {run.step}; use a lower learning rate")
    run.adam.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(run.model.parameters(), recipe.clip)
    run.adam.step()
    return value


def _close_row(run: TrainingState, held_out: Tensor | None, recipe: Recipe) -> Row:
    row = {"step": run.step, "train": sum(run.losses) / len(run.losses), "seconds": round(run.seconds, 1)}
    if held_out is not None:
        row["held_out"] = measure(run.model, held_out, bf16=recipe.bf16).nats
    run.curve.append(row)
    run.losses.clear()
    return row


def divergence(logits: Tensor, taught: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence KL(taught || logits) per token, nats."""
    predicted, target = (log_softmax(x.float().flatten(0, 1), -1) for x in (logits, taught))
    return kl_div(predicted, target, log_target=True, reduction="batchmean")


@contextmanager
def _training_mode(model: nn.Module, dropout: float) -> Iterator[None]:
    """Train with `dropout` in the layers that use dropout at all; afterwards as before."""
    before = {m: m.p for m in model.modules() if isinstance(m, nn.Dropout) and m.p > 0}
    training = model.training
    for module in before:
        module.p = dropout
    model.train()
    try:
        yield
    finally:
        for module, p in before.items():
            module.p = p
        model.train(training)


def _store(run: TrainingState, path: Path, recipe: Recipe) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state: dict[str, Any] = {"recipe": asdict(recipe), "step": run.step, "seconds": run.seconds}
    state |= {"curve": run.curve, "losses": run.losses}
    state |= {"model": run.model.state_dict(), "optimizer": run.adam.state_dict()}
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    os.replace(part, path)


def _restore(run: TrainingState, path: Path, recipe: Recipe) -> None:
    state = torch.load(path, weights_only=True)
    if state["recipe"] != asdict(recipe):
        raise ModelError(f"{path} belongs to a training with other settings; delete it or write elsewhere")
    try:
        run.model.load_state_dict(state["model"])
    except RuntimeError as error:
        raise ModelError(f"{path} belongs to another model; delete it or write elsewhere") from error
    run.adam.load_state_dict(state["optimizer"])
    run.step, run.seconds = state["step"], state["seconds"]
    run.curve, run.losses = state["curve"], state["losses"]
