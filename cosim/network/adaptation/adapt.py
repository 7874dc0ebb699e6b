"""Adapt a pre-trained language model to a hardware: calibrate, distil layer by layer, fine-tune end to end.

A control is trained beside it: the same start, batches, steps and learning rates, with exact attention. What
the control gains comes from seeing more text; the cost of the hardware is adapted minus control.

An interrupted adaptation continues where it stopped, and a complete one is not repeated.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ....circuits.errors import ModelError
from ....circuits.files import sealed, write_json
from ....models import Hardware
from ...attention.effects import STANDARD, Effects
from ..adapters import base_digest, save_adapter
from ..checkpoints import (
    ADAPTATION,
    CONTROL,
    Tokenizer,
    context_of,
    digest,
    load_softmax,
    locate,
    read_record,
    save_softmax,
    tokenizer_of,
)
from ..compute import FLOAT32, Compute
from ..conversion import convert
from ..documents import Sides, TextSource
from ..pretrained import save_pretrained
from ..transforms import NONE, Transforms
from .budget import Budget
from .draws import Draws
from .fine_tuning import EXACT_SHARE, RECIPE
from .lora import merged, with_lora
from .self_text import write_text
from .stages import SILENT, Observer, Stages
from .start import ADAPTER_FOLDER, adapted_before
from .state import RunState
from .trainer import Recipe, Row
from .training_text import TrainingText


@dataclass(frozen=True)
class Adaptation:
    """Settings and result of an adaptation, as written to adaptation.json."""

    model: str
    """MODEL that was adapted."""
    hardware: str
    """Name of the hardware."""
    settings: dict[str, Any]
    """Settings that decide the result: adapting again with equal settings gives the same weights."""
    steps: int
    """Steps of fine-tuning."""
    held_out: dict[str, float]
    """Loss of each row on the windows of the loss curves, nats per token."""
    held_out_tokens: int
    """Predicted tokens behind each of them."""
    curves: dict[str, list[Row]]
    """Loss curves of "adapted" and "control": step, train and held_out in nats per token, seconds."""
    corpus: dict[str, Any]
    """Text that was trained and measured on."""
    compute: dict[str, str] | None = None
    """Device, processor class and precision; None in records of versions that did not keep them."""
    layers: dict[str, Any] | None = None
    """Layer-wise stage: steps and tokens of a layer, and by module its errors; None: left out."""
    cached: bool = False
    """The directory already held exactly this, so nothing was computed."""


RecipeMaker = Callable[[nn.Module, int], Recipe]
"""Called with the network and the context, tokens."""
NOTHING = Budget(steps=0)
"""A stage that is left out."""
EARLIER = {
    "transforms": asdict(NONE),
    "distil": asdict(NOTHING),
    "lora": None,
    "draws": None,
    "start": None,
}
"""Settings that records of earlier versions do not have, and what they mean there."""
EARLIER_HIDDEN = 0.0
"""The same for the recipe's `hidden`."""


