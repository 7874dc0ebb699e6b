"""Training text that the network writes itself, for users who have none: sampled, seeded, cached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ....circuits.errors import ModelError
from ....circuits.files import cache_folder, write_atomically
from ..batches import evaluation_mode, step_seed
from ..checkpoints import digest
from ..compute import device_of
from ..corpus import HELD_OUT_FRACTION
from ..documents import Sides

BATCH = 16
"""Sequences that are written at once: one file of the cache."""


def write_text(
    model: nn.Module,
    start: int | None,
    *,
    tokens: int,
    context: int,
    seed: int = 0,
    folder: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sides:
    """Sample text from a language model at temperature 1, from the token that ends documents.

    Finished batches are cached, so an interrupted run continues and a later one reads them.

    Args:
        model: softmax model.
        start: token that texts begin with.
        tokens: about how many tokens to write.
        context: tokens of one text.
        seed: of the sampling.
        folder: of the cache; None: the user's.
        progress: called with (tokens done, tokens).

    Returns:
        The text; the last part of it, in whole texts, is held out.

    Raises:
        ModelError: the model has no token to begin with, or more tokens are asked for than it reads.
    """
    if start is None:
        raise ModelError("the tokenizer has no token that ends a document, to begin with; give --text")
    conditions = [digest(model), start, context, seed, BATCH, torch.__version__]
    key = hashlib.sha256(json.dumps(conditions).encode()).hexdigest()[:32]
    folder = (folder or cache_folder() / "self-text") / key
    batches = max(2, -(-tokens // (BATCH * context)))
    found = []
    for number in range(batches):
        progress(number * BATCH * context, batches * BATCH * context)
        path = folder / f"{number}.npy"
        ids = _read(path, (BATCH, context))
        if ids is None:
            ids = _sample(model, start, context, step_seed(seed, number))
            content = BytesIO()
            np.save(content, ids.numpy().astype(np.int32))
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content.getvalue())
        found.append(ids)
    progress(batches * BATCH * context, batches * BATCH * context)
    whole = torch.cat(found)
    cut = len(whole) - max(1, round(HELD_OUT_FRACTION * len(whole)))
    summary = {
        "source": "written by the network",
        "sha256": hashlib.sha256(whole.numpy().tobytes()).hexdigest(),
        "documents": len(whole),
        "held_out": f"the last {len(whole) - cut} texts",
        "train_tokens": cut * context,
        "held_out_tokens": (len(whole) - cut) * context,
        "seed": seed,
    }
    return Sides(whole[:cut].flatten(), whole[cut:].flatten(), summary)


def _read(path: Path, shape: tuple[int, int]) -> Tensor | None:
    """A batch of the cache; None where there is none, or a damaged one."""
    try:
        ids = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return torch.from_numpy(ids.astype(np.int64)) if ids.shape == shape else None


@torch.no_grad()
def _sample(model: nn.Module, start: int, context: int, seed: int) -> Tensor:
    """Texts of `context` tokens, shape (BATCH, context), int64."""
    prompt = torch.full((BATCH, 1), start, device=device_of(model))
    # generate() draws from torch's global generator.
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(seed)
        with evaluation_mode(model):
            ids = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=context - 1,
                min_new_tokens=context - 1,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                repetition_penalty=1.0,
                eos_token_id=None,
                pad_token_id=start,
            )
    finally:
        torch.random.set_rng_state(state)
    return ids.cpu()
