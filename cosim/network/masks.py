"""Which keys a mask says are stored. A mask that a ring of columns cannot follow is refused.

The check is an operator of its own, so that `torch.compile` keeps it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...circuits.errors import ModelError


def stored_keys(
    mask: Tensor, keys: int, batch: int, window: int | None = None, before: Tensor | None = None
) -> Tensor:
    """Which keys are stored, from a mask of four dimensions.

    Args:
        mask: shape (B or 1, H or 1, T, S), bool, or additive: 0 or the lowest value of its type.
        keys: number S of keys.
        batch: number B of sequences.
        window: sliding window of the network that made the mask, tokens; None: full attention.
        before: which of the first S - T keys are stored, shape (B, S - T), bool; None: all that the mask does
            not show. Read with a window only, since a mask without one shows every key.

    Returns:
        Shape (B, S), bool.

    Raises:
        ModelError: the mask is not causal with padding, or not of this window.
    """
    operator = _stored_keys if not torch.compiler.is_compiling() else torch.ops.gaincell.stored_keys
    return operator(mask, keys, batch, window, before)


def _stored_keys(mask: Tensor, keys: int, batch: int, window: int | None, before: Tensor | None) -> Tensor:
    queries = mask.shape[-2]
    shaped = mask.ndim == 4 and mask.shape[-1] == keys >= queries > 0 and mask.shape[0] in (1, batch)
    if not shaped or not (mask.dtype == torch.bool or mask.is_floating_point()):
        raise _refusal(window)
    seen = mask if mask.dtype == torch.bool else mask == 0
    if window is None:
        # The last query sees every stored key.
        stored = seen[:, 0, -1, :].expand(batch, -1).clone()
    else:
        # A query sees its own key if that is stored.
        own = seen[:, 0].diagonal(keys - queries, dim1=1, dim2=2).expand(batch, -1)
        past = own.new_ones(batch, keys - queries) if before is None else before
        stored = torch.cat([past, own], dim=1)
    position = torch.arange(keys, device=mask.device)
    seen_keys = stored[:, None, None, :] & (position <= position[keys - queries :, None])
    if window is not None:
        # In stored tokens, as a ring counts. A query that is itself padding counts for nothing.
        count = stored.cumsum(1)
        near = count[:, None, keys - queries :, None] - count[:, None, None, :] < window
        real = stored[:, None, keys - queries :, None]
        agrees = ((seen == (seen_keys & near)) | ~real).all()
    else:
        agrees = (seen == seen_keys).all()
    if mask.dtype != torch.bool:
        agrees = agrees & (seen | (mask <= torch.finfo(mask.dtype).min)).all()
    if not bool(agrees):
        raise _refusal(window)
    return stored


def _refusal(window: int | None) -> ModelError:
    kind = (
        "causal masks" if window is None else f"causal masks of the network's own window of {window} tokens"
    )
    return ModelError(
        f"gain-cell attention takes {kind} with padding only: unpack packed sequences into a padded batch, "
        "give a 2-D attention_mask, and use the dynamic cache"
    )


torch.library.custom_op("gaincell::stored_keys", mutates_args=())(_stored_keys).register_fake(
    lambda mask, keys, batch, window, before: mask.new_empty(batch, keys, dtype=torch.bool)
)
