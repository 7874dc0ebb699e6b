"""A key-value cache that holds what the arrays hold: the level of every cell, written once."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import Cache
from transformers.cache_utils import DynamicLayer

from .conversion import unwrap
from .layer import GainCellAttention, gain_cell_layers
from .levels import holds_levels

LEAST_ROOM = 64
"""Tokens that a buffer has room for at least."""


class LevelCache(Cache):
    """Cache for `generate` of a converted model, `model.generate(ids, past_key_values=LevelCache(model))`.

    The tokens are those of the usual cache. Keys and values are scaled and quantised once, when they are
    written, instead of at every token that reads them, and take one byte each. Layers without gain cells, or
    whose cells do not hold levels, keep what they always kept. Make one for each sequence, as of any cache.
    """

    def __init__(self, model: nn.Module) -> None:
        attention = {layer.layer: layer for layer in gain_cell_layers(model).values()}
        count = unwrap(model).config.get_text_config().num_hidden_layers
        super().__init__(layers=[_layer(attention.get(index)) for index in range(count)])


def _layer(attention: GainCellAttention | None) -> DynamicLayer:
    if attention is None or not holds_levels(attention.hardware, attention.effects):
        return DynamicLayer()
    return LevelLayer(attention)


class LevelLayer(DynamicLayer):
    """The levels of one layer's keys and values (B, Hkv, S, D), uint8.

    They lie in buffers that double when they are full, so that a token costs its own writing and no copy of
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
        """Write the new keys and values. Returns the levels of all of them."""
        new = self.attention.written_levels(key_states, value_states)
        if not self.is_initialized:
            self.lazy_initialization(*new)
        past = self.get_seq_length()
        total = past + new[0].shape[2]
        # Whoever reorders, crops or moves the cache puts other tensors into these places.
        ours = self._held is not None and self.keys is self._held[0] and self.values is self._held[1]
        if not ours or total > self._rooms[0].shape[2]:
            held = (self.keys, self.values) if past else (None, None)
            self._rooms = [_room(x, y, past, total) for x, y in zip(held, new, strict=True)]
        for room, x in zip(self._rooms, new, strict=True):
            room[:, :, past:total] = x
        self.keys, self.values = (room[:, :, :total] for room in self._rooms)
        self._held = self.keys, self.values
        return self._held

    def reset(self) -> None:
        """Forget everything."""
        self.keys = self.values = self._held = None
        self._rooms, self.is_initialized = [], False


def _room(held: Tensor | None, new: Tensor, past: int, total: int) -> Tensor:
    """A buffer for `total` tokens and more, `held` copied to its beginning."""
    batch, heads, _, depth = new.shape
    room = new.new_zeros(batch, heads, max(LEAST_ROOM, 2 * total), depth)
    if held is not None:
        room[:, :, :past] = held.to(new.device)
    return room
