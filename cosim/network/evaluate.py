"""Perplexity of a model on held-out text: exact attention, and the hardware before and after adaptation.

Rows of the result:

    softmax     the pre-trained network with exact attention
    mapped      on the hardware with identity scalers: no data, no adaptation
    calibrated  scalers from statistics (`calibration.calibrate`), weights untouched
    adapted     scalers and weights fine-tuned through the hardware (`gaincell adapt`)
    control     exact attention, with the same extra training as adapted

Perplexity is per token of the model's own vocabulary; for a byte-level model a token is a byte. Models of
different vocabularies are compared per word or per byte: the same loss, spread over the words (separated by
white space) or over the UTF-8 bytes of the text.
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

from ...circuits.errors import ModelError
from ...models import Chip, Hardware
from ..attention.effects import STANDARD, Effects
from ..attention.operation import Extrapolated
from .adaptation.calibration import calibrate, calibration_inputs
from .adapters import load_adapted
from .agreement import teacher_agreement
from .batches import Loss, exp, measure
from .checkpoints import Checkpoint, Tokenizer, context_of, load_softmax, tokenizer_of
from .compute import FLOAT32, Compute, device_of
from .conversion import convert
from .corpus import demo_corpus
from .held_out import HeldOut, corpus_tokens, held_out_tokens
from .layer import gain_cell_layers, put_on_chip, record_traces
from .pretrained import saved_hardware

ROWS = ("softmax", "mapped", "calibrated", "adapted", "control")
OUTSIDE_TOKENS = 256
"""Most tokens in which evaluations outside validity boxes are counted: a trace holds every pair of tokens."""

Report = Callable[[str, int, int], None]
"""Called with (current item, done, total)."""

SILENT: Report = lambda item, done, total: None  # noqa: E731


def evaluate_model(
    checkpoint: Checkpoint,
    hardware: Hardware,
    *,
    content: str | None = None,
    context: int | None = None,
    stride: int | None = None,
    tokens: int | None = 20480,
    seed: int | None = 0,
    rows: Sequence[str] = ROWS,
    effects: Effects = STANDARD,
    compute: Compute = FLOAT32,
    chips: Sequence[int] = (),
    agreement: bool = False,
    report: Report = SILENT,
) -> dict[str, Any]:
    """Measure every row for which the checkpoint has weights; the others are None, with a note.

    Args:
        checkpoint: parts of a MODEL.
        hardware: hardware of the rows mapped, calibrated and adapted.
        content: text to measure on; None: the held-out side of the demo corpus.
        context: tokens per window; None: as adapted, or the model's own, at most 1024.
        stride: tokens between overlapping windows, as in `strided_windows`; None: the windows do not overlap.
        tokens: about how many tokens to predict; None: all.
        seed: choice of the windows; None: the first.
        rows: rows to measure, of `ROWS`.
        effects: non-idealities of the hardware rows.
        compute: device and precision of the digital network.
        chips: seeds of chips to measure the adapted network on as well (the calibrated one where none is
            adapted); the other rows are of nominal circuits.
        agreement: also compare the next-token predictions of the other rows with those of the row softmax.
        report: called with (row, windows done, windows); during calibration with ("calibrate", layers done,
            layers).

    Returns:
        JSON-able values. Calibration reads training text only.

    Raises:
        ModelError: the text is shorter than one window, a row that does not exist, or no weights for any.
        HardwareError: chips of hardware that describes no mismatch.
    """
    if unknown := set(rows) - set(ROWS):
        raise ModelError(f"there is no row {', '.join(sorted(unknown))}; rows are {', '.join(ROWS)}")
    drawn = [hardware.chip(number) for number in chips]
    report("load", 0, 1)
    models = Networks(checkpoint, hardware, effects, compute, report)
    context = context_of(models.any, context or checkpoint.context)
    tokenizer = tokenizer_of(checkpoint, models.any.config.vocab_size)
    held_out = held_out_tokens(tokenizer, content, context, tokens, seed, stride)
    windows, scored = held_out.windows, held_out.scored
    measured = [row for row in ROWS if row in rows and row in models.available]
    if not measured:
        raise ModelError(f"{checkpoint.name} has no weights for {', '.join(rows)}; ask for other rows")
    on_chips = "adapted" if "adapted" in measured else "calibrated"
    losses, outside, by_chip, agreed = {}, {}, None, {}
    if agreement and "softmax" not in models.available:
        raise ModelError(f"the network that {checkpoint.name} came from is not there to compare with")
    for row in measured:
        model = models.load(row, tokenizer, context)

        def measured_loss(item: str, model: nn.Module = model) -> Loss:
            report(item, 0, len(windows))
            shown = partial(report, item)
            return measure(model, windows, scored=scored, precision=compute.precision, progress=shown)

        losses[row] = measured_loss(row)
        if row in ("mapped", "calibrated", "adapted"):
            outside[row] = count_outside(model, windows[:1, : min(context, OUTSIDE_TOKENS)])
        if agreement and row != "softmax":
            teacher, shown = models.load("softmax", tokenizer, context), partial(report, f"agreement {row}")
            options = {"scored": scored, "precision": compute.precision, "progress": shown}
            agreed[row] = asdict(teacher_agreement(model, teacher, windows, **options))
        if drawn and row == on_chips:
            by_chip = _on_chips(row, model, drawn, losses[row], measured_loss)
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
        "token": "byte" if tokenizer.name == "bytes" else "token",
        "tokens": losses[measured[0]].tokens,
        "context": context,
        "stride": stride,
        "seed": seed,
        **compute.record(),
        **_numbers(losses, held_out),
        "agreement": agreed or None,
        "chips": by_chip,
        "outside_box": {row: {name: x.count for name, x in found.items()} for row, found in outside.items()},
        "outside_box_of": {row: {name: x.of for name, x in found.items()} for row, found in outside.items()},
        "outside_box_tokens": min(context, OUTSIDE_TOKENS),
        "notes": _notes(checkpoint, hardware),
    }


class Networks:
    """The networks of the rows, of which few are in memory at a time."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        hardware: Hardware,
        effects: Effects,
        compute: Compute,
        report: Report = SILENT,
    ) -> None:
        """Load the network that most rows start from.

        Args:
            checkpoint: parts of a MODEL.
            hardware: hardware of the rows mapped, calibrated and adapted.
            effects: their non-idealities.
            compute: device of the networks.
            report: called with ("calibrate", layers done, layers).

        Raises:
            ModelError: weights that cannot be loaded.
        """
        self._checkpoint, self._hardware, self._effects = checkpoint, hardware, effects
        self._device, self._report = compute.device, report
        self._softmax = None if checkpoint.softmax is None else load_softmax(checkpoint.softmax)
        if self._softmax is not None:
            self._softmax.to(self._device)
        self.any = self._softmax if self._softmax is not None else self._adapted()
        self.available = [*(("softmax", "mapped", "calibrated") if self._softmax is not None else ())]
        self.available += ["adapted"] if checkpoint.adapted is not None else []
        self.available += ["control"] if checkpoint.control is not None else []

    def load(self, row: str, tokenizer: Tokenizer, context: int) -> nn.Module:
        """The network of a row, on its device; calibration reads windows of `context` tokens."""
        match row:
            case "softmax":
                return self._softmax
            case "mapped":
                return self._convert()
            case "calibrated":
                inputs = calibration_inputs(corpus_tokens(tokenizer, demo_corpus().train), context)
                model = self._convert()
                calibrate(model, self._softmax, inputs, progress=partial(self._report, "calibrate"))
                return model
            case "adapted":
                return self.any if self._softmax is None else self._adapted()
            case _:
                return load_softmax(self._checkpoint.control).to(self._device)

    def _convert(self) -> nn.Module:
        return convert(copy.deepcopy(self._softmax), self._hardware, include="*", effects=self._effects)

    def _adapted(self) -> nn.Module:
        model = load_adapted(self._checkpoint, hardware=self._hardware, effects=self._effects)
        return model.to(self._device)


