"""Digital transforms of q, k and v before the arrays, which use levels and pulse widths more evenly.

A position embedding leaves some elements of a head with large and some with small values, and the arrays have
one range for all. A fixed rotation of q and k spreads each element over all rows of an array; the product
q . k is unchanged. A scale and an offset of every element, instead of one for the head, fits each row alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ...circuits.errors import ModelError


@dataclass(frozen=True)
class Transforms:
    """Transforms of one layer."""

    rotation: int | None = None
    """Seed of the signs of a randomised Hadamard rotation of q and k; None: no rotation."""
    per_dimension: bool = False
    """Whether each element of a head has scalers of its own, instead of one for the head."""

    def __post_init__(self) -> None:
        rotation = self.rotation
        if rotation is not None and (type(rotation) is not int or not 0 <= rotation < 2**31):
            raise ValueError(f"rotation={rotation!r} must be a seed of at least 0, or None")
        if type(self.per_dimension) is not bool:
            raise ValueError(f"per_dimension={self.per_dimension!r} must be true or false")

    def entry(self) -> dict[str, Any]:
        """What a description of a model says of them: nothing where there are none."""
        return {} if self == NONE else {"transforms": asdict(self)}

    @classmethod
    def of_entry(cls, entry: dict[str, Any]) -> Transforms:
        """Transforms that a description of a module states.

        Args:
            entry: entry of the module.

        Raises:
            ModelError: transforms that `entry` would not write.
        """
        try:
            return cls(**entry.get("transforms", {}))
        except (TypeError, ValueError) as error:
            raise ModelError(f"the transforms of the network are damaged ({error}); save it again") from error


NONE = Transforms()
"""q, k and v as the network makes them."""


def rotation_matrix(depth: int, seed: int, layer: int) -> Tensor:
    """Randomised Hadamard rotation: signs, then a Hadamard transform, normalised.

    Where D is no power of two, the transform acts on blocks of the largest power of two that divides it.

    Args:
        depth: head dimension D.
        seed: seed of the signs.
        layer: number of the layer, which has signs of its own.

    Returns:
        Orthogonal matrix R, shape (D, D), float32; a row vector x becomes x R.
    """
    block = depth & -depth
    hadamard = torch.ones(1, 1)
    while len(hadamard) < block:
        hadamard = torch.cat([torch.cat([hadamard, hadamard], 1), torch.cat([hadamard, -hadamard], 1)])
    generator = torch.Generator().manual_seed((seed * 1_000_003 + layer) % 2**32)
    signs = 2.0 * torch.randint(0, 2, (depth, 1), generator=generator) - 1.0
    return signs * torch.block_diag(*[hadamard] * (depth // block)) * block**-0.5


def rotation_additions(depth: int) -> int:
    """Additions of a fast Hadamard transform of one vector.

    Args:
        depth: head dimension D.
    """
    return depth * ((depth & -depth).bit_length() - 1)
