"""A chip's numbers as tensors, also where a compiler looks: it cannot follow how they are drawn.

To a compiler they are an operator's result, of a whole number that stands for the chip and the place on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...models import Chip
from .ring import Positions


@dataclass(frozen=True)
class PatternRequest:
    """Some of a chip's circuits, all of one kind."""

    kind: str
    """The method of `Chip` that draws them."""
    keys: tuple[int, int, int | None]
    """Position of the first key, their number, and the window: those in whose ring columns they sit."""
    where: tuple[tuple[str, int], ...]
    """Further arguments of the method."""

    def draw(self, chip: Chip) -> Tensor:
        """The chip's numbers for these circuits."""
        (first, number, window), where = self.keys, dict(self.where)
        if self.kind != "readouts":
            position = first + np.arange(number)
            where["ring"] = position if window is None else position % window
        # Without gaps and in order, as the operator promises.
        return torch.as_tensor(np.ascontiguousarray(getattr(chip, self.kind)(**where)))


def chip_pattern(chip: Chip, kind: str, positions: Positions, like: Tensor, **where: int) -> Tensor:
    """What the chip's method `kind` gives for `where` and the ring columns of `positions`, with the dtype and
    device of `like`."""
    keys = positions.key_start, positions.keys, positions.window
    arguments = tuple(where.items())
    if not torch.compiler.is_compiling():
        return PatternRequest(kind, keys, arguments).draw(chip).to(like)
    # The seed is for the compiler, which tells chips apart by it.
    number = _number_of(chip, chip.seed, kind, keys, arguments)
    return torch.ops.gaincell.recorded_pattern(number).to(like)


_numbers: dict[tuple, int] = {}
_recorded: list[tuple[Chip, PatternRequest, torch.Size, torch.dtype]] = []
"""By number, for compiled graphs, which may live as long as the process."""


@torch.compiler.assume_constant_result
def _number_of(chip: Chip, seed: int, kind: str, keys: tuple, where: tuple) -> int:
    return _register(chip, PatternRequest(kind, keys, where))


@torch.compiler.disable
def _register(chip: Chip, request: PatternRequest) -> int:
    key = id(chip.mismatch), chip.seed, chip.columns, request
    if key not in _numbers:
        numbers = request.draw(chip)
        # The chip is kept, so that nothing else can have its identity.
        _recorded.append((chip, request, numbers.shape, numbers.dtype))
        _numbers[key] = len(_recorded) - 1
    return _numbers[key]


@torch.library.custom_op("gaincell::recorded_pattern", mutates_args=())
def recorded_pattern(number: int) -> Tensor:
    """The numbers themselves."""
    chip, request, _, _ = _recorded[number]
    return request.draw(chip)


@recorded_pattern.register_fake
def _(number: int) -> Tensor:
    _, _, shape, dtype = _recorded[number]
    return torch.empty(shape, dtype=dtype)
