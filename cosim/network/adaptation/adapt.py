"""Adapt a pre-trained language model to a hardware: calibrate the scalers, then fine-tune through the arrays.

A control is trained beside it: the same start, batches, steps and learning rates, with exact attention. What
the control gains comes from seeing more text; the cost of the hardware is adapted minus control.

An interrupted adaptation continues where it stopped, and a complete one is not repeated.
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
from ....circuits.files import as_written, sealed, write_json
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
    read_record,
    save_softmax,
    tokenizer_of,
)
from ..compute import FLOAT32, Compute
from ..conversion import convert
from ..corpus import demo_corpus
from ..held_out import corpus_tokens
from ..pretrained import save_pretrained
from .calibration import calibrate, calibration_inputs
from .control import train_beside
from .fine_tuning import EXACT_SHARE, RECIPE, fine_tune, steps_in
from .trainer import Recipe, Row

SETTINGS = "settings.json"
STEPS = "steps.json"
WATCHED_TOKENS = 4096
"""Held-out tokens behind each point of the loss curves."""


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
    """Nats per token of softmax, calibrated, adapted and control on the windows of the loss curves."""
    held_out_tokens: int
    """Predicted tokens behind each of them."""
    curves: dict[str, list[Row]]
    """Loss curves of "adapted" and "control": step, train and held_out in nats per token, seconds."""
    corpus: dict[str, Any]
    """Text that was trained and measured on."""
    compute: dict[str, str] | None = None
    """Device, processor class and precision; None in records of versions that did not keep them."""
    cached: bool = False
    """The directory already held exactly this, so nothing was computed."""


@dataclass(frozen=True)
class TrainingText:
    """Text of an adaptation, as tokens."""

    tokens: Tensor
    """Training side, shape (n,), int64."""
    watched: Tensor
    """Windows of the held-out side, shape (m, context + 1)."""

    @classmethod
    def of(cls, tokenizer: Tokenizer, context: int) -> TrainingText:
        """The demo corpus for a tokenizer, in windows of `context` tokens."""
        train, held_out = (
            corpus_tokens(tokenizer, side) for side in (demo_corpus().train, demo_corpus().held_out)
        )
        return cls(train, held_out_windows(held_out, context=context, limit=WATCHED_TOKENS))

    def nats(self, model: nn.Module) -> float:
        """Held-out cross-entropy of a model at float32, nats per token."""
        return measure(model, self.watched).nats


@dataclass(frozen=True)
class Observer:
    """Callbacks that report the progress of an adaptation."""

    phase: Callable[[str, int], None] = lambda name, steps: None
    """Called when a phase begins: its name and number of steps."""
    step: Callable[[int, float], None] = lambda done, loss: None
    """Called with the steps done in this phase and the latest cross-entropy, nats per token (or NaN)."""


SILENT = Observer()


def adapt_model(
    name: str,
    hardware: Hardware,
    out: Path,
    *,
    recipe: Recipe = RECIPE,
    minutes: float | None = None,
    effects: Effects = STANDARD,
    compute: Compute = FLOAT32,
    fresh: bool = False,
    observer: Observer = SILENT,
) -> Adaptation:
    """Adapt a MODEL to a hardware on the demo corpus, and train its control beside it.

    Args:
        name: `demo`, a directory, or a name that transformers loads.
        hardware: hardware to adapt to.
        out: directory of the result: the adapted model (read by `cosim.from_pretrained`), control/ (read by
            transformers) and, written last, adaptation.json.
        recipe: settings of fine-tuning; context and precision are set here.
        minutes: instead of `recipe.steps`, as many steps as take about this time on this machine.
        effects: non-idealities of the forward pass.
        compute: device and precision of the digital network.
        fresh: start again, whatever `out` holds.
        observer: callbacks for progress.

    Returns:
        The record that adaptation.json holds.

    Raises:
        ModelError: the MODEL has no softmax weights, or `out` holds an unfinished adaptation with other
            settings.
    """
    checkpoint = locate(name)
    if checkpoint.softmax is None:
        raise ModelError(f"the pre-trained network that {name} came from is not there; adapt that network")
    softmax = load_softmax(checkpoint.softmax).to(compute.device)
    recipe = replace(recipe, context=context_of(softmax), precision=compute.precision)
    settings = _settings(softmax, hardware, effects, recipe, minutes)
    done = read_adaptation(out)
    if done is not None and done.settings == settings and not fresh:
        return replace(done, cached=True)
    state = _open_state(out, settings, fresh)
    tokenizer = tokenizer_of(checkpoint, softmax.config.vocab_size)
    text = TrainingText.of(tokenizer, recipe.context)
    adapted = convert(copy.deepcopy(softmax), hardware, include="*", effects=effects)
    inputs = calibration_inputs(text.tokens, recipe.context)
    observer.phase("calibrate", softmax.config.num_hidden_layers)
    calibrate(adapted, softmax, inputs, progress=lambda done, layers: observer.step(done, float("nan")))
    # Only now is there something to resume: a model that cannot be adapted must not block the folder.
    write_json(state / SETTINGS, sealed(settings))
    if minutes is not None:
        recipe = replace(recipe, steps=_remembered_steps(state, minutes, adapted, softmax, recipe, text))
    held_out = {"softmax": text.nats(softmax), "calibrated": text.nats(adapted)}
    control = copy.deepcopy(softmax)
    curves = {}
    with train_beside(checkpoint.softmax, control, recipe, state / "control.pt", text) as beside:
        for row, model in (("adapted", adapted), ("control", control)):
            observer.phase(row, recipe.steps)
            if row == "control":
                beside.wait(observer.step)
            curves[row] = fine_tune(
                model,
                recipe,
                text.tokens,
                teacher=softmax,
                held_out=text.watched,
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
        held_out_tokens=text.watched[:, 1:].numel(),
        curves=curves,
        corpus=demo_corpus().summary(),
        compute=compute.record(),
    )
    _write(out, adapted, control, tokenizer, result)
    shutil.rmtree(state)
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
    """Directory of the checkpoints: empty, or that of an unfinished run with these settings."""
    state = out / "state"
    if fresh:
        shutil.rmtree(state, ignore_errors=True)
    known = _read_state(state / SETTINGS)
    if known is not None and known != json.loads(json.dumps(settings)):
        raise ModelError(
            f"{out} holds an unfinished adaptation with other settings; finish it with those, pass --fresh "
            "to start again, or choose another --out"
        )
    return state


def _remembered_steps(
    state: Path, minutes: float, adapted: nn.Module, softmax: nn.Module, recipe: Recipe, text: TrainingText
) -> int:
    """Steps for a time budget, measured once and then read back, so that a resumed run keeps its schedule."""
    known = _read_state(state / STEPS)
    if known is None:
        known = {"steps": steps_in(minutes, (adapted, softmax), softmax, recipe, text.tokens)}
        write_json(state / STEPS, sealed(known))
    return known["steps"]


def _read_state(path: Path) -> dict[str, Any] | None:
    """A record of an unfinished adaptation, without its digest; None if there is none.

    Raises:
        ModelError: it is damaged.
    """
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or not as_written(record):
        raise ModelError(f"{path} is damaged; pass --fresh to start again")
    return {name: value for name, value in record.items() if name != "digest"}


def _lasting_name(model: str, softmax: str) -> str:
    """Name that finds the pre-trained network again from any working directory."""
    if model == "demo" or not Path(softmax).is_dir():
        return model
    return str(Path(softmax).resolve())


def _write(
    out: Path, adapted: nn.Module, control: nn.Module, tokenizer: Tokenizer, result: Adaptation
) -> None:
    (out / ADAPTATION).unlink(missing_ok=True)
    save_pretrained(adapted, out, dtype=torch.bfloat16, tokenizer=tokenizer.own)
    save_softmax(control, out / CONTROL)
    write_json(out / ADAPTATION, sealed({k: v for k, v in asdict(result).items() if k != "cached"}))
