"""Settings of one attention operation, and what follows from them alone."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from ...circuits.errors import HardwareError
from ...models import Chip, ColumnModel, Hardware, Noise, Surrogate
from ...models.row_tiles import latency_of
from .effects import Effects
from .ring import Positions
from .surrogate_gradient import Gradient


@dataclass(frozen=True)
class Extrapolated:
    """Evaluations of one surrogate."""

    count: int = 0
    """Number of those outside the validity box."""
    of: int = 0
    """Number of all of them, in which both kinds are counted by the same rule."""

    def __add__(self, other: Extrapolated) -> Extrapolated:
        return Extrapolated(self.count + other.count, self.of + other.of)


@dataclass(frozen=True)
class OperationContext:
    """Settings that hold for every signal of one attention operation."""

    hardware: Hardware
    """Curves, full scales, quantiser levels and timing."""
    effects: Effects
    """Switches of the non-idealities."""
    positions: Positions
    """Positions of queries and keys in the ring."""
    token_period: float | None
    """Time between tokens, s; None: the latency of one layer."""
    outside: dict[str, Extrapolated] | None
    """Surrogate name -> evaluations outside its validity box, updated in place; None: not counted."""
    chip: Chip | None = None
    """One chip's deviations; None: nominal circuits."""
    layer: int = 0
    """Number of the layer, which selects the chip's arrays."""
    kv_heads: int | None = None
    """Number of key-value heads, each with its own arrays and converters; None: as many as query heads."""
    gradient: Gradient = "exact"
    """Derivative of the cells' charge; it does not change the value."""
    row_tiles: int = 1
    """Sub-arrays over which the rows of the K array are spread (`row_tiles.py`); 1: one bit line adds all."""

    def watch(self, name: str, surrogate: Surrogate, *arguments: Tensor, used: Tensor | None = None) -> None:
        """Count the arguments outside a surrogate's validity box, if `outside` is given.

        Args:
            name: key in `outside`.
            surrogate: the function about to be evaluated.
            *arguments: its arguments, broadcastable with each other.
            used: bool, broadcastable to the arguments: entries that are counted; None: all.
        """
        if self.outside is not None:
            if used is not None:
                arguments = tuple(argument[used.expand_as(argument)] for argument in arguments)
            found = Extrapolated(int(surrogate.outside(*arguments)), arguments[0].numel())
            self.outside[name] = self.outside.get(name, Extrapolated()) + found


def full_precision(device: str) -> AbstractContextManager:
    """Context without autocast: its 8-bit mantissa is too coarse for levels and charges.

    Args:
        device: device type, such as "cpu" or "cuda".
    """
    # Entering autocast takes 3 us of a 35 us decode step with 64 keys, so skip it where autocast is off.
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def noise_of(op: OperationContext) -> Noise | None:
    """Noise of the operation; None if it is switched off or not described.

    Args:
        op: settings of the operation.
    """
    return op.hardware.noise if op.effects.noise else None


def chip_of(op: OperationContext) -> Chip | None:
    """Chip whose deviations apply; None if there is none or mismatch is switched off.

    Args:
        op: settings of the operation.
    """
    return op.chip if op.effects.mismatch else None


def column_of(array: int, op: OperationContext) -> ColumnModel | None:
    """Column model of an array; None if it is switched off or not described.

    Args:
        array: 1 (keys) or 2 (values).
        op: settings of the operation.
    """
    if not op.effects.column:
        return None
    return op.hardware.column_1 if bit_line_of(array, op) == 1 else op.hardware.column_2


def bit_line_of(array: int, op: OperationContext) -> int:
    """Array whose bit lines and converters a product has: row tiles of the K array have those of the V array.

    Args:
        array: 1 (keys) or 2 (values).
        op: settings of the operation.
    """
    return 2 if op.row_tiles > 1 else array


def full_scale_of(array: int, op: OperationContext) -> float:
    """Full scale of the converter after an array, in the hardware's charge unit.

    Args:
        array: 1 (keys) or 2 (values).
        op: settings of the operation.
    """
    return op.hardware.q_sat_1 if bit_line_of(array, op) == 1 else op.hardware.q_sat_2


def cells_deviate(op: OperationContext) -> bool:
    """Whether the charge of each cell deviates from the nominal curve.

    Args:
        op: settings of the operation.
    """
    chip = chip_of(op)
    return chip is not None and chip.mismatch.cell is not None


def seconds_per_token(op: OperationContext) -> float:
    """Time between tokens, s: as given, or the latency of one layer.

    Args:
        op: settings of the operation.

    Raises:
        HardwareError: no time is given and the hardware states no timing.
    """
    if op.token_period is not None:
        return op.token_period
    latency = latency_of(op.hardware, op.row_tiles)
    if latency is None:
        raise HardwareError(
            f"hardware {op.hardware.name!r} ages in seconds but states no timing; pass token_period (s)"
        )
    return latency
