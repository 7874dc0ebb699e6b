"""How closely a network on the hardware predicts what the exact network predicts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from .batches import Progress, evaluation_mode
from .compute import Compute, device_of


@dataclass(frozen=True)
class Agreement:
    """Predictions of two networks for the same tokens."""

    top1: float
    """Share of tokens for which both networks find the same next token the most probable."""
    kl_nats: float
    """Mean Kullback-Leibler divergence KL(exact || hardware) per token, nats."""


@torch.no_grad()
def teacher_agreement(
    model: nn.Module,
    teacher: nn.Module,
    windows: Tensor,
    *,
    scored: Tensor | None = None,
    precision: str = "float32",
    progress: Progress | None = None,
) -> Agreement:
    """Compare a network's next-token predictions with a teacher's, in evaluation mode.

    Args:
        model: causal language model, on any device.
        teacher: causal language model with the same vocabulary, on the same device.
        windows: token ids, shape (n, context + 1).
        scored: whether each token but a window's first counts, shape (n, context), bool; None: all do.
        precision: matrix products of the digital network, "float32" or "bfloat16".
        progress: called with (windows done, windows).
    """
    device = device_of(model)
    compute = Compute(device.type, precision)
    same = divergence = tokens = 0.0
    with evaluation_mode(model), evaluation_mode(teacher):
        for i, window in enumerate(windows):
            inputs = window[None, :-1].to(device)
            with compute.autocast():
                found, known = (
                    network(input_ids=inputs, use_cache=False).logits[0] for network in (model, teacher)
                )
            if scored is not None:
                found, known = found[scored[i].to(device)], known[scored[i].to(device)]
            found, known = log_softmax(found.float(), -1), log_softmax(known.float(), -1)
            same += float((found.argmax(-1) == known.argmax(-1)).sum())
            divergence += float((known.exp() * (known - found)).sum(dtype=torch.float64))
            tokens += len(found)
            if progress:
                progress(i + 1, len(windows))
    return Agreement(same / tokens, divergence / tokens)
