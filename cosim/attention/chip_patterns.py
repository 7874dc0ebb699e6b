"""Fixed-pattern deviations of one chip as tensors, in eager mode and in compiled graphs.

`torch.compile` cannot trace numpy's generators, which draw a chip's numbers. A compiled graph therefore calls
the operator `gaincell::chip_pattern`, whose only argument is a text that states the deviations' distribution,
the seed and the requested circuits. The graph holds that text, so there is no registry of chips: memory does
not grow with the number of chips, no key depends on an object's identity, and a graph that a compiler caches
on disk gives the same numbers in another process.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ...models import Chip, Mismatch
from .ring import Positions

MISMATCH_FIELDS = {"reads": "cell", "writes": "write", "relus": "phi"}
MISMATCH_FIELDS |= {"readouts": "readout", "partials": "readout"}
"""Method of `Chip` -> the field of `Mismatch` that it draws from."""


@dataclass(frozen=True)
class PatternRequest:
    """Circuits of one kind whose deviations are wanted."""

    kind: str
    """Name of the method of `Chip` that draws the numbers."""
    keys: tuple[int, int, int | None]
    """Position of the first key, number of keys, and window, in tokens; they give the ring columns."""
    where: tuple[tuple[str, int], ...]
    """Further arguments of the method, as (name, value)."""

    def draw(self, chip: Chip) -> np.ndarray:
        """The chip's numbers for these circuits, C-contiguous."""
        (first, number, window), where = self.keys, dict(self.where)
        if self.kind != "readouts":
            position = first + np.arange(number)
            where["ring"] = position if window is None else position % window
        # Contiguous, as the operator's fake implementation promises.
        return np.ascontiguousarray(getattr(chip, self.kind)(**where))


def chip_pattern(chip: Chip, kind: str, positions: Positions, like: Tensor, **where: int) -> Tensor:
    """Deviations of one kind of a chip's circuits, at the ring columns of some keys.

    Args:
        chip: the chip; its hardware describes deviations of this kind.
        kind: name of the method of `Chip` that draws the numbers.
        positions: the keys, whose ring columns choose the circuits.
        like: tensor whose dtype and device the result has.
        **where: further arguments of the method, such as layer, heads and depth.

    Returns:
        The numbers, in the shape that the method returns.
    """
    keys = positions.key_start, positions.keys, positions.window
    arguments = tuple(where.items())
    if not torch.compiler.is_compiling():
        return torch.as_tensor(PatternRequest(kind, keys, arguments).draw(chip)).to(like)
    # The seed is an argument of its own so that dynamo guards on it and compiles again for another chip.
    text = _constant_text(chip, chip.seed, kind, keys, arguments)
    return torch.ops.gaincell.chip_pattern(text).to(like)


@torch.compiler.assume_constant_result
def _constant_text(chip: Chip, seed: int, kind: str, keys: tuple, where: tuple) -> str:
    return to_text(chip, PatternRequest(kind, keys, where))


def to_text(chip: Chip, request: PatternRequest) -> str:
    """The request and all that its numbers depend on, as JSON; equal for chips that draw the same numbers."""
    field = MISMATCH_FIELDS[request.kind]
    mismatch = Mismatch(**{field: getattr(chip.mismatch, field)}).model_dump(mode="json")
    return json.dumps({"mismatch": mismatch, "seed": chip.seed, "columns": chip.columns, **asdict(request)})


@lru_cache(maxsize=64)
def from_text(text: str) -> tuple[Chip, PatternRequest]:
    """Inverse of `to_text`, for the kind of circuits requested. An evicted text is only parsed again."""
    content = json.loads(text)
    chip = Chip(Mismatch.model_validate(content["mismatch"]), content["seed"], content["columns"])
    where = tuple((name, value) for name, value in content["where"])
    return chip, PatternRequest(content["kind"], tuple(content["keys"]), where)


@torch.library.custom_op("gaincell::chip_pattern", mutates_args=())
def drawn_pattern(text: str) -> Tensor:
    """The numbers that a text of `to_text` stands for."""
    chip, request = from_text(text)
    return torch.as_tensor(request.draw(chip))


@lru_cache(maxsize=64)
def _shape_and_dtype(text: str) -> tuple[tuple[int, ...], torch.dtype]:
    chip, request = from_text(text)
    numbers = request.draw(chip)
    return numbers.shape, torch.from_numpy(numbers[:0]).dtype


@drawn_pattern.register_fake
def _(text: str) -> Tensor:
    shape, dtype = _shape_and_dtype(text)
    return torch.empty(shape, dtype=dtype)
