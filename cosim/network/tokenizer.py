"""Text to token ids and back, and how many bytes of the text each token stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from ...circuits.errors import ModelError
from . import corpus
from .remote_code import reason_of

FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
)
"""Files of which a directory with a tokenizer has at least one."""


@dataclass(frozen=True)
class Tokenizer:
    """Conversion of text to token ids and back: transformers', or the bytes of UTF-8."""

    name: str
    """Class of the tokenizer, or "bytes"."""
    end: int | None
    """Token id that ends a document; None where there is none."""
    vocabulary: int
    """Token ids that the network has."""
    own: PreTrainedTokenizerBase | None = None
    """transformers' tokenizer; None: bytes."""

    def encode(self, content: str) -> Tensor:
        """Token ids of a text, shape (n,), int64.

        Raises:
            ModelError: a token that the network does not have.
        """
        return self.read(content)[0]

    def read(self, content: str) -> tuple[Tensor, Tensor]:
        """Token ids of a text, and the bytes of the text up to the end of each token.

        What the tokenizer passes over, blanks for example, belongs to the token after it. A character that
        several tokens share is divided equally. Without offsets, all tokens are taken to be equally long.

        Args:
            content: the text.

        Returns:
            Ids, shape (n,), int64, and bytes of the UTF-8 form, shape (n,), float64.

        Raises:
            ModelError: a token that the network does not have.
        """
        if self.own is None:
            ids = corpus.encode(content)
            return ids, torch.arange(1, len(ids) + 1, dtype=torch.float64)
        fast = getattr(self.own, "is_fast", False)
        read = self.own(content, add_special_tokens=False, verbose=False, return_offsets_mapping=fast)
        ids = torch.tensor(read["input_ids"], dtype=torch.int64)
        if len(ids) and int(ids.max()) >= self.vocabulary:
            raise ModelError(
                f"the tokenizer has token {int(ids.max())}, but the network only {self.vocabulary}: it "
                "belongs to another network; save the network's own beside its weights"
            )
        if not fast:
            total = len(content.encode())
            return ids, torch.linspace(0, total, len(ids) + 1, dtype=torch.float64)[1:]
        return ids, _bytes_to_ends(content, read["offset_mapping"])

    def decode(self, ids: Tensor) -> str:
        """Text of token ids, shape (n,)."""
        if self.own is None:
            return corpus.decode(ids)
        return self.own.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def continuation(self, prompt: Tensor, new: Tensor) -> str:
        """Text that new tokens add: a token's blanks depend on the one before it.

        Args:
            prompt: token ids before, shape (n,).
            new: token ids after, shape (m,).
        """
        if self.own is None:
            return corpus.decode(new)
        before, whole = self.decode(prompt), self.decode(torch.cat([prompt, new]))
        # A character that the prompt's tokens leave open is decoded as a replacement.
        before = before if whole.startswith(before) else before.rstrip("\ufffd")
        return whole[len(before) :] if whole.startswith(before) else self.decode(new)


def load_tokenizer(places: Sequence[str | Path], vocabulary: int) -> Tokenizer:
    """The tokenizer beside a network's weights; bytes for a network of 256 tokens that has none.

    Args:
        places: directories or hub names, in the order to look in.
        vocabulary: token ids that the network has.

    Raises:
        ModelError: there is no tokenizer, or it is damaged.
    """
    for place in places:
        local = Path(place).is_dir()
        if local and not any((Path(place) / name).is_file() for name in FILES):
            continue
        try:
            found = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        # Of a damaged file, the tokenizers' parsers raise whatever they like.
        except Exception as error:
            if not local and vocabulary == corpus.VOCABULARY:
                continue
            raise ModelError(
                f"the tokenizer of {place} cannot be loaded ({reason_of(error)}); save it again"
            ) from error
        return Tokenizer(type(found).__name__, found.eos_token_id, vocabulary, found)
    if vocabulary != corpus.VOCABULARY:
        raise ModelError(f"{places[0]} has no tokenizer; save one beside the weights")
    return Tokenizer("bytes", corpus.END_OF_DOCUMENT, vocabulary)


def _bytes_to_ends(content: str, offsets: Sequence[tuple[int, int]]) -> Tensor:
    """Bytes of the text up to the end of each token, float64, from the tokens' characters."""
    lengths = np.fromiter(
        (len(letter.encode("utf-8", "replace")) for letter in content), np.int64, len(content)
    )
    position = np.concatenate([[0], np.cumsum(lengths)]).astype(np.float64)
    ends = position[list(accumulate((end for _, end in offsets), max))]
    # Tokens that end where the one before them does share the bytes since the last end before.
    values, first, counts = np.unique(ends, return_index=True, return_counts=True)
    before = np.concatenate([[0.0], values[:-1]])
    for start, count, low, high in zip(first, counts, before, values, strict=True):
        if count > 1:
            low = min(low, high)
            ends[start : start + count] = low + (high - low) * np.arange(1, count + 1) / count
    return torch.from_numpy(ends)
