"""A key-value cache that holds what the arrays hold: the level of every cell, written once."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache

from ...circuits.errors import ModelError
from ..attention.levels import holds_levels
from .families import unwrap
from .layer import GainCellAttention, gain_cell_layers
from .ring_cache import RingLayer

LEAST_ROOM = 64
"""Tokens that a buffer has room for at least."""

CACHE_KEYWORDS = ("cache", "past_key_values")
"""Names of a model's cache argument: transformers' own from 5.24, and before."""


def cache_keyword(model: nn.Module) -> str:
    """Name under which the model's `forward` and `generate` take a cache.

    It is read from the signature of `forward`, so that it follows the installed transformers. The output of
    `forward` has the cache under the same name.

    Args:
        model: language model, converted or not, compiled or not.

    Returns:
        "cache" (transformers 5.24 and later) or "past_key_values".

    Raises:
        ModelError: the model takes no cache.
    """
    # The class's method: an instance's may be replaced by a compiled one.
    network = type(unwrap(model))
    parameters = inspect.signature(network.forward).parameters
    for keyword in CACHE_KEYWORDS:
        if keyword in parameters:
            return keyword
    raise ModelError(f"{network.__name__}.forward takes no cache: none of {', '.join(CACHE_KEYWORDS)}")


def level_cache(model: nn.Module) -> dict[str, LevelCache]:
    """A new `LevelCache` as the keyword argument of one call, `model.generate(ids, **level_cache(model))`.

    Args:
        model: converted model.

    Returns:
        The cache under the name that `cache_keyword` finds.

    Raises:
        ModelError: the model takes no cache.
    """
    return {cache_keyword(model): LevelCache(model)}


class LevelCache(Cache):
    """Cache for `generate` of a converted model, `model.generate(ids, **level_cache(model))`.

    The tokens are those of the usual cache. Keys and values are scaled and quantised once, when they are
    written, instead of at every token that reads them, and take one byte each, with room for a quarter more.
    Layers without gain cells, with heads of exact attention, whose cells do not hold levels, or that cache
    something else than their keys and values, keep what they always kept. Make one for
    each sequence, as of any cache. It is for inference: what is written at a level has no gradient.
    """

    def __init__(self, model: nn.Module) -> None:
        layers = DynamicCache(config=unwrap(model).config).layers
        for attention in gain_cell_layers(model).values():
            levels = holds_levels(attention.hardware, attention.effects)
            # Heads of exact attention read keys and values as they are.
            if attention.caches_keys and levels and not attention.softmax_heads:
                layers[attention.layer] = LevelLayer(attention)
        super().__init__(layers=layers)


class LevelLayer(RingLayer):
    """The levels of one layer's keys and values (B, Hkv, S, D), uint8.

    They lie in buffers with room for more, so that a token costs its own writing and hardly ever a copy of
    the others.
    """

    def __init__(self, attention: GainCellAttention) -> None:
        super().__init__()
        self.attention = attention
        self._rooms: list[Tensor] = []
        self._held: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the new keys and values. Returns the levels of all of them.

        Raises `ModelError` in training.
        """
        if self.attention.training and torch.is_grad_enabled() and key_states.requires_grad:
            raise ModelError("a cache of levels has no gradient: train with use_cache=False")
        new = self.attention.written_levels(key_states, value_states)
        if not self.is_initialized:
            self.lazy_initialization(*new)
        past = self.get_seq_length()
        total = past + new[0].shape[2]
        if not self._is_ours() or total > self._rooms[0].shape[2]:
            held = (self.keys, self.values) if past else (None, None)
            self._rooms = [_room(x, y, past, total) for x, y in zip(held, new, strict=True)]
        for room, x in zip(self._rooms, new, strict=True):
            room[:, :, past:total] = x
        self.keys, self.values = (room[:, :, :total] for room in self._rooms)
        self._held = self.keys, self.values
        return self._held

    def _is_ours(self) -> bool:
        """Whether keys and values are still what the last call left, and may be added to in place."""
        # Whoever reorders, crops or moves the cache puts other tensors into these places.
        if self._held is None or self.keys is not self._held[0] or self.values is not self._held[1]:
            return False
        return torch.is_inference_mode_enabled() or not self.keys.is_inference()

    def __getstate__(self) -> dict[str, Any]:
        """Without the room for more."""
        state = vars(self) | {"_rooms": [], "_held": None}
        if self.is_initialized:
            state |= {"keys": self.keys.clone(), "values": self.values.clone()}
        return state

    def __deepcopy__(self, memo: dict[int, Any]) -> LevelLayer:
        """A copy of what is held; the network stays the same one."""
        copied = LevelLayer(self.attention)
        vars(copied).update(self.__getstate__())
        memo[id(self)] = copied
        return copied

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._rooms, self._held = [], None


def _room(held: Tensor | None, new: Tensor, past: int, total: int) -> Tensor:
    """A buffer for `total` tokens and more, `held` copied to its beginning."""
    batch, heads, _, depth = new.shape
    room = new.new_zeros(batch, heads, total + max(LEAST_ROOM, total // 4), depth)
    if held is not None:
        room[:, :, :past] = held.to(new.device)
    return room
