"""Learning from a teacher's predictions instead of from the text alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import log_softmax

EVERY = 3
"""Of the hidden states, one in so many is compared."""
ROWS = 64
"""Tokens whose probabilities are held at once."""


def prediction_loss(
    logits: Tensor, targets: Tensor, taught: Tensor | None = None, distillation: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Loss of predictions against the text and a teacher's predictions, in float32.

    Loss and gradient are computed together, for `ROWS` tokens at a time: the probabilities of all tokens of a
    step would take several times the memory of the logits, and be read several times.

    Args:
        logits: of the student, shape (B, T, V).
        targets: next tokens, shape (B, T).
        taught: logits of the teacher, shape (B, T, V); None: distillation is 0.
        distillation: weight of KL(taught || logits); cross-entropy has the rest.

    Returns:
        The weighted loss and the cross-entropy alone, which has no gradient: scalars, nats per token.
    """
    return _PredictionLoss.apply(logits, targets, taught, distillation)


class _PredictionLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, taught: Tensor | None, distillation: float
    ) -> tuple[Tensor, Tensor]:
        rows, index = logits.flatten(0, 1), targets.flatten()[:, None]
        gradient = torch.empty_like(rows)
        entropy, divergence = [], []
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            own = log_softmax(rows[part].float(), -1)
            entropy.append(-own.gather(1, index[part]).sum())
            # d KL / d logits = softmax(logits) - softmax(taught), and with the text in place of the teacher.
            if taught is not None:
                known = log_softmax(taught.flatten(0, 1)[part].float(), -1)
                probability = known.exp()
                divergence.append((probability * known.sub_(own)).sum())
                slope = own.exp_().sub_(probability, alpha=distillation)
            else:
                slope = own.exp_()
            slope.scatter_add_(1, index[part], slope.new_full((len(slope), 1), distillation - 1))
            gradient[part] = slope / len(rows)
        ctx.save_for_backward(gradient.view_as(logits))
        cross_entropy = torch.stack(entropy).sum() / len(rows)
        loss = (1 - distillation) * cross_entropy
        if taught is not None:
            loss = loss + distillation * torch.stack(divergence).sum() / len(rows)
        ctx.mark_non_differentiable(cross_entropy)
        return loss, cross_entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_loss: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.saved_tensors[0] * by_loss, None, None, None


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
