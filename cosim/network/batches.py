"""Windows of token text: seeded training batches and the held-out cross-entropy.

Training, evaluation and adaptation share these functions, so two models trained with one recipe see the same
batches and are measured alike.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...circuits.errors import ModelError
from .compute import Compute, device_of
from .out_of_memory import is_out_of_memory

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


MOST_LOGITS = 2**26
"""Logits of one forward pass: 256 MB in float32, and as much again for the loss."""


@dataclass(frozen=True)
class Loss:
    """Mean cross-entropy of a model over a text."""

    nats: float
    """Per predicted token."""
    error: float
    """Standard error of `nats`, from the spread over windows (0 for a single window)."""
    tokens: int
    """Predicted tokens."""
    seconds: float
    by_window: tuple[float, ...] = ()
    """Mean of each window, nats per predicted token."""

    @property
    def perplexity(self) -> float:
        """exp of the mean cross-entropy, per token."""
        return exp(self.nats)

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds if self.seconds else 0.0


def exp(nats: float) -> float:
    """exp, infinite where a float does not hold it, as of a word on unfit hardware."""
    return math.exp(nats) if nats < 700 else math.inf


def training_batch(tokens: Tensor, *, step: int, seed: int, batch: int, context: int) -> Tensor:
    """Random windows of one step, a function of (seed, step) alone.

    Args:
        tokens: training text, shape (n,), int64.
        step: number of the step.
        seed: of the whole training.
        batch: windows.
        context: tokens per window.

    Returns:
        Token ids, shape (batch, context + 1), int64, on the CPU.

    Raises:
        ModelError: the text is shorter than one window.
    """
    _require_window(tokens, context)
    generator = torch.Generator().manual_seed(step_seed(seed, step))
    starts = torch.randint(0, tokens.numel() - context, (batch,), generator=generator)
    return tokens[starts[:, None] + torch.arange(context + 1)]


def step_seed(seed: int, step: int) -> int:
    """Seed of one step's random numbers, within the 32 bits that torch's CPU generator uses."""
    return (seed * 1_000_003 + step) % 2**32


def held_out_windows(
    tokens: Tensor, *, context: int, limit: int | None = None, seed: int | None = 0
) -> Tensor:
    """Non-overlapping windows: each predicts `context` tokens, and no token is predicted twice.

    Args:
        tokens: text, shape (n,), int64.
        context: tokens per window.
        limit: about how many tokens to predict, by a seeded choice of windows in text order; None: all.
        seed: of that choice; None: the first windows.

    Returns:
        Token ids, shape (windows, context + 1).

    Raises:
        ModelError: the text is shorter than one window.
    """
    _require_window(tokens, context)
    index = _choice((tokens.numel() - 1) // context, context, limit, seed)
    return tokens[index[:, None] * context + torch.arange(context + 1)]


def strided_windows(
    tokens: Tensor, *, context: int, stride: int, limit: int | None = None, seed: int | None = 0
) -> tuple[Tensor, Tensor]:
    """Overlapping windows, each of which predicts the tokens that the one before it does not hold.

    This is Hugging Face's recipe for fixed-length models ("Perplexity of fixed-length models"): windows begin
    every `stride` tokens, a token is predicted once, and all but those of the first window have at least
    `context - stride` tokens before them.

    Args:
        tokens: text, shape (n,), int64; or other values of its tokens.
        context: tokens per window, those predicted included.
        stride: tokens between the beginnings of two windows, 1 to `context`.
        limit: about how many tokens to predict, by a seeded choice of windows in text order; None: all.
        seed: of that choice; None: the first windows.

    Returns:
        Token ids, shape (windows, context), the last window padded with its last token, and whether each
        token but a window's first is predicted, shape (windows, context - 1), bool.

    Raises:
        ModelError: the text is shorter than one window, or the stride longer.
    """
    if not 1 <= stride <= context:
        raise ModelError(f"a stride of {stride} tokens leaves some out; give one of at most {context}")
    length = tokens.numel()
    _require_window(tokens, context - 1)
    starts = torch.arange(0, max(1, length - context + stride), stride)
    index = _choice(len(starts), stride, limit, seed)
    positions = starts[index][:, None] + torch.arange(context)
    # The window before ends `context - stride` tokens after the beginning of this one.
    known = torch.where(index > 0, context - stride, 1)[:, None]
    scored = (torch.arange(context) >= known.clamp(min=1)) & (positions < length)
    return tokens[positions.clamp(max=length - 1)], scored[:, 1:]


def _choice(count: int, predicted: int, limit: int | None, seed: int | None) -> Tensor:
    """Indices of the windows to read, in text order, if each predicts `predicted` tokens."""
    if limit is None or limit >= count * predicted:
        return torch.arange(count)
    keep = max(1, round(limit / predicted))
    if seed is None:
        return torch.arange(keep)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:keep].sort().values


def token_losses(logits: Tensor, targets: Tensor, *, reduction: str = "mean") -> Tensor:
    """Cross-entropy in float32, nats, of logits (B, T, V) against targets (B, T)."""
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction=reduction)


@torch.no_grad()
def measure(
    model: nn.Module,
    windows: Tensor,
    *,
    scored: Tensor | None = None,
    batch: int = 8,
    precision: str = "float32",
    progress: Progress | None = None,
) -> Loss:
    """Mean cross-entropy of a causal language model over held-out windows, in evaluation mode.

    Args:
        model: causal language model, on any device.
        windows: token ids, shape (n, context + 1).
        scored: whether each token but a window's first counts, shape (n, context), bool; None: all do.
        batch: windows per forward pass, fewer where their logits are more than `MOST_LOGITS`.
        precision: matrix products of the digital network, "float32" or "bfloat16"; the loss is float32.
        progress: called with (windows done, windows in all).

    Raises:
        ModelError: the loss is not finite, or memory does not suffice.
    """
    sums, start = [], time.perf_counter()
    device = device_of(model)
    compute = Compute(device.type, precision)
    if scored is None:
        scored = torch.ones_like(windows[:, 1:], dtype=torch.bool)
    vocabulary = getattr(model.config, "vocab_size", None) or 2**16
    batch = max(1, min(batch, MOST_LOGITS // (vocabulary * (windows.shape[1] - 1))))
    with evaluation_mode(model):
        for i in range(0, len(windows), batch):
            chunk = windows[i : i + batch].to(device)
            try:
                with compute.autocast():
                    logits = model(input_ids=chunk[:, :-1], use_cache=False).logits
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise ModelError(
                    f"out of memory with {len(chunk)} windows of {windows.shape[1] - 1} tokens; give a "
                    "shorter --context"
                ) from error
            losses = token_losses(logits, chunk[:, 1:], reduction="none")
            losses = losses.double().view(len(chunk), -1).cpu()
            sums.append(torch.where(scored[i : i + batch], losses, 0.0).sum(1))
            if progress:
                progress(min(i + batch, len(windows)), len(windows))
    counts = scored.sum(1)
    per_window = torch.cat(sums) / counts
    nats = float(torch.cat(sums).sum() / counts.sum())
    if not math.isfinite(nats):
        raise ModelError("the model's loss is not finite: its weights or scalers are broken; adapt it again")
    error = float(per_window.std() / len(per_window) ** 0.5) if len(per_window) > 1 else 0.0
    seconds = time.perf_counter() - start
    return Loss(nats, error, int(counts.sum()), seconds, tuple(per_window.tolist()))


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode within the context, then back into the mode it had."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _require_window(tokens: Tensor, context: int) -> None:
    if tokens.numel() < context + 1:
        raise ModelError(
            f"the text has {tokens.numel()} tokens, but at least {context + 1} are needed (one window of "
            f"{context} and the token after it); give a longer text or a shorter context"
        )
