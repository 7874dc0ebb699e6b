"""The fixed deviations of one chip's circuits."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .variation import ConverterVariation, Mismatch, RandomCurve

ROWS = 64
"""Number of rows of cells whose random numbers are drawn at once."""


@dataclass(frozen=True)
class Chip:
    """The fixed pattern of one chip's arrays and converters, made by `Hardware.chip`.

    A circuit's deviation is constant. It follows from the seed and the circuit's place alone, not from the
    sequence, the batch, or the number of heads and layers of a network. Places: (layer, array, head, ring
    column, row) for cells, (layer, head, ring column) for converters of the first product, or (layer, head,
    row tile, ring column) where row tiles have converters of their own, (layer, head, sub-tile, dimension)
    for those of the second. The converters of a sub-tile form a bank with its own bias
    and its own rails. The drop along the rails is the same on every chip. Heads are key-value heads, because
    each has its own arrays.

    Equality and hash follow from the content of the fields, so a chip can be the key of a cache.
    """

    mismatch: Mismatch
    """Distribution of the deviations."""
    seed: int
    """Number of the chip."""
    columns: int
    """Number of ring columns in a sub-tile."""

    def reads(self, layer: int, array: int, heads: int, ring: np.ndarray, depth: int) -> np.ndarray | None:
        """Scores of the cells' charge curves.

        Args:
            layer: index of the layer.
            array: 1 for keys, 2 for values.
            heads: number of key-value heads H.
            ring: indices of the ring columns, shape (S,).
            depth: head dimension D.

        Returns:
            Standard normal scores, dimensionless, shape (rank, H, S, D); None if the cells do not vary.
        """
        return self._scores(self.mismatch.cell, f"cell {array}", layer, heads, ring, depth)

    def writes(self, layer: int, array: int, heads: int, ring: np.ndarray, depth: int) -> np.ndarray | None:
        """Scores of the cells' write errors; arguments and result as in `reads`."""
        return self._scores(self.mismatch.write, f"write {array}", layer, heads, ring, depth)

    def relus(self, layer: int, heads: int, ring: np.ndarray) -> np.ndarray | None:
        """Offset and gain of the first (ReLU) converters.

        Args:
            layer: index of the layer.
            heads: number of key-value heads H.
            ring: indices of the ring columns, shape (S,).

        Returns:
            Offset (C) and gain (dimensionless), shape (H, S, 2); None if these converters do not vary.
        """
        return self._by_column(self.mismatch.phi, "relu", layer, heads, ring)

    def partials(self, layer: int, heads: int, ring: np.ndarray, row_tile: int) -> np.ndarray | None:
        """Offset and gain, for each polarity, of the signed converters of one row tile of the K array.

        Args:
            layer: index of the layer.
            heads: number of key-value heads H.
            ring: indices of the ring columns, shape (S,).
            row_tile: index of the row tile.

        Returns:
            Offsets (C) and gains (dimensionless), shape (H, S, 4); None if these converters do not vary.
        """
        return self._by_column(self.mismatch.readout, f"partial {row_tile}", layer, heads, ring)

    def readouts(self, layer: int, heads: int, tile: int, depth: int) -> np.ndarray | None:
        """Offset and gain, for each polarity, of the signed converters of one sub-tile.

        Args:
            layer: index of the layer.
            heads: number of key-value heads H.
            tile: index of the sub-tile.
            depth: head dimension D.

        Returns:
            Offsets (C) and gains (dimensionless), shape (H, D, 4); None if these converters do not vary.
        """
        variation = self.mismatch.readout
        if variation is None:
            return None
        count = len(variation.mean)
        normals = [
            _normals(self.seed, "readout", layer, head, tile, (_padded_rows(depth), count))[:depth]
            for head in range(heads)
        ]
        banks = [
            _normals(self.seed, "readout bank", layer, head, tile, (1, count // 2)) for head in range(heads)
        ]
        return variation.parameters(np.stack(normals), np.stack(banks), np.arange(depth))

    def _by_column(
        self, variation: ConverterVariation | None, kind: str, layer: int, heads: int, ring: np.ndarray
    ) -> np.ndarray | None:
        """Offsets and gains of the converters of one kind, one per ring column."""
        if variation is None:
            return None
        tiles = int(ring.max()) // self.columns + 1
        count = len(variation.mean)
        normals = [
            self._tiles(kind, layer, head, tiles, (self.columns, count), axis=0)[ring]
            for head in range(heads)
        ]
        banks = [
            self._tiles(f"{kind} bank", layer, head, tiles, (1, count // 2), axis=0)[ring // self.columns]
            for head in range(heads)
        ]
        return variation.parameters(np.stack(normals), np.stack(banks), ring % self.columns)

    def _scores(
        self, curve: RandomCurve | None, kind: str, layer: int, heads: int, ring: np.ndarray, depth: int
    ) -> np.ndarray | None:
        if curve is None:
            return None
        tiles = int(ring.max()) // self.columns + 1
        shape = (_padded_rows(depth), curve.rank, self.columns)
        per_head = [
            self._tiles(kind, layer, head, tiles, shape, axis=2)[:depth][..., ring] for head in range(heads)
        ]
        return np.stack(per_head).transpose(2, 0, 3, 1)

    def _tiles(
        self, kind: str, layer: int, head: int, tiles: int, shape: tuple[int, ...], axis: int
    ) -> np.ndarray:
        parts = [_normals(self.seed, kind, layer, head, tile, shape) for tile in range(tiles)]
        return np.concatenate(parts, axis=axis)


def _padded_rows(depth: int) -> int:
    """Number of rows drawn for a head dimension; as the first axis, further rows change no earlier one."""
    return -(-depth // ROWS) * ROWS


@lru_cache(maxsize=1024)
def _normals(seed: int, kind: str, layer: int, head: int, tile: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers of one sub-tile, drawn in single precision.

    The cache has at most 1024 entries. An entry for 64 rows, rank 4 and 64 columns takes 64 KiB.
    """
    place = [seed, zlib.crc32(kind.encode()), layer, head, tile]
    return np.random.default_rng(place).standard_normal(shape, dtype=np.float32)
