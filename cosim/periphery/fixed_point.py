"""Perplexity of a network whose scalers of q, k and v compute with short words, as the blocks `scaler` do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from ...circuits.digital.blocks import REACH, fraction_of
from ...models import Hardware
from ..ledger.whole_model import on_hardware
from ..network.batches import measure
from ..network.checkpoints import Checkpoint, context_of
from ..network.compute import FLOAT32, Compute
from ..network.evaluate import SILENT, Report
from ..network.held_out import held_out_tokens
from ..network.layer import GainCellAttention, gain_cell_layers
from .activations import require_no_transforms
from .words import TINY


def word_curve(
    checkpoint: Checkpoint,
    hardware: Hardware,
    words: Sequence[int],
    *,
    content: str | None = None,
    tokens: int = 4096,
    seed: int = 0,
    compute: Compute = FLOAT32,
    report: Report = SILENT,
) -> dict[int | None, float]:
    """Perplexity by bits of the scalers' words; by None that with scalers in floating point.

    Args:
        checkpoint: the model; without adapted weights, it runs with calibrated scalers.
        hardware: hardware of the arrays.
        words: numbers of bits.
        content: text to measure on; None: the held-out part of the demo corpus.
        tokens: about how many tokens to predict.
        seed: choice of the text's windows.
        compute: device and precision of the forward passes.
        report: called with (row, windows done, windows).

    Raises:
        ModelError: the text is shorter than one window, or as `require_no_transforms`.
    """
    model, tokenizer = on_hardware(checkpoint, hardware, compute=compute, report=report)
    require_no_transforms(model)
    context = context_of(model, checkpoint.context)
    windows = held_out_tokens(tokenizer, content, context, tokens, seed).windows
    found: dict[int | None, float] = {}
    for word in (None, *words):
        progress = partial(report, "exact" if word is None else f"{word} bits")
        with fixed_point(model, word):
            found[word] = measure(model, windows, precision=compute.precision, progress=progress).perplexity
    return found


@contextmanager
def fixed_point(model: nn.Module, word: int | None) -> Iterator[None]:
    """Within the context, the input scalers of every gain-cell layer compute with words of some bits.

    Args:
        model: converted model.
        word: bits of the elements and of the factors; None: floating point.
    """
    layers = list(gain_cell_layers(model).values())
    try:
        if word is not None:
            for layer in layers:
                layer.map_inputs = partial(_mapped, layer, word)
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("map_inputs", None)


def _mapped(layer: GainCellAttention, word: int, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    """`GainCellAttention.map_inputs` with short words: levels as fractions of T_max and as volts."""
    hardware, levels = layer.hardware, layer.hardware.levels
    span, steps = hardware.v_max - hardware.v_min, levels.query - 1
    low = 0 if hardware.signed_query is None else -steps
    widths = _levels(q, steps * layer.q_scale, steps * layer.q_shift, low, steps, word) / steps
    volts = []
    for x, scale, shift, count in (
        (k, layer.k_scale, layer.k_shift, levels.key - 1),
        (v, layer.v_scale, layer.v_shift, levels.value - 1),
    ):
        unit = count / span
        level = _levels(x, unit * scale, unit * (shift - hardware.v_min), 0, count, word)
        volts.append(hardware.v_min + level / unit)
    return widths.to(q.dtype), volts[0].to(k.dtype), volts[1].to(v.dtype)


def _levels(x: Tensor, scale: Tensor, shift: Tensor, low: int, high: int, word: int) -> Tensor:
    """Levels of elements x (B, H, T, D) by scalers (H, 1, 1) in levels; the step of x is one per head."""
    largest, fraction = 2 ** (word - 1) - 1, fraction_of(word, word, REACH)
    x, scale, shift = x.double(), scale.double(), shift.double()
    step = (x.abs().amax((0, 2, 3)) / largest).clamp(min=TINY)[:, None, None]
    step = torch.minimum(step, largest / 2**fraction / scale.abs().clamp(min=TINY))
    whole = torch.round(x / step).clamp(-largest - 1, largest)
    limit = 2 ** (2 * word - 1)
    a = torch.round(scale * step * 2**fraction)
    b = torch.round(shift * 2**fraction).clamp(-limit, limit - 1)
    return torch.round((a * whole + b) / 2**fraction).clamp(low, high)
