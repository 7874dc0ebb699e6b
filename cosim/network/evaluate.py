"""Perplexity of a model on held-out text: exact attention, and the hardware before and after adaptation.

Rows of the result:

    softmax     the pre-trained network with exact attention
    mapped      on the hardware with identity scalers: no data, no adaptation
    calibrated  scalers from statistics (`calibration.calibrate`), weights untouched
    adapted     scalers and weights fine-tuned through the hardware (`gaincell adapt`)
    control     exact attention, with the same extra training as adapted

Perplexity is per token of the model's own vocabulary; for a byte-level model a token is a byte. It is not
comparable with the perplexity per word that some papers print.
"""

from __future__ import annotations

import copy
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from shlex import quote
from typing import Any

import torch
from torch import Tensor, nn

from ...models import Chip, Hardware
from ..attention.effects import STANDARD, Effects
from .adaptation.calibration import calibrate
from .batches import Loss, held_out_windows, measure, training_batch
from .checkpoints import Checkpoint, Tokenizer, context_of, load_softmax, tokenizer_of
from .compute import FLOAT32, Compute, device_of
from .conversion import convert
from .corpus import demo_corpus
from .layer import gain_cell_layers, put_on_chip, record_traces
from .pretrained import from_pretrained, saved_hardware

ROWS = ("softmax", "mapped", "calibrated", "adapted", "control")
CALIBRATION_WINDOWS = 2
"""Windows of training text that calibration reads."""
CALIBRATION_SEED = 1000
"""Seed of those windows, different from the seeds of training."""

Report = Callable[[str, int, int], None]
"""Called with (current item, done, total)."""

SILENT: Report = lambda item, done, total: None  # noqa: E731


def evaluate_model(
    checkpoint: Checkpoint,
    hardware: Hardware,
    *,
    content: str | None = None,
    tokens: int | None = 20480,
    seed: int = 0,
    effects: Effects = STANDARD,
    compute: Compute = FLOAT32,
    chips: Sequence[int] = (),
    report: Report = SILENT,
) -> dict[str, Any]:
    """Measure every row for which the checkpoint has weights; the others are None, with a note.

    Args:
        checkpoint: parts of a MODEL.
        hardware: hardware of the rows mapped, calibrated and adapted.
        content: text to measure on; None: the held-out side of the demo corpus.
        tokens: about how many tokens to predict, in non-overlapping windows; None: all.
        seed: choice of the windows.
        effects: non-idealities of the hardware rows.
        compute: device and precision of the digital network.
        chips: seeds of chips to measure the adapted network on as well (the calibrated one where none is
            adapted); the other rows are of nominal circuits.
        report: called with (row, windows done, windows); during calibration with ("calibrate", layers done,
            layers).

    Returns:
        JSON-able values. Calibration reads training text only.

    Raises:
        ModelError: the text is shorter than one window.
        HardwareError: chips of hardware that describes no mismatch.
    """
    drawn = [hardware.chip(seed) for seed in chips]
    softmax = None if checkpoint.softmax is None else load_softmax(checkpoint.softmax).to(compute.device)
    adapted = None
    if checkpoint.adapted is not None:
        adapted = from_pretrained(checkpoint.adapted, hardware=hardware, effects=effects)
        adapted.to(compute.device)
    some = adapted if softmax is None else softmax
    tokenizer, context = tokenizer_of(checkpoint, some.config.vocab_size), context_of(some)
    windows, tokens_per_byte = held_out_tokens(tokenizer, content, context, tokens, seed)
    models = {}
    if softmax is not None:
        examples = calibration_inputs(corpus_tokens(tokenizer, demo_corpus().train), context)
        models = {"softmax": softmax} | unadapted(
            softmax, hardware, effects, examples, progress=partial(report, "calibrate")
        )
    if adapted is not None:
        models["adapted"] = adapted
    if checkpoint.control is not None:
        models["control"] = load_softmax(checkpoint.control).to(compute.device)
    losses, outside = {}, {}
    for row, model in models.items():
        losses[row] = measure(model, windows, precision=compute.precision, progress=partial(report, row))
        if row in ("mapped", "calibrated", "adapted"):
            outside[row] = count_outside(model, windows[:1, :-1])
    return {
        "model": checkpoint.name,
        "hardware": {
            "name": hardware.name,
            "cell": hardware.cell,
            "digest": hardware.digest,
            "description": hardware.description,
            "trim": None if hardware.trim is None else hardware.trim.model_dump(),
        },
        "effects": asdict(effects),
        "text": demo_corpus().summary() if content is None else {"bytes": len(content.encode())},
        "token": "byte" if tokenizer.name == "bytes" else tokenizer.name,
        "tokens": windows[:, 1:].numel(),
        "context": context,
        "seed": seed,
        **compute.record(),
        **_numbers(losses, tokens_per_byte),
        "chips": _on_chips(models, drawn, losses, windows, compute, report),
        "outside_box": outside,
        "outside_box_tokens": context,
        "notes": _notes(checkpoint, hardware),
    }


