"""One chip: which of all the chips that the hardware describes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .variation import Mismatch, RandomCurve

ROWS = 64
"""Rows of cells that are drawn at once."""


@dataclass(frozen=True)
class Chip:
    """The fixed pattern of one chip's arrays and converters, made by `Hardware.chip`.

    A circuit keeps its deviation for good: it follows from the seed and from the place alone, not from the
    sequence, the batch or how many heads and layers a network has. Cells sit at (layer, array, head, ring
    column, row), converters of the first product at (layer, head, ring column), those of the second at
    (layer, head, sub-tile, dimension), and the converters of a sub-tile are a bank with a bias of its own;
    heads are key-value heads, since an array belongs to one.
    """

    mismatch: Mismatch
    seed: int
    columns: int
    """Ring columns in a sub-tile."""

    def reads(self, layer: int, array: int, heads: int, ring: np.ndarray, depth: int) -> np.ndarray | None:
        """Scores of the cells' charge curves, shape (rank, heads, S, depth), for ring columns (S,); array is
        1 (keys) or 2 (values). None where cells do not vary."""
        return self._scores(self.mismatch.cell, f"cell {array}", layer, heads, ring, depth)

    def writes(self, layer: int, array: int, heads: int, ring: np.ndarray, depth: int) -> np.ndarray | None:
        """Scores of the cells' write errors, as `reads`."""
        return self._scores(self.mismatch.write, f"write {array}", layer, heads, ring, depth)

    def relus(self, layer: int, heads: int, ring: np.ndarray) -> np.ndarray | None:
        """Offset and gain of the first converters, shape (heads, S, 2), for ring columns (S,)."""
        variation = self.mismatch.phi
        if variation is None:
            return None
        tiles = int(ring.max()) // self.columns + 1
        count = len(variation.mean)
        normals = [
            self._tiles("relu", layer, head, tiles, (self.columns, count), axis=0)[ring]
            for head in range(heads)
        ]
        banks = [
            self._tiles("relu bank", layer, head, tiles, (1, count // 2), axis=0)[ring // self.columns]
            for head in range(heads)
        ]
        return variation.parameters(np.stack(normals), np.stack(banks))

    def readouts(self, layer: int, heads: int, tile: int, depth: int) -> np.ndarray | None:
        """Offset and gain of each polarity of a sub-tile's signed converters, shape (heads, depth, 4)."""
        variation = self.mismatch.readout
        if variation is None:
            return None
        count = len(variation.mean)
        normals = [
            _normals(self.seed, "readout", layer, head, tile, (_whole(depth), count))[:depth]
            for head in range(heads)
        ]
        banks = [
            _normals(self.seed, "readout bank", layer, head, tile, (1, count // 2)) for head in range(heads)
        ]
        return variation.parameters(np.stack(normals), np.stack(banks))

    def _scores(
        self, curve: RandomCurve | None, kind: str, layer: int, heads: int, ring: np.ndarray, depth: int
    ) -> np.ndarray | None:
        if curve is None:
            return None
        tiles = int(ring.max()) // self.columns + 1
        shape = (_whole(depth), curve.rank, self.columns)
        per_head = [
            self._tiles(kind, layer, head, tiles, shape, axis=2)[:depth][..., ring] for head in range(heads)
        ]
        return np.stack(per_head).transpose(2, 0, 3, 1)

    def _tiles(
        self, kind: str, layer: int, head: int, tiles: int, shape: tuple[int, ...], axis: int
    ) -> np.ndarray:
        parts = [_normals(self.seed, kind, layer, head, tile, shape) for tile in range(tiles)]
        return np.concatenate(parts, axis=axis)


def _whole(depth: int) -> int:
    """Rows drawn for a head of `depth`; it is the first axis, so more of them change none of the others."""
    return -(-depth // ROWS) * ROWS


@lru_cache(maxsize=1024)
def _normals(seed: int, kind: str, layer: int, head: int, tile: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers of one sub-tile, drawn in single precision."""
    place = [seed, zlib.crc32(kind.encode()), layer, head, tile]
    return np.random.default_rng(place).standard_normal(shape, dtype=np.float32)
