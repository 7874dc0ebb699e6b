"""Memory that is used again from block to block, so that it stays in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

Kept = TypeVar("Kept")


class Scratch:
    """Buffers by name. None where a compiler is looking, which places results by itself."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self._dtype, self._device = dtype, device
        self._active = not torch.compiler.is_compiling()
        self._buffers: dict[Hashable, Tensor] = {}
        self._views: dict[Hashable, Tensor] = {}
        self._kept: dict[Hashable, object] = {}

    def take(self, name: Hashable, shape: Sequence[int]) -> Tensor | None:
        """A contiguous tensor of this shape, overwritten by the next one of this name."""
        if not self._active:
            return None
        key = (name, *shape)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._buffer(name, math.prod(shape))[: math.prod(shape)].view(*shape)
        return view

    def keep(self, name: Hashable, make: Callable[[], Kept]) -> Kept:
        """What `make` gave at the first request of this name."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def _buffer(self, name: Hashable, size: int) -> Tensor:
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < size:
            buffer = self._buffers[name] = torch.empty(size, dtype=self._dtype, device=self._device)
        return buffer