def _on_chips(
    row: str, model: nn.Module, chips: Sequence[Chip], nominal: Loss, measured: Callable[[str], Loss]
) -> dict[str, Any]:
    """Loss of one row's model on each chip, beside that on nominal circuits."""
    found = []
    for chip in chips:
        put_on_chip(model, chip)
        found.append(measured(f"chip {chip.seed}"))
    put_on_chip(model, None)
    nats = [loss.nats for loss in found]
    return {
        "row": row,
        "seed": [chip.seed for chip in chips],
        "perplexity": [loss.perplexity for loss in found],
        "nats_per_token": nats,
        "mean_minus_nominal_nats": statistics.mean(nats) - nominal.nats,
        "spread_nats": statistics.stdev(nats) if len(nats) > 1 else None,
    }


@torch.no_grad()
def count_outside(model: nn.Module, inputs: Tensor) -> dict[str, Extrapolated]:
    """Surrogate evaluations outside their validity boxes while the model reads `inputs`, over all layers."""
    counts: dict[str, Extrapolated] = {}
    if all(layer.hardware.kind == "softmax" for layer in gain_cell_layers(model).values()):
        return counts
    with record_traces(model) as traces:
        model(input_ids=inputs.to(device_of(model)), use_cache=False)
    for trace in (trace for layer in traces.values() for trace in layer):
        for name, count in trace.outside.items():
            counts[name] = counts.get(name, Extrapolated()) + count
    return counts


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


def _numbers(losses: dict[str, Loss], held_out: HeldOut) -> dict[str, Any]:
    per_byte, per_word = held_out.tokens_per_byte, held_out.tokens_per_byte * held_out.bytes_per_word

    def row_by_row(value: Callable[[Loss], float]) -> dict[str, float | None]:
        return {row: value(losses[row]) if row in losses else None for row in ROWS}

    def adapted_minus(row: str) -> float | None:
        return losses["adapted"].nats - losses[row].nats if {"adapted", row} <= losses.keys() else None

    return {
        "perplexity": row_by_row(lambda loss: loss.perplexity),
        "perplexity_per_word": row_by_row(lambda loss: exp(loss.nats * per_word)),
        "perplexity_per_byte": row_by_row(lambda loss: exp(loss.nats * per_byte)),
        "nats_per_token": row_by_row(lambda loss: loss.nats),
        "nats_per_byte": row_by_row(lambda loss: loss.nats * per_byte),
        "bits_per_byte": row_by_row(lambda loss: loss.nats * per_byte / math.log(2)),
        "standard_error_nats": row_by_row(lambda loss: loss.error),
        "tokens_per_s": row_by_row(lambda loss: loss.tokens_per_second),
        "adapted_minus_control_nats": adapted_minus("control"),
        "adapted_minus_softmax_nats": adapted_minus("softmax"),
    }
