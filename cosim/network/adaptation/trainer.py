"""One training loop: for the demo model, the adaptation and its softmax control.

Every step is a function of the seed and the step's number (batch, dropout, learning rate). An interrupted
run therefore continues from its checkpoint with the results of an undisturbed one, and two models trained
with one recipe see the same batches at the same rates.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ....circuits.errors import ModelError
from ....circuits.files import replace_atomically
from ..batches import measure, step_seed, training_batch
from ..compute import Compute, device_of
from ..out_of_memory import is_out_of_memory, largest_batch
from .distillation import hidden_error, prediction_loss

Row = dict[str, float]
"""One point of a loss curve: step, train and held_out in nats per token, seconds of training so far."""


CHECKPOINT_SECONDS = 30.0
"""Interval between checkpoints, s: the most work that an interruption loses of a small network."""
CHECKPOINT_SHARE = 0.05
"""Largest share of the time that writing checkpoints takes."""


@dataclass(frozen=True)
class Recipe:
    """Settings that decide the result of a training, besides text, start, device and library versions."""

    steps: int
    batch: int = 8
    """Windows per step."""
    context: int = 256
    """Tokens per window."""
    learning_rate: float = 1e-3
    """Peak learning rate, reached after `warmup` steps; then a cosine falls to `floor` of it."""
    scaler_rate: float = 1e-2
    """Peak learning rate of the scalers of gain-cell attention."""
    warmup: int = 20
    """Steps of linear warm-up."""
    floor: float = 0.02
    """Last learning rate, fraction of the peak."""
    weight_decay: float = 0.0
    """Decoupled weight decay of matrices; vectors and scalers have none."""
    clip: float = 1.0
    """Largest gradient norm."""
    dropout: float = 0.0
    """Probability in the model's own dropout layers."""
    distillation: float = 0.0
    """Weight of the divergence from the teacher's predictions in the loss; cross-entropy has the rest."""
    hidden: float = 0.0
    """Weight of the error of hidden states, relative to the variance of the teacher's; every third counts."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Matrix products of the digital network."""
    seed: int = 0
    """Seed of batches and dropout."""

    def rate(self, step: int) -> float:
        """Learning rate of a step as a fraction of its peak."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.floor + (1 - self.floor) * (0.5 + 0.5 * math.cos(math.pi * done))


@dataclass
class TrainingState:
    """State of a training between two steps."""

    model: nn.Module
    adam: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0
    """Time of training steps, without held-out measurements, s."""
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
    """Train the weights of a model that ask for gradients, in place.

    Args:
        model: causal language model, on any device.
        recipe: batches, rates and loss.
        tokens: training text, shape (n,), int64.
        teacher: softmax model on the same device, whose predictions `recipe.distillation` follows.
        held_out: windows to measure, shape (m, context + 1); None: none.
        every: steps between two rows of the loss curve.
        checkpoint: file that is written meanwhile, and from which an interrupted run continues.
        before_step: called with the step's number; may change how the model computes, by that number alone.
        on_step: called with (steps done, cross-entropy in nats per token).
        on_row: called with every new row of the loss curve.

    Returns:
        The loss curve.

    Raises:
        ModelError: the checkpoint belongs to another recipe or model, distillation lacks its teacher, the
            loss is no longer finite, or memory does not suffice.
    """
    if (recipe.distillation or recipe.hidden) and teacher is None:
        raise ModelError("distillation needs a teacher; pass one or set distillation=0")
    run = TrainingState(model, adam_for(model, recipe))
    if checkpoint is not None and checkpoint.exists():
        _restore(run, checkpoint, recipe)
    saved, interval = time.monotonic(), CHECKPOINT_SECONDS
    with training_mode(model, recipe.dropout):
        while run.step < recipe.steps:
            start = time.monotonic()
            before_step(run.step)
            try:
                run.losses.append(_step(run, recipe, tokens, teacher))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise ModelError(_too_large(run, recipe, tokens, teacher)) from error
            run.seconds += time.monotonic() - start
            run.step += 1
            on_step(run.step, run.losses[-1])
            if run.step % every == 0 or run.step == recipe.steps:
                on_row(_close_row(run, held_out, recipe))
            if checkpoint is not None and time.monotonic() - saved > interval:
                start = time.monotonic()
                _store(run, checkpoint, recipe)
                saved = time.monotonic()
                interval = max(CHECKPOINT_SECONDS, (saved - start) / CHECKPOINT_SHARE)
    if checkpoint is not None:
        _store(run, checkpoint, recipe)
    return run.curve


def adam_for(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW that decays matrices only; "peak" of each group is its peak rate, scalers having their own."""
    groups: dict[str, list[nn.Parameter]] = {"matrices": [], "vectors": [], "scalers": []}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
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
    """One step; returns its cross-entropy, nats per token."""
    for group in run.adam.param_groups:
        group["lr"] = group["peak"] * recipe.rate(run.step)
    value = _backward(run, recipe, tokens, teacher)
    nn.utils.clip_grad_norm_(run.model.parameters(), recipe.clip)
    run.adam.step()
    return value


