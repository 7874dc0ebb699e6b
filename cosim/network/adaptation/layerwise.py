"""Distillation layer by layer: each attention module on the hardware learns to answer as the teacher's does.

The softmax teacher reads text once, and what enters each of its attention modules is written to disk. Every
module is then trained by itself on its teacher's inputs, so modules are independent of each other: they are
trained in several processes, and a finished one is not repeated.
"""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from joblib.parallel import BACKENDS, DEFAULT_BACKEND, get_active_backend
from torch import Tensor, nn

from ....circuits.errors import ModelError
from ....models import Hardware
from ...attention.effects import Effects
from ..batches import held_out_windows, step_seed
from ..compute import Compute, device_of
from ..families import attention_modules
from .budget import Budget
from .fine_tuning import EXACT_SHARE
from .layer_inputs import FOLDER, Call, cache_inputs, inputs_file
from .lora import merged, with_lora
from .proxy import proxy_of
from .state import RunState
from .trainer import Recipe, adam_for, training_mode

CACHED_TOKENS = 131_072
"""Tokens of which the teacher's inputs are kept: 0.2 GB for each layer of a network of width 768."""
HELD_OUT_WINDOWS = 2
"""Of the cached windows, those that only measure the error."""
TOKENS_PER_STEP = 512
LEARNING_RATE, LORA_RATE, SCALER_RATE = 2e-3, 5e-3, 1e-2
"""Peak learning rates of all weights, of low-rank additions in their place, and of scalers."""
TRIAL_STEPS = 4
"""Steps that measure the duration of a step for a limit in minutes."""


@dataclass(frozen=True)
class LayerErrors:
    """Mean square error of a module on held-out windows, over the variance of the teacher's output."""

    before: float
    after: float


@dataclass(frozen=True)
class _Order:
    """One module to train; it is sent to another process."""

    index: int
    teacher: nn.Module
    student: nn.Module
    call: Call
    inputs: Path | np.ndarray
    """File of the module's inputs, or the inputs themselves, (windows, context, width)."""
    recipe: Recipe
    threads: int | None
    lora: int | None


