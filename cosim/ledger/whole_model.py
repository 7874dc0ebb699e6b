"""Ledger of a whole model: energy of attention while the model reads text."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from ...models import Hardware
from ..attention.effects import STANDARD, Effects
from ..network.adaptation.calibration import calibrate, calibration_inputs
from ..network.adapters import load_adapted
from ..network.batches import held_out_windows
from ..network.checkpoints import Checkpoint, Tokenizer, context_of, load_softmax, tokenizer_of
from ..network.compute import FLOAT32, Compute
from ..network.conversion import convert
from ..network.corpus import demo_corpus
from ..network.evaluate import SILENT, Report
from ..network.held_out import corpus_tokens
from ..network.layer import record_traces
from .accounting import account, require_energy
from .digital import on_arrays, rotation_entries
from .ledger import Ledger
from .refresh import refresh_entries

CONTEXT = 256
"""Most tokens of a passage: a trace holds every pair of a query and a key."""


@torch.no_grad()
def account_model(
    checkpoint: Checkpoint,
    hardware: Hardware,
    *,
    content: str | None = None,
    windows: int = 16,
    seed: int = 0,
    effects: Effects = STANDARD,
    scalers: int | None = None,
    compute: Compute = FLOAT32,
    report: Report = SILENT,
) -> Ledger:
    """Ledger of a model that reads text, in the steady state of a full window.

    Args:
        checkpoint: the model; its adapted weights are used if it has any, otherwise its own weights with
            calibrated scalers.
        hardware: hardware with an energy model.
        content: text to read; None: the held-out part of the demo corpus.
        windows: number of passages of the model's context length; the last token of each is accounted.
        seed: seed of the choice of passages.
        effects: non-idealities in the forward passes.
        scalers: scalers of each signal in a row with the operation; None: their time is hidden (`account`).
        compute: device and precision of the forward passes.
        report: called with ("calibrate" or "passages", done, total).

    Returns:
        Mean of the passages' ledgers, without heads and layers that stay exact attention.

    Raises:
        ModelError: the text is shorter than one window.
        HardwareError: hardware without an energy model.
    """
    require_energy(hardware)
    model, tokenizer = on_hardware(checkpoint, hardware, effects, compute, report)
    tokens = (
        corpus_tokens(tokenizer, demo_corpus().held_out) if content is None else tokenizer.encode(content)
    )
    context = context_of(model, most=CONTEXT)
    passages = held_out_windows(tokens, context=context, limit=windows * context, seed=seed)[:, :-1]
    ledgers = []
    for number, passage in enumerate(passages):
        with record_traces(model) as traces, compute.autocast():
            model(input_ids=passage[None].to(compute.device), use_cache=False)
        ledger = account(traces, hardware, scalers=scalers)
        added = (*rotation_entries(model), *refresh_entries(ledger, hardware))
        ledgers.append(replace(ledger, entries=on_arrays(model, ledger.entries + added)))
        report("passages", number + 1, len(passages))
    return Ledger.mean(ledgers)


def on_hardware(
    checkpoint: Checkpoint,
    hardware: Hardware,
    effects: Effects = STANDARD,
    compute: Compute = FLOAT32,
    report: Report = SILENT,
) -> tuple[nn.Module, Tokenizer]:
    """A checkpoint's network on hardware, and its tokenizer.

    Args:
        checkpoint: the model; without adapted weights, its scalers are calibrated on the demo corpus.
        hardware: hardware that the attention layers run on.
        effects: non-idealities of the attention layers.
        compute: device of the network.
        report: called with ("calibrate", layers done, layers).
    """
    if checkpoint.adapted is not None:
        model = load_adapted(checkpoint, hardware=hardware, effects=effects)
        return model.to(compute.device), tokenizer_of(checkpoint, model.config.vocab_size)
    softmax = load_softmax(checkpoint.any).to(compute.device)
    tokenizer = tokenizer_of(checkpoint, softmax.config.vocab_size)
    model = convert(copy.deepcopy(softmax), hardware, include="*", effects=effects)
    inputs = calibration_inputs(
        corpus_tokens(tokenizer, demo_corpus().train), context_of(softmax, most=CONTEXT)
    )
    calibrate(model, softmax, inputs, progress=partial(report, "calibrate"))
    return model, tokenizer