def _on_chips(
    models: dict[str, nn.Module],
    chips: Sequence[Chip],
    losses: dict[str, Loss],
    windows: Tensor,
    compute: Compute,
    report: Report,
) -> dict[str, Any] | None:
    """Loss of one row's model on each chip, beside that on nominal circuits; None without chips."""
    if not chips:
        return None
    row = "adapted" if "adapted" in models else "calibrated"
    found = []
    for chip in chips:
        put_on_chip(models[row], chip)
        shown = partial(report, f"chip {chip.seed}")
        found.append(measure(models[row], windows, precision=compute.precision, progress=shown))
    put_on_chip(models[row], None)
    nats = [loss.nats for loss in found]
    return {
        "row": row,
        "seed": [chip.seed for chip in chips],
        "perplexity": [loss.perplexity for loss in found],
        "nats_per_token": nats,
        "mean_minus_nominal_nats": statistics.mean(nats) - losses[row].nats,
        "spread_nats": statistics.stdev(nats) if len(nats) > 1 else None,
    }


def held_out_tokens(
    tokenizer: Tokenizer, content: str | None, context: int, tokens: int | None, seed: int
) -> tuple[Tensor, float]:
    """Windows to measure a loss on.

    Args:
        tokenizer: tokenizer of the model.
        content: text to measure on; None: the held-out side of the demo corpus.
        context: tokens per window.
        tokens: about how many tokens to predict; None: all.
        seed: choice of the windows.

    Returns:
        Token ids, shape (windows, context + 1), and the number of tokens per byte of text.

    Raises:
        ModelError: the text is shorter than one window.
    """
    text, ends = tokenizer.read(
        corpus_text(tokenizer, demo_corpus().held_out) if content is None else content
    )
    windows, ends = (held_out_windows(x, context=context, limit=tokens, seed=seed) for x in (text, ends))
    return windows, windows[:, 1:].numel() / float((ends[:, -1] - ends[:, 0]).sum())


def calibration_inputs(tokens: Tensor, context: int) -> Tensor:
    """Token ids (B, T) of training text that the scalers are calibrated on."""
    return training_batch(tokens, step=0, seed=CALIBRATION_SEED, batch=CALIBRATION_WINDOWS, context=context)[
        :, :-1
    ]


def corpus_tokens(tokenizer: Tokenizer, side: bytes) -> Tensor:
    """One side of the demo corpus as token ids (n,)."""
    return tokenizer.encode(corpus_text(tokenizer, side))


def corpus_text(tokenizer: Tokenizer, side: bytes) -> str:
    """One side of the demo corpus; only a byte-level model knows the document separator."""
    content = side.decode()
    return content if tokenizer.name == "bytes" else content.replace("\0", "\n\n")


@torch.no_grad()
def count_outside(model: nn.Module, inputs: Tensor) -> dict[str, int]:
    """Surrogate evaluations outside their validity boxes while the model reads `inputs`, over all layers."""
    counts: dict[str, int] = {}
    if all(layer.hardware.kind == "softmax" for layer in gain_cell_layers(model).values()):
        return counts
    with record_traces(model) as traces:
        model(input_ids=inputs.to(device_of(model)), use_cache=False)
    for trace in (trace for layer in traces.values() for trace in layer):
        for name, count in trace.outside.items():
            counts[name] = counts.get(name, 0) + count
    return counts


def unadapted(
    softmax: nn.Module,
    hardware: Hardware,
    effects: Effects,
    examples: Tensor,
    progress: Callable[[int, int], None] = lambda done, layers: None,
) -> dict[str, nn.Module]:
    """The network on the hardware, weights untouched: mapped, and calibrated on token ids `examples`."""
    mapped, calibrated = (
        convert(copy.deepcopy(softmax), hardware, include="*", effects=effects) for _ in range(2)
    )
    calibrate(calibrated, softmax, examples, progress=progress)
    return {"mapped": mapped, "calibrated": calibrated}


def _notes(checkpoint: Checkpoint, hardware: Hardware) -> list[str]:
    """Why rows are missing or not what they seem."""
    notes = []
    if checkpoint.softmax is None:
        notes.append(
            f"softmax, mapped, calibrated: the network that {checkpoint.name} came from is not there"
        )
    if checkpoint.adapted is None:
        notes.append(
            f"adapted: no weights; run `gaincell adapt {quote(checkpoint.name)} --out DIR`, evaluate DIR"
        )
        return notes
    own = saved_hardware(checkpoint.adapted)
    if own.digest != hardware.digest:
        notes.append(f"adapted: trained for {own.name} ({own.digest[:8]}), measured on other hardware")
    if checkpoint.control is None:
        notes.append("control: no weights beside the adapted ones")
    return notes


def _numbers(losses: dict[str, Loss], tokens_per_byte: float) -> dict[str, Any]:
    def row_by_row(value: Callable[[Loss], float]) -> dict[str, float | None]:
        return {row: value(losses[row]) if row in losses else None for row in ROWS}

    def adapted_minus(row: str) -> float | None:
        return losses["adapted"].nats - losses[row].nats if {"adapted", row} <= losses.keys() else None

    return {
        "perplexity": row_by_row(lambda loss: loss.perplexity),
        "nats_per_token": row_by_row(lambda loss: loss.nats),
        "nats_per_byte": row_by_row(lambda loss: loss.nats * tokens_per_byte),
        "bits_per_byte": row_by_row(lambda loss: loss.nats * tokens_per_byte / math.log(2)),
        "standard_error_nats": row_by_row(lambda loss: loss.error),
        "tokens_per_s": row_by_row(lambda loss: loss.tokens_per_second),
        "adapted_minus_control_nats": adapted_minus("control"),
        "adapted_minus_softmax_nats": adapted_minus("softmax"),
    }
