"""Caches below converted attention modules: whole, since a ring counts every stored token, and one's own.

transformers forgets the keys that leave a layer's sliding window. A ring keeps the same window by overwriting
columns, but a key's column follows from its position, so a converted model caches every key.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer, StaticLayer

from ...circuits.errors import ModelError
from .masks import stored_keys


class RingLayer(DynamicLayer):
    """Every key and value of one layer, and which of them are stored."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: Tensor | None = None
        """Whether each key is stored, shape (B, S), bool; None: no mask has been read."""

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Take the sequences `beam_idx` in their order."""
        super().reorder_cache(beam_idx)
        self._change(lambda stored: stored.index_select(0, beam_idx.to(stored.device)))

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last `-tokens_to_remove` tokens."""
        super().crop(tokens_to_remove)
        length = self.get_seq_length()
        self._change(lambda stored: stored[:, :length])

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat every sequence `repeats` times."""
        super().batch_repeat_interleave(repeats)
        self._change(lambda stored: stored.repeat_interleave(repeats, dim=0))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the sequences `indices`."""
        super().batch_select_indices(indices)
        self._change(lambda stored: stored[indices, ...])

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.stored = None

    def _change(self, change: Any) -> None:
        if self.stored is not None:
            self.stored = change(self.stored)


def cache_in(args: tuple, kwargs: dict[str, Any]) -> Cache | None:
    """The cache of causal attention among the arguments of a call."""
    for value in (*kwargs.values(), *args):
        # Of an encoder-decoder's pair, that of the decoder's own tokens.
        value = getattr(value, "self_attention_cache", value)
        if isinstance(value, Cache):
            return value
    return None


def keep_every_key(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
    """Forward pre-hook of an attention module with a sliding window, converted or not.

    One mask serves all layers with windows, so all of them cache every key if one does.
    """
    cache = cache_in(args, kwargs)
    if cache is None:
        return
    index = module.layer_idx
    while cache.layer_class_to_replicate is DynamicLayer and len(cache.layers) <= index:
        cache.layers.append(DynamicLayer())
    layer = cache.layers[index] if index < len(cache.layers) else None
    if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
        return
    if layer.get_seq_length() == 0:
        cache.layers[index] = RingLayer()
    elif layer.is_sliding:
        raise ModelError("the cache holds one window of keys; make a new one for the converted model")


def follow_cache(
    module: nn.Module, args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any]] | None:
    """Forward pre-hook of a converted attention module: check its cache, and read the mask of its window.

    Raises:
        ModelError: a static cache, levels that another module wrote, or a mask as in `stored_keys`.
    """
    cache = cache_in(args, kwargs)
    if cache is None:
        return None
    window = module.gain_cell.mask_window
    if window is not None:
        keep_every_key(module, args, kwargs)
    if module.layer_idx >= len(cache.layers):
        return None
    layer = cache.layers[module.layer_idx]
    if isinstance(layer, StaticLayer):
        raise ModelError(
            "gain-cell attention keeps its own ring of columns: use the dynamic cache, not a static one"
        )
    writer = getattr(layer, "attention", module.gain_cell)
    if writer is not module.gain_cell:
        raise ModelError(
            "the cache holds levels that another model, or this one before it was converted again, wrote; "
            "make a new one with level_cache(model)"
        )
    mask = kwargs.get("attention_mask")
    if window is None or not isinstance(layer, RingLayer) or not (mask is None or mask.ndim == 4):
        return None
    before = layer.get_seq_length()
    if mask is None:
        # transformers makes no mask where every key is visible and stored.
        if layer.stored is not None:
            new = layer.stored.new_ones(layer.stored.shape[0], _queries(args, kwargs))
            layer.stored = torch.cat([layer.stored, new], dim=1)
        return None
    layer.stored = stored_keys(
        mask, mask.shape[-1], _batch(args, kwargs), window, layer.stored if before else None
    )
    # Two dimensions: read already.
    return args, kwargs | {"attention_mask": layer.stored}


def _hidden(args: tuple, kwargs: dict[str, Any]) -> Tensor:
    return kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]


def _queries(args: tuple, kwargs: dict[str, Any]) -> int:
    return _hidden(args, kwargs).shape[1]


def _batch(args: tuple, kwargs: dict[str, Any]) -> int:
    return _hidden(args, kwargs).shape[0]