def adapt_model(
    name: str,
    hardware: Hardware,
    out: Path,
    *,
    recipe: Recipe | RecipeMaker = RECIPE,
    minutes: float | None = None,
    tokens: int | None = None,
    text: TextSource | None = None,
    self_text: int | None = None,
    context: int | None = None,
    transforms: Transforms = NONE,
    distil: Budget = NOTHING,
    lora: int | None = None,
    start: str | Path | None = None,
    jobs: int = 1,
    effects: Effects = STANDARD,
    draws: Draws | None = None,
    compute: Compute = FLOAT32,
    fresh: bool = False,
    observer: Observer = SILENT,
) -> Adaptation:
    """Adapt a MODEL to a hardware, and train its control beside it.

    Stages: calibrate the scalers, distil the attention layers one by one, fine-tune end to end. There is no
    control where fine-tuning follows the teacher alone (`distillation=1`), since it would be the teacher.

    Args:
        name: `demo`, a directory, or a name that transformers loads.
        hardware: hardware to adapt to.
        out: directory of the result: the adapted model (read by `cosim.from_pretrained`), control/ (read by
            transformers), with `lora` adapter/ (the adapter alone) and, written last, adaptation.json.
        recipe: settings of fine-tuning, or a function of network and context that gives them; context and
            precision are set here.
        minutes: instead of `recipe.steps`, as many steps as take about this time on this machine.
        tokens: instead of `recipe.steps`, as many steps as see so many tokens.
        text: text to train on and to measure the loss curves on; None: the demo corpus.
        self_text: instead of a text, about so many tokens that the network writes itself.
        context: tokens per window; None: the network's own, at most 1024.
        transforms: digital transforms before the arrays.
        distil: limit of the layer-wise stage, which is left out if it is 0.
        lora: rank of low-rank additions that are trained in place of the weights; None: all weights. The
            control has such additions too.
        start: in place of the first two stages, the result of another adaptation of this network, or its
            adapter, which goes on being fine-tuned with its own transforms; None: nothing.
        jobs: processes of the layer-wise stage.
        effects: non-idealities of the forward pass.
        draws: dies or chips of `hardware`'s design that fine-tuning sees; None: `hardware` in every step.
        compute: device and precision of the digital network.
        fresh: start again, whatever `out` holds.
        observer: callbacks for progress.

    Returns:
        The record that adaptation.json holds.

    Raises:
        ModelError: the MODEL has no softmax weights, a text that is too short, `out` holds an unfinished
            adaptation with other settings, or `start` belongs to another network or comes with stages or
            transforms that it replaces.
        HardwareError: as `Draws.at`.
    """
    checkpoint = locate(name)
    if checkpoint.softmax is None:
        raise ModelError(f"the pre-trained network that {name} came from is not there; adapt that network")
    softmax = load_softmax(checkpoint.softmax).to(compute.device)
    begun = None
    if start is not None:
        if transforms != NONE or not distil.empty:
            raise ModelError(f"{start} has its own transforms and layer-wise stage; leave them out")
        if Path(start).resolve() == out.resolve():
            raise ModelError(f"{out} is what the adaptation goes on from; choose another --out")
        conditions = {"hardware": hardware, "effects": effects}
        base = checkpoint.softmax
        begun = adapted_before(str(start), base, softmax, **conditions, additions=lora is not None)
        begun = begun.to(compute.device)
    context = context_of(softmax, context)
    recipe = recipe(softmax, context) if callable(recipe) else recipe
    recipe = replace(recipe, context=context, precision=compute.precision)
    if tokens is not None:
        steps = Budget(tokens=tokens).steps_of(recipe.batch * context, lambda: 0.0)
        recipe = replace(recipe, steps=steps)
    tokenizer = tokenizer_of(checkpoint, softmax.config.vocab_size)
    source: TextSource | Sides | None = text
    if self_text is not None:
        observer.phase("write", self_text)
        source = write_text(
            softmax,
            tokenizer.end,
            tokens=self_text,
            context=context,
            seed=recipe.seed,
            progress=lambda done, total: observer.step(done, float("nan")),
        )
    words = TrainingText.of(tokenizer, context, source, recipe.steps * recipe.batch * context)
    settings = _settings(softmax, hardware, effects, recipe, minutes, words)
    extra = {
        "transforms": asdict(transforms),
        "distil": asdict(distil),
        "lora": lora,
        "draws": None if draws is None else draws.record(),
        "start": None if begun is None else digest(begun),
    }
    settings |= {key: value for key, value in extra.items() if value != EARLIER[key]}
    done = read_adaptation(out)
    if done is not None and done.settings == settings and not fresh:
        return replace(done, cached=True)
    state = RunState(out, settings, fresh)
    run = Stages(state, softmax, recipe, words, observer, draws)
    if begun is None:
        adapted = copy.deepcopy(softmax)
        adapted = convert(adapted, hardware, include="*", effects=effects, transforms=transforms)
        run.calibrate(adapted)
        layers = run.distil(adapted, distil, jobs, lora)
    else:
        adapted, layers = begun, None
        run.start(adapted)
    control = None if recipe.distillation == 1 else copy.deepcopy(softmax)
    if lora is not None:
        adapted = with_lora(adapted, softmax, lora, recipe.seed)
        control = None if control is None else with_lora(control, softmax, lora, recipe.seed)
    if minutes is not None:
        run.set_steps(minutes, [model for model in (adapted, control) if model is not None])
    run.fine_tune(adapted, control, checkpoint.softmax, lora)
    shutil.rmtree(out / ADAPTER_FOLDER, ignore_errors=True)
    if lora is not None:
        # Alone, the adapter is the whole difference only if the other weights are those of the start.
        if base_digest(adapted) == settings["weights"]:
            base = _lasting_name(checkpoint.softmax, checkpoint.softmax)
            save_adapter(adapted, out / ADAPTER_FOLDER, base=base)
        adapted = merged(adapted)
        control = None if control is None else merged(control)
    result = Adaptation(
        model=_lasting_name(name, checkpoint.softmax),
        hardware=hardware.name,
        settings=settings,
        steps=run.recipe.steps,
        held_out=run.held_out,
        held_out_tokens=words.watched[:, 1:].numel(),
        curves=run.curves,
        corpus=words.summary,
        compute=compute.record(),
        layers=layers,
    )
    _write(out, adapted, control, tokenizer, result)
    state.remove()
    return result


def read_adaptation(directory: Path) -> Adaptation | None:
    """The record of a complete adaptation, or None where there is none.

    Raises:
        ModelError: the record is damaged.
    """
    record = read_record(directory)
    try:
        return None if record is None else Adaptation(**record)
    except TypeError as error:
        raise ModelError(
            f"{directory / ADAPTATION} is damaged ({error}); adapt again with --fresh"
        ) from error


def _settings(
    softmax: nn.Module,
    hardware: Hardware,
    effects: Effects,
    recipe: Recipe,
    minutes: float | None,
    text: TrainingText,
) -> dict[str, Any]:
    settings = {
        "weights": digest(softmax),
        "hardware": hardware.digest,
        "effects": asdict(effects),
        "corpus": text.summary["sha256"],
        "recipe": asdict(recipe),
        "exact_share": EXACT_SHARE,
    }
    if recipe.hidden == EARLIER_HIDDEN:
        del settings["recipe"]["hidden"]
    if minutes is not None:
        settings["recipe"]["steps"] = None
        settings["minutes"] = minutes
    return settings


def _lasting_name(model: str, softmax: str) -> str:
    """Name that finds the pre-trained network again from any working directory."""
    if model == "demo" or not Path(softmax).is_dir():
        return model
    return str(Path(softmax).resolve())


def _write(
    out: Path, adapted: nn.Module, control: nn.Module | None, tokenizer: Tokenizer, result: Adaptation
) -> None:
    (out / ADAPTATION).unlink(missing_ok=True)
    save_pretrained(adapted, out, dtype=torch.bfloat16, tokenizer=tokenizer.own)
    if control is None:
        shutil.rmtree(out / CONTROL, ignore_errors=True)
    else:
        save_softmax(control, out / CONTROL)
    record = sealed({k: v for k, v in asdict(result).items() if k != "cached"})
    if (out / ADAPTER_FOLDER).is_dir():
        write_json(out / ADAPTER_FOLDER / ADAPTATION, record)
    write_json(out / ADAPTATION, record)
