"""Fine-tuning of a network through the hardware's arrays, or with exact attention as the control.

Fine-tuning is quantisation-aware: the forward pass is the hardware's, with its levels, saturation and curves.
In the backward pass rounding is straight-through, and every other step has its derivative. All weights of the
network are trained, or low-rank additions to them.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from torch import Tensor, nn

from ..batches import MOST_LOGITS, measure
from ..layer import gain_cell_layers
from .draws import Draws, drawn_conditions
from .proxy import proxy_of
from .trainer import Recipe, Row, train

RECIPE = Recipe(steps=240, batch=8, learning_rate=1e-3, scaler_rate=1e-2, warmup=20, distillation=0.6)
"""Default settings; the demo network takes a few CPU-minutes."""

OBJECTIVES: dict[str, tuple[float, float]] = {"mixed": (0.6, 0.0), "teacher": (1.0, 0.5), "text": (0.0, 0.0)}
"""By name: weights `distillation` and `hidden` of a recipe."""

EXACT_SHARE = 0.05
"""Last share of the steps, computed with the hardware's own model; the steps before use its proxy."""

CURVE_POINTS = 6
"""Number of held-out measurements in a loss curve."""

TRIAL_STEPS = 20
"""Steps that measure the duration of a step for a time budget."""
LARGE = 20_000_000
"""Parameters from which a network takes `FEW_TRIAL_STEPS`."""
FEW_TRIAL_STEPS = 4

BASE_WIDTH = 256
"""Width of the network that `RECIPE` suits, which is the demo network's."""
TOKENS_PER_STEP = 2048
"""Tokens that a step sees, where their logits are no more than `MOST_LOGITS`."""


def recipe_for(model: nn.Module, recipe: Recipe = RECIPE) -> Recipe:
    """A recipe for a network: rates fall with its width, the batch with context and vocabulary.

    With Adam, the rate at which a weight matrix may change falls with its width (Yang et al. 2022, "Tensor
    Programs V", table 3).

    Args:
        model: network to train.
        recipe: recipe for a network of width 256, with the context to train with.
    """
    width = getattr(model.config, "hidden_size", None) or BASE_WIDTH
    share = min(1.0, BASE_WIDTH / width)
    tokens = min(TOKENS_PER_STEP, MOST_LOGITS // model.config.vocab_size)
    return replace(
        recipe,
        learning_rate=recipe.learning_rate * share,
        scaler_rate=recipe.scaler_rate * share,
        batch=max(1, tokens // recipe.context),
    )


def fine_tune(
    model: nn.Module,
    recipe: Recipe,
    tokens: Tensor,
    *,
    teacher: nn.Module | None = None,
    held_out: Tensor | None = None,
    checkpoint: Path | None = None,
    draws: Draws | None = None,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    on_row: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Train all weights of a model, and its scalers if it is converted, in place.

    A model with exact attention is a control: it gets the same batches and rates, and cross-entropy alone,
    since it starts as the teacher.

    Args:
        model: converted model, or the control.
        recipe: settings of the training.
        tokens: training text, shape (n,), int64.
        teacher: softmax model for distillation.
        held_out: windows of the loss curve, shape (m, context + 1).
        checkpoint: file from which an interrupted run continues.
        draws: dies or chips that the training steps of a converted model see; held-out losses are those of
            its own hardware. None: its own hardware in every step.
        on_step: called with (steps done, cross-entropy in nats per token).
        on_row: called with every new row of the loss curve.

    Returns:
        The loss curve.

    Raises:
        ModelError: as `train` does.
        HardwareError: as `Draws.at`.
    """
    layers = list(gain_cell_layers(model).values())
    exact = [(layer.hardware, layer.effects, layer.chip) for layer in layers]
    draws = draws if layers else None

    first_exact = int((1 - EXACT_SHARE) * recipe.steps)

    def choose(step: int, draws: Draws | None = draws) -> None:
        drawn = None if draws is None else draws.at(step)
        for layer, (hardware, effects, chip) in zip(layers, exact, strict=True):
            near = proxy_of(hardware, effects) if step < first_exact else (hardware, effects)
            conditions = (*near, chip) if drawn is None else drawn_conditions(drawn, near, effects)
            layer.hardware, layer.effects, layer.chip = conditions

    def close_row(row: Row) -> None:
        if draws is not None and held_out is not None:
            choose(row["step"] - 1, None)
            row["held_out"] = measure(model, held_out, precision=recipe.precision).nats
        on_row(row)

    try:
        return train(
            model,
            recipe if layers else replace(recipe, distillation=0.0, hidden=0.0),
            tokens,
            teacher=teacher,
            held_out=held_out if draws is None else None,
            every=math.ceil(recipe.steps / CURVE_POINTS),
            checkpoint=checkpoint,
            before_step=choose,
            on_step=on_step,
            on_row=close_row,
        )
    finally:
        for layer, conditions in zip(layers, exact, strict=True):
            layer.hardware, layer.effects, layer.chip = conditions


def steps_in(
    minutes: float,
    models: Iterable[nn.Module],
    teacher: nn.Module,
    recipe: Recipe,
    tokens: Tensor,
    draws: Draws | None = None,
) -> int:
    """Number of steps of fine-tuning that all models together take in a given time on this machine.

    Args:
        minutes: time budget, min.
        models: models to train, which are measured on copies.
        teacher: softmax model for distillation.
        recipe: settings of the training.
        tokens: training text, shape (n,), int64.
        draws: as in `fine_tune`.
    """
    seconds = 0.0
    for model in models:
        large = sum(parameter.numel() for parameter in model.parameters()) >= LARGE
        trial = replace(recipe, steps=FEW_TRIAL_STEPS if large else TRIAL_STEPS, warmup=0)
        ends: list[float] = []
        fine_tune(
            copy.deepcopy(model),
            trial,
            tokens,
            teacher=teacher,
            draws=draws,
            on_step=lambda step, loss, ends=ends: ends.append(time.monotonic()),
        )
        # The last step of a trial uses the hardware's own model, the others its proxy.
        *proxies, exact = (b - a for a, b in pairwise(ends))
        seconds += (1 - EXACT_SHARE) * median(proxies) + EXACT_SHARE * exact
    return max(FEW_TRIAL_STEPS if large else TRIAL_STEPS, round(60 * minutes / seconds))
