"""Memory that is used again from block to block, so that it stays in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

Kept = TypeVar("Kept")

ALIGNED = 64
"""Bytes of a line of the cache, with which buffers begin."""


class _Same:
    """Key that equals another one of the very same object, which it holds."""

    def __init__(self, of: object) -> None:
        self.of = of

    def __hash__(self) -> int:
        return object.__hash__(self.of)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.of is other.of


class Scratch:
    """Buffers by name. None where a compiler is looking, which places results by itself."""

    def __init__(self, dtype: torch.dtype, device: torch.device, room: Tensor | None = None) -> None:
        """room: bytes in which the buffers are to lie, as long as there are any left."""
        self.dtype, self._device, self._room = dtype, device, room
        self._active = not torch.compiler.is_compiling()
        self._buffers: dict[Hashable, Tensor] = {}
        self._views: dict[Hashable, Tensor] = {}
        self._kept: dict[Hashable, object] = {}
        self._fills: list[Callable[[], None]] = []
        self.bytes = 0
        """What all buffers take."""

    def clear(self) -> None:
        """Free all of it: what is kept refers back to here, and left to Python would stay until its next
        collection."""
        self._room = None
        for names in (self._buffers, self._views, self._kept, self._fills):
            names.clear()

    def take(self, name: Hashable, shape: Sequence[int]) -> Tensor | None:
        """A contiguous tensor of this shape, overwritten by the next one of this name."""
        if not self._active:
            return None
        key = (name, *shape)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._buffer(name, math.prod(shape))[: math.prod(shape)].view(*shape)
        return view

    def keep(self, name: Hashable, make: Callable[[], Kept], of: object = None) -> Kept:
        """What `make` gave at the first request of this name, and of this object where one is given."""
        if of is not None:
            if not self._active:
                return make()
            name = (name, _Same(of))
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def fill(self, make: Callable[[], None]) -> None:
        """Have `make` write what is to stand in buffers, now and whenever others may have written there."""
        self._fills.append(make)
        make()

    def refill(self) -> None:
        """Others may have."""
        for make in self._fills:
            make()

    def _buffer(self, name: Hashable, size: int) -> Tensor:
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < size:
            buffer = self._buffers[name] = self._new(size)
        return buffer

    def _new(self, size: int) -> Tensor:
        begin = self.bytes
        self.bytes += -(-size * self.dtype.itemsize // ALIGNED) * ALIGNED
        if self._room is None or self.bytes > len(self._room):
            return torch.empty(size, dtype=self.dtype, device=self._device)
        return self._room[begin : begin + size * self.dtype.itemsize].view(self.dtype)
