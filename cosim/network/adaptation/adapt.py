"""Adapt a pre-trained language model to a hardware: match the scalers, then fine-tune through the arrays.

Beside it a control is trained: the same start, the same batches, steps and learning rates, with exact
attention. What the control gains is the gain of seeing more text; the cost of the hardware is adapted minus
control.

An adaptation can be interrupted and run again; one that is complete is not repeated.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ....circuits.errors import ModelError
from ....models import Hardware
from ...attention.effects import STANDARD, Effects
from ..batches import held_out_windows, measure
from ..checkpoints import (
    ADAPTATION,
    CONTROL,
    Tokenizer,
    context_of,
    digest,
    load_softmax,
    locate,
    save_softmax,
    tokenizer_of,
    write_json,
)
from ..conversion import convert
from ..corpus import demo_corpus
from ..evaluate import calibration_inputs, corpus_tokens
from ..pretrained import save_pretrained
from .calibration import calibrate
from .fine_tuning import EXACT_SHARE, RECIPE, fine_tune, steps_in
from .trainer import Recipe, Row

SETTINGS = "settings.json"
WATCHED_TOKENS = 4096
"""Held-out tokens behind each point of the loss curves."""


@dataclass(frozen=True)
class Adaptation:
    """What was done and reached, as written to adaptation.json."""

    model: str
    """The MODEL that was adapted."""
    hardware: str
    settings: dict[str, Any]
    """What decides the result: adapting again with equal settings would give the same weights."""
    steps: int
    held_out: dict[str, float]
    """Nats per token of softmax, calibrated, adapted and control on the windows of the loss curves."""
    held_out_tokens: int
    curves: dict[str, list[Row]]
    """Of "adapted" and "control": step, train and held_out in nats per token, seconds."""
    corpus: dict[str, Any]
    cached: bool = False
    """The directory already held exactly this, so nothing was done."""


@dataclass(frozen=True)
class TrainingText:
    """Text of an adaptation, as tokens."""

    tokens: Tensor
    """Training side (n,)."""
    watched: Tensor
    """Windows of the held-out side (m, context + 1)."""

    @classmethod
    def of(cls, tokenizer: Tokenizer, context: int) -> TrainingText:
        train, held_out = (
            corpus_tokens(tokenizer, side) for side in (demo_corpus().train, demo_corpus().held_out)
        )
        return cls(train, held_out_windows(held_out, context=context, limit=WATCHED_TOKENS))

    def nats(self, model: nn.Module) -> float:
        """Held-out cross-entropy of a model, nats per token."""
        return measure(model, self.watched).nats


@dataclass(frozen=True)
class Observer:
    """Where the progress of an adaptation goes."""

    phase: Callable[[str, int], None] = lambda name, steps: None
    """A phase begins."""
    step: Callable[[int, float], None] = lambda done, loss: None
    """Steps done in this phase, and the latest cross-entropy (nats per token)."""


SILENT = Observer()


def adapt_model(
    name: str,
    hardware: Hardware,
    out: Path,
    *,
    recipe: Recipe = RECIPE,
    minutes: float | None = None,
    effects: Effects = STANDARD,
    fresh: bool = False,
    observer: Observer = SILENT,
) -> Adaptation:
    """Adapt the MODEL `name` to `hardware` on the demo corpus, and train its control; write both to `out`.

    minutes: instead of `recipe.steps`, as many steps as adaptation and control together take in about this
    time on this machine. fresh: start again whatever `out` holds.

    `out` gets the adapted model (read by `cosim.from_pretrained`), control/ (read by transformers) and, last,
    adaptation.json. Raises `ModelError` for a MODEL without softmax weights, and when `out` holds an
    unfinished adaptation with other settings.
    """
    checkpoint = locate(name)
    if checkpoint.softmax is None:
        raise ModelError(f"the pre-trained network that {name} came from is not there; adapt that network")
    softmax = load_softmax(checkpoint.softmax)
    recipe = replace(recipe, context=context_of(softmax))
    settings = _settings(softmax, hardware, effects, recipe, minutes)
    done = read_adaptation(out)
    if done is not None and done.settings == settings and not fresh:
        return replace(done, cached=True)
    state = _open_state(out, settings, fresh)
    material = TrainingText.of(tokenizer_of(checkpoint, softmax.config.vocab_size), recipe.context)
    observer.phase("calibrate", 0)
    adapted = convert(copy.deepcopy(softmax), hardware, include="*", effects=effects)
    calibrate(adapted, softmax, calibration_inputs(material.tokens, recipe.context))
    # Only now is there something to resume: a model that cannot be adapted must not block the folder.
    write_json(state / SETTINGS, settings)
    if minutes is not None:
        recipe = replace(recipe, steps=_remembered_steps(state, minutes, adapted, softmax, recipe, material))
    held_out = {"softmax": material.nats(softmax), "calibrated": material.nats(adapted)}
    control = copy.deepcopy(softmax)
    curves = {}
    for row, model in (("adapted", adapted), ("control", control)):
        observer.phase(row, recipe.steps)
        curves[row] = fine_tune(
            model,
            recipe,
            material.tokens,
            teacher=softmax,
            held_out=material.watched,
            checkpoint=state / f"{row}.pt",
            on_step=observer.step,
        )
        held_out[row] = curves[row][-1]["held_out"]
    result = Adaptation(
        model=_lasting_name(name, checkpoint.softmax),
        hardware=hardware.name,
        settings=settings,
        steps=recipe.steps,
        held_out=held_out,
        held_out_tokens=material.watched[:, 1:].numel(),
        curves=curves,
        corpus=demo_corpus().summary(),
    )
    _write(out, adapted, control, result)
    shutil.rmtree(state)
    return result


def read_adaptation(directory: Path) -> Adaptation | None:
    """The record of a complete adaptation, or None."""
    path = directory / ADAPTATION
    return Adaptation(**json.loads(path.read_text())) if path.is_file() else None


def _settings(
    softmax: nn.Module, hardware: Hardware, effects: Effects, recipe: Recipe, minutes: float | None
) -> dict[str, Any]:
    settings = {
        "weights": digest(softmax),
        "hardware": hardware.digest,
        "effects": asdict(effects),
        "corpus": demo_corpus().digest,
        "recipe": asdict(recipe),
        "exact_share": EXACT_SHARE,
    }
    if minutes is not None:
        settings["recipe"]["steps"] = None
        settings["minutes"] = minutes
    return settings


def _open_state(out: Path, settings: dict[str, Any], fresh: bool) -> Path:
    """The directory of the checkpoints: none yet, or that of an unfinished run with these settings."""
    state = out / "state"
    if fresh:
        shutil.rmtree(state, ignore_errors=True)
    record = state / SETTINGS
    if record.is_file() and json.loads(record.read_text()) != settings:
        raise ModelError(
            f"{out} holds an unfinished adaptation with other settings; finish it with those, pass --fresh "
            "to start again, or choose another --out"
        )
    return state


def _remembered_steps(
    state: Path,
    minutes: float,
    adapted: nn.Module,
    softmax: nn.Module,
    recipe: Recipe,
    material: TrainingText,
) -> int:
    """Steps for a time budget: measured once, then remembered, so that a resumed run keeps its schedule."""
    record = state / "steps.json"
    if not record.is_file():
        write_json(record, steps_in(minutes, (adapted, softmax), softmax, recipe, material.tokens))
    return json.loads(record.read_text())


def _lasting_name(model: str, softmax: str) -> str:
    """What finds the pre-trained network again from any working directory."""
    if model == "demo" or not Path(softmax).is_dir():
        return model
    return str(Path(softmax).resolve())


def _write(out: Path, adapted: nn.Module, control: nn.Module, result: Adaptation) -> None:
    (out / ADAPTATION).unlink(missing_ok=True)
    save_pretrained(adapted, out, dtype=torch.bfloat16)
    save_softmax(control, out / CONTROL)
    write_json(out / ADAPTATION, {k: v for k, v in asdict(result).items() if k != "cached"})
