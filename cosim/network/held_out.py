"""Held-out text in windows, with the bytes and words that its tokens stand for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .batches import held_out_windows, strided_windows
from .corpus import demo_corpus
from .tokenizer import Tokenizer


@dataclass(frozen=True)
class HeldOut:
    """Text to measure on, in windows."""

    windows: Tensor
    """Token ids, shape (n, length)."""
    scored: Tensor | None
    """Whether each token but a window's first is predicted, shape (n, length - 1); None: all are."""
    tokens_per_byte: float
    """Predicted tokens per byte of the text that they stand for."""
    bytes_per_word: float
    """Of the whole text, words being separated by white space."""


def held_out_tokens(
    tokenizer: Tokenizer,
    content: str | None,
    context: int,
    tokens: int | None,
    seed: int | None,
    stride: int | None = None,
) -> HeldOut:
    """Windows to measure a loss on.

    Args:
        tokenizer: tokenizer of the model.
        content: text to measure on; None: the held-out side of the demo corpus.
        context: tokens per window.
        tokens: about how many tokens to predict; None: all.
        seed: choice of the windows; None: the first.
        stride: tokens between overlapping windows; None: the windows do not overlap.

    Raises:
        ModelError: the text is shorter than one window.
    """
    whole = corpus_text(tokenizer, demo_corpus().held_out) if content is None else content
    text, ends = tokenizer.read(whole)
    choice = {"context": context, "limit": tokens, "seed": seed}
    if stride is None:
        (windows, ends), scored = ((held_out_windows(x, **choice) for x in (text, ends)), None)
        size = float((ends[:, -1] - ends[:, 0]).sum())
        predicted = windows[:, 1:].numel()
    else:
        windows, scored = strided_windows(text, stride=stride, **choice)
        ends, _ = strided_windows(ends, stride=stride, **choice)
        size = float(torch.where(scored, ends.diff(dim=1), 0.0).sum())
        predicted = int(scored.sum())
    words = len(whole.split())
    return HeldOut(windows, scored, predicted / size, len(whole.encode("utf-8", "replace")) / max(1, words))


def corpus_tokens(tokenizer: Tokenizer, side: bytes) -> Tensor:
    """One side of the demo corpus as token ids (n,)."""
    return tokenizer.encode(corpus_text(tokenizer, side))


def corpus_text(tokenizer: Tokenizer, side: bytes) -> str:
    """One side of the demo corpus; only a byte-level model knows the document separator."""
    content = side.decode()
    return content if tokenizer.name == "bytes" else content.replace("\0", "\n\n")
