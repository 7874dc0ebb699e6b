"""Text of an adaptation, as tokens: of the demo corpus, of the user's, or written by the network itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ....circuits.errors import ModelError
from ..batches import Progress, held_out_windows, measure
from ..checkpoints import Tokenizer
from ..corpus import demo_corpus
from ..documents import Sides, TextSource, read_sides
from ..held_out import corpus_tokens

WATCHED_TOKENS = 4096
"""Held-out tokens behind each point of the loss curves."""
READ_TOKENS = 2_000_000
"""Tokens of a text that are read at least, if it has them; more if more are to be seen."""


@dataclass(frozen=True)
class TrainingText:
    """Text of an adaptation, as tokens."""

    tokens: Tensor
    """Training side, shape (n,), int64."""
    watched: Tensor
    """Windows of the held-out side, shape (m, context + 1)."""
    summary: dict[str, Any]
    """What a result states about the text."""

    @classmethod
    def of(
        cls, tokenizer: Tokenizer, context: int, source: TextSource | Sides | None = None, seen: int = 0
    ) -> TrainingText:
        """A text for a tokenizer, in windows of `context` tokens.

        Args:
            tokenizer: tokenizer of the network.
            context: tokens per window.
            source: the text; None: the demo corpus.
            seen: tokens that training is going to see.

        Raises:
            ModelError: the text cannot be read, or one of its sides is shorter than a window.
        """
        if source is None:
            corpus = demo_corpus()
            sides = Sides(*(corpus_tokens(tokenizer, side) for side in (corpus.train, corpus.held_out)), {})
            summary = corpus.summary()
        else:
            sides = (
                source
                if isinstance(source, Sides)
                else read_sides(source, tokenizer, max(READ_TOKENS, round(1.1 * seen)))
            )
            summary = sides.summary
        for side, tokens in (("training", sides.train), ("held-out", sides.held_out)):
            if len(tokens) <= context:
                raise ModelError(
                    f"the {side} part of the text has {len(tokens)} tokens, a window takes {context + 1}; "
                    "give more text or a shorter --context"
                )
        watched = held_out_windows(sides.held_out, context=context, limit=WATCHED_TOKENS)
        return cls(sides.train, watched, summary)

    def nats(self, model: nn.Module, progress: Progress | None = None) -> float:
        """Held-out cross-entropy of a model at float32, nats per token."""
        return measure(model, self.watched, progress=progress).nats