def _too_large(run: TrainingState, recipe: Recipe, tokens: Tensor, teacher: nn.Module | None) -> str:
    """What to do where a step ran out of memory: the largest batch whose gradients fit."""
    fits = largest_batch(
        lambda batch: _backward(run, replace(recipe, batch=batch), tokens, teacher), recipe.batch
    )
    windows = f"{recipe.batch} window{'s' if recipe.batch > 1 else ''} of {recipe.context} tokens"
    if fits:
        return f"out of memory in a step of {windows}; {fits} fit: pass --batch {fits}"
    return f"out of memory in a step of {windows}, and fewer do not fit; pass a shorter --context, or --lora"


def _backward(run: TrainingState, recipe: Recipe, tokens: Tensor, teacher: nn.Module | None) -> float:
    """Gradients of one step; returns its cross-entropy, nats per token."""
    torch.manual_seed(step_seed(recipe.seed, run.step))
    window = training_batch(
        tokens, step=run.step, seed=recipe.seed, batch=recipe.batch, context=recipe.context
    ).to(device_of(run.model))
    inputs = window[:, :-1]
    asked = {"use_cache": False, "output_hidden_states": recipe.hidden > 0}
    with Compute(window.device.type, recipe.precision).autocast():
        found = run.model(input_ids=inputs, **asked)
        if recipe.distillation or recipe.hidden:
            with torch.no_grad():
                taught = teacher(input_ids=inputs, **asked)
    followed = taught.logits if recipe.distillation else None
    loss, cross_entropy = prediction_loss(found.logits, window[:, 1:], followed, recipe.distillation)
    if recipe.hidden:
        loss = loss + recipe.hidden * hidden_error(found.hidden_states, taught.hidden_states)
    value = cross_entropy.item()
    if not math.isfinite(value):
        raise ModelError(f"the loss is not finite at step {run.step}; use a lower learning rate")
    run.adam.zero_grad()
    loss.backward()
    return value


def _close_row(run: TrainingState, held_out: Tensor | None, recipe: Recipe) -> Row:
    row = {"step": run.step, "train": sum(run.losses) / len(run.losses), "seconds": round(run.seconds, 1)}
    if held_out is not None:
        row["held_out"] = measure(run.model, held_out, precision=recipe.precision).nats
    run.curve.append(row)
    run.losses.clear()
    return row


@contextmanager
def training_mode(model: nn.Module, dropout: float) -> Iterator[None]:
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
    state: dict[str, Any] = {"recipe": asdict(recipe), "step": run.step, "seconds": run.seconds}
    state |= {"curve": run.curve, "losses": run.losses}
    state |= {"model": _trained(run.model), "optimizer": run.adam.state_dict()}

    def write(partial: Path) -> None:
        torch.save(state, partial)
        # torch reads most flipped bits as other numbers, so the file ends with a digest of the rest, which
        # torch passes over.
        found = _digest(partial, partial.stat().st_size)
        with partial.open("ab") as file:
            file.write(found)

    replace_atomically(path, write)


def _trained(model: nn.Module) -> dict[str, Tensor]:
    """State of a model that training changes."""
    # A tied weight has several names.
    named = model.named_parameters(remove_duplicate=False)
    fixed = {name for name, parameter in named if not parameter.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in fixed}


def _digest(path: Path, size: int) -> bytes:
    """sha256 of the first bytes of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (part := file.read(min(size, 2**20))):
            found.update(part)
            size -= len(part)
    return found.digest()


def _restore(run: TrainingState, path: Path, recipe: Recipe) -> None:
    try:
        size = path.stat().st_size - 32
        with path.open("rb") as file:
            file.seek(max(size, 0))
            if file.read() != _digest(path, size):
                raise ValueError("its sha256 differs")
        state = torch.load(path, weights_only=True, map_location=device_of(run.model))
        own = state["recipe"] == asdict(recipe)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, UnpicklingError) as error:
        raise ModelError(f"{path} is damaged ({type(error).__name__}); delete it to start again") from error
    if not own:
        raise ModelError(f"{path} belongs to a training with other settings; delete it or write elsewhere")
    try:
        if state["model"].keys() != _trained(run.model).keys():
            raise RuntimeError("other weights are trained")
        run.model.load_state_dict(state["model"], strict=False)
    except RuntimeError as error:
        raise ModelError(f"{path} belongs to another model; delete it or write elsewhere") from error
    run.adam.load_state_dict(state["optimizer"])
    run.step, run.seconds = state["step"], state["seconds"]
    run.curve, run.losses = state["curve"], state["losses"]