def distil_layers(
    model: nn.Module,
    teacher: nn.Module,
    tokens: Tensor,
    budget: Budget,
    recipe: Recipe,
    state: RunState,
    *,
    jobs: int = 1,
    lora: int | None = None,
    phase: Callable[[str, int], None] = lambda name, steps: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Train every attention module of a converted model on the inputs of its teacher's, in place.

    Args:
        model: converted and calibrated model.
        teacher: softmax model with the same weights.
        tokens: training text, shape (n,), int64.
        budget: tokens, steps or minutes; tokens and steps are those of each layer.
        recipe: context, precision and seed; steps, batch and rates are set here.
        state: unfinished adaptation that keeps finished layers.
        jobs: processes; on a cluster (`joblib.parallel_config`) all of its workers train.
        lora: rank of low-rank additions to the weights, which are trained in their place and merged; None:
            all weights.
        phase: called with ("read", windows) before the teacher reads, and with ("distil", layers).
        progress: called with (windows or layers done, windows or layers).

    Returns:
        "errors": by module name, before and after; "steps" and "tokens" of each layer.

    Raises:
        ModelError: too little text or room on the disk, or modules whose other arguments depend on the text.
    """
    students = {name: x for name, x in attention_modules(model).items() if hasattr(x, "gain_cell")}
    teachers = attention_modules(teacher)
    batch = max(1, TOKENS_PER_STEP // recipe.context)
    read = max(1, CACHED_TOKENS // recipe.context)
    if budget.minutes is None:
        read = min(read, batch * budget.steps_of(batch * recipe.context, lambda: 0.0))
    size = (HELD_OUT_WINDOWS + read) * recipe.context
    inputs = held_out_windows(tokens, context=recipe.context, limit=size, seed=recipe.seed)[:, :-1]
    if len(inputs) <= HELD_OUT_WINDOWS:
        raise ModelError(
            f"the text has {len(inputs)} windows of {recipe.context} tokens, and the layer-wise stage needs "
            f"more than {HELD_OUT_WINDOWS}; give more text, a shorter --context, or --distil 0"
        )
    phase("read", len(inputs))
    own_teachers = {name: teachers[name] for name in students}
    calls = cache_inputs(teacher, own_teachers, inputs, state, progress, precision=recipe.precision)
    phase("distil", len(students))
    device = device_of(model)

    def order(index: int, recipe: Recipe) -> _Order:
        name = list(students)[index]
        parts = (teachers[name], students[name])
        alone = None if jobs == 1 else 1
        return _Order(index, *parts, calls[name], inputs_file(state, index), recipe, alone, lora)

    def seconds_per_step() -> float:
        trial = copy.deepcopy(order(0, _recipe(recipe, TRIAL_STEPS, batch, lora)))
        start = time.monotonic()
        _train(trial, device)
        return (time.monotonic() - start) / TRIAL_STEPS * len(students) / jobs

    made = state.remembered(
        f"{FOLDER}/steps.json",
        lambda: {"steps": budget.steps_of(batch * recipe.context, seconds_per_step)},
    )
    own = _recipe(recipe, made["steps"], batch, lora)
    errors: dict[str, Any] = {}
    progress(0, len(students))
    left = []
    for index, name in enumerate(students):
        known = state.restore(f"{FOLDER}/layer-{index}", students[name])
        if known is None:
            left.append(index)
        else:
            errors[name] = known
    done = len(errors)
    progress(done, len(students))
    for index, trained, found in _run((order(i, own) for i in left), jobs, device):
        name = list(students)[index]
        students[name].load_state_dict(trained)
        errors[name] = asdict(found)
        state.keep(f"{FOLDER}/layer-{index}", students[name], **errors[name])
        done += 1
        progress(done, len(students))
    steps = made["steps"]
    return {
        "errors": {name: errors[name] for name in students},
        "steps": steps,
        "tokens": steps * batch * recipe.context,
    }


def _recipe(recipe: Recipe, steps: int, batch: int, lora: int | None) -> Recipe:
    return replace(
        recipe,
        steps=steps,
        batch=batch,
        warmup=min(recipe.warmup, max(1, steps // 10)),
        learning_rate=LEARNING_RATE if lora is None else LORA_RATE,
        scaler_rate=SCALER_RATE,
    )


def _run(
    orders: Iterator[_Order], jobs: int, device: torch.device
) -> Iterator[tuple[int, dict[str, Tensor], LayerErrors]]:
    each_alone = {"return_as": "generator_unordered", "batch_size": 1}
    if on_cluster():
        # Workers on other machines do not see the files. All inputs at once would fill their memory.
        sent = (replace(order, inputs=np.load(order.inputs), threads=None) for order in orders)
        workers = Parallel(n_jobs=-1, pre_dispatch="2*n_jobs", **each_alone)
        # Dask's scheduler unpickles what it passes on, and answers nobody while it imports torch for it.
        # Bytes it does not take apart; a worker that loads these trains.
        yield from workers(delayed(pickle.loads)(pickle.dumps(_Training(order, device))) for order in sent)
        return
    if jobs == 1:
        yield from (_train(copy.deepcopy(order), device) for order in orders)
        return
    workers = Parallel(n_jobs=jobs, pre_dispatch=jobs, **each_alone)
    yield from workers(delayed(_train)(order, device) for order in orders)


def on_cluster() -> bool:
    """Whether the active backend of joblib is another one than processes of this machine."""
    active, _ = get_active_backend()
    return not isinstance(active, BACKENDS[DEFAULT_BACKEND])


@dataclass(frozen=True)
class _Training:
    """A training that runs where its pickled form is loaded, and is replaced by its result."""

    order: _Order
    device: torch.device

    def __reduce__(self) -> tuple[Callable, tuple[_Order, torch.device]]:
        return _train, (self.order, self.device)


def _train(order: _Order, device: torch.device) -> tuple[int, dict[str, Tensor], LayerErrors]:
    """Train one module; returns its number, weights and errors."""
    if order.threads is not None:
        torch.set_num_threads(order.threads)
    recipe, call, teacher, student = order.recipe, order.call, order.teacher.eval(), order.student.eval()
    inputs = np.load(order.inputs, mmap_mode="r") if isinstance(order.inputs, Path) else order.inputs
    compute = Compute(device.type, recipe.precision)

    def window(number: int) -> Tensor:
        return torch.from_numpy(inputs[number].astype(np.float32))[None].to(device)

    held_out = torch.cat([window(-1 - i) for i in range(HELD_OUT_WINDOWS)])
    layer = student.gain_cell
    exact = layer.hardware, layer.effects
    with torch.no_grad():
        scale = 1 / call.run(teacher, held_out).var().clamp(min=1e-12)

    @torch.no_grad()
    def error() -> float:
        return float(sum(_error(call, student, teacher, x[None]) for x in held_out) * scale / len(held_out))

    before = error()
    additions = None if order.lora is None else with_lora(student, teacher, order.lora, recipe.seed)
    # A wrapper gives the scalers the name by which they get a rate of their own.
    adam = adam_for(nn.ModuleDict({"layer": student}), recipe)
    with training_mode(student, recipe.dropout):
        for step in range(recipe.steps):
            layer.hardware, layer.effects = _conditions(step, recipe.steps, exact)
            generator = torch.Generator().manual_seed(step_seed(recipe.seed + order.index, step))
            chosen = torch.randint(0, len(inputs) - HELD_OUT_WINDOWS, (recipe.batch,), generator=generator)
            for group in adam.param_groups:
                group["lr"] = group["peak"] * recipe.rate(step)
            adam.zero_grad()
            for number in chosen.tolist():
                with compute.autocast():
                    loss = _error(call, student, teacher, window(number)) * scale / recipe.batch
                loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), recipe.clip)
            adam.step()
    layer.hardware, layer.effects = exact
    student = student if additions is None else merged(additions)
    after = error()
    return order.index, student.state_dict(), LayerErrors(before, after)


def _error(call: Call, student: nn.Module, teacher: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        target = call.run(teacher, x)
    return (call.run(student, x).float() - target.float()).square().mean()


def _conditions(step: int, steps: int, exact: tuple[Hardware, Effects]) -> tuple[Hardware, Effects]:
    return proxy_of(*exact) if step < int((1 - EXACT_SHARE) * steps) else exact
