"""The ledger of a whole model: what attention costs while it reads real text."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ...models import Hardware
from ..attention.effects import STANDARD, Effects
from ..network.adaptation.calibration import calibrate
from ..network.batches import Progress, held_out_windows
from ..network.checkpoints import Checkpoint, Tokenizer, context_of, load_softmax, tokenizer_of
from ..network.compute import FLOAT32, Compute
from ..network.conversion import convert
from ..network.corpus import demo_corpus
from ..network.evaluate import calibration_inputs, corpus_tokens
from ..network.layer import record_traces
from ..network.pretrained import from_pretrained
from .accounting import account, require_energy
from .ledger import Ledger


@torch.no_grad()
def account_model(
    checkpoint: Checkpoint,
    hardware: Hardware,
    *,
    content: str | None = None,
    windows: int = 16,
    seed: int = 0,
    effects: Effects = STANDARD,
    compute: Compute = FLOAT32,
    progress: Progress | None = None,
) -> Ledger:
    """Ledger of a model on `hardware` while it reads text, in the steady state of a full window.

    The adapted weights are used where there are any; otherwise the model's own with calibrated scalers.
    content: text to read, None for the held-out side of the demo corpus. windows: passages of the model's
    context length to read, the last token of each being accounted. effects: those of the run that gives the
    activations.

    Raises `ModelError` for text shorter than one window, `HardwareError` for hardware without an energy
    model.
    """
    require_energy(hardware)
    model, tokenizer = on_hardware(checkpoint, hardware, effects, compute)
    tokens = (
        corpus_tokens(tokenizer, demo_corpus().held_out) if content is None else tokenizer.encode(content)
    )
    context = context_of(model)
    passages = held_out_windows(tokens, context=context, limit=windows * context, seed=seed)[:, :-1]
    ledgers = []
    for number, passage in enumerate(passages):
        with record_traces(model) as traces, compute.autocast():
            model(input_ids=passage[None].to(compute.device), use_cache=False)
        ledgers.append(account(traces, hardware))
        if progress:
            progress(number + 1, len(passages))
    return Ledger.mean(ledgers)


def on_hardware(
    checkpoint: Checkpoint, hardware: Hardware, effects: Effects = STANDARD, compute: Compute = FLOAT32
) -> tuple[nn.Module, Tokenizer]:
    """A checkpoint's network on `hardware` and its tokenizer; calibrated where it is not adapted."""
    if checkpoint.adapted is not None:
        model = from_pretrained(checkpoint.adapted, hardware=hardware, effects=effects)
        return model.to(compute.device), tokenizer_of(checkpoint, model.config.vocab_size)
    softmax = load_softmax(checkpoint.any).to(compute.device)
    tokenizer = tokenizer_of(checkpoint, softmax.config.vocab_size)
    model = convert(copy.deepcopy(softmax), hardware, include="*", effects=effects)
    calibrate(
        model, softmax, calibration_inputs(corpus_tokens(tokenizer, demo_corpus().train), context_of(softmax))
    )
    return model, tokenizer
