"""Windows of token text: seeded training batches and the held-out cross-entropy.

Training, evaluation and adaptation share these, so that "the same batches" and "the same measure" hold by construction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..circuits.errors import GaincellError, ModelError

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True)
class Loss:
    """Mean cross-entropy over a text."""

    nats: float
    """Per predicted token."""
    tokens: int
    """Predicted tokens."""
    seconds: float

    @property
    def perplexity(self) -> float:
        """exp of the mean cross-entropy, per token."""
        return float(torch.tensor(self.nats, dtype=torch.float64).exp())

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds if self.seconds else 0.0


def training_batch(tokens: Tensor, *, step: int, seed: int, batch: int, context: int) -> Tensor:
    """Random windows for one step, shape (batch, context + 1), int64; a function of (seed, step) alone.

    Raises ModelError when the text is shorter than one window.
    """
    _require(tokens, context)
    generator = torch.Generator().manual_seed((seed << 32) + step)
    starts = torch.randint(0, tokens.numel() - context, (batch,), generator=generator)
    return tokens[starts[:, None] + torch.arange(context + 1)]


def held_out_windows(tokens: Tensor, *, context: int, limit: int | None = None, seed: int = 0) -> Tensor:
    """Non-overlapping windows, shape (n, context + 1): each predicts ``context`` tokens, none predicted twice.

    ``limit``: about how many tokens to predict; a seeded choice of windows, in text order. None: all of them.
    Raises ModelError when the text is shorter than one window.
    """
    _require(tokens, context)
    count = (tokens.numel() - 1) // context
    index = torch.arange(count)
    if limit is not None and limit < count * context:
        keep = max(1, round(limit / context))
        index = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:keep].sort().values
    return tokens[index[:, None] * context + torch.arange(context + 1)]


def token_losses(logits: Tensor, targets: Tensor, *, reduction: str = "mean") -> Tensor:
    """Cross-entropy in float32; logits (B, T, V), targets (B, T)."""
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction=reduction)


@torch.no_grad()
def measure(
    model: nn.Module, windows: Tensor, *, batch: int = 16, bf16: bool = False, progress: Progress | None = None
) -> Loss:
    """Mean cross-entropy of a causal language model over windows (n, context + 1).

    ``bf16``: matrix products in bfloat16 (autocast); the loss itself is always float32. The model is put in evaluation
    mode for the call. Raises GaincellError when the model returns a loss that is not finite.
    """
    total, start = 0.0, time.perf_counter()
    with evaluation_mode(model):
        for i in range(0, len(windows), batch):
            chunk = windows[i : i + batch]
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = model(input_ids=chunk[:, :-1], use_cache=False).logits
            total += float(token_losses(logits, chunk[:, 1:], reduction="sum"))
            if progress:
                progress(min(i + batch, len(windows)), len(windows))
    tokens = windows[:, 1:].numel()
    if total != total or total in (float("inf"), float("-inf")):
        raise GaincellError("The model's loss is not finite: its weights or scalers hold NaN or infinity; adapt it again.")
    return Loss(total / tokens, tokens, time.perf_counter() - start)


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Switch dropout off, and back to what it was."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _require(tokens: Tensor, context: int) -> None:
    if tokens.numel() < context + 1:
        raise ModelError(
            f"The text has {tokens.numel()} tokens but one window needs {context + 1}: give a longer text "
            "or a shorter context."
        )
