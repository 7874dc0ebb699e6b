"""Learning from a teacher's predictions instead of from the text alone."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import kl_div, log_softmax


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
