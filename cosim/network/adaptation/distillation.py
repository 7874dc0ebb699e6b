"""Learning from a teacher's predictions instead of from the text alone."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

EVERY = 3
"""Of the hidden states, one in so many is compared."""


def divergence(logits: Tensor, taught: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence KL(taught || logits) per token, in float32.

    Args:
        logits: of the student, shape (B, T, V).
        taught: logits of the teacher, shape (B, T, V).

    Returns:
        Scalar, nats.
    """
    predicted, target = (log_softmax(x.float().flatten(0, 1), -1) for x in (logits, taught))
    return kl_div(predicted, target, log_target=True, reduction="batchmean")


def hidden_error(states: Sequence[Tensor], taught: Sequence[Tensor]) -> Tensor:
    """Mean square error of hidden states over the variance of the teacher's, mean over every third one.

    Args:
        states: of the student, the embeddings first, each of shape (B, T, width).
        taught: of the teacher.

    Returns:
        Scalar.
    """
    chosen = range(len(states) - 1, 0, -EVERY)
    errors = [
        (states[i].float() - taught[i].float()).square().mean() / taught[i].float().var().clamp(min=1e-12)
        for i in chosen
    ]
    return sum(errors) / len(errors)
