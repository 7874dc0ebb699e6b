"""What cells hold as numbers: the level of each, one byte.

A cell is written once and keeps its level; only its age changes what it gives. A key-value cache therefore
needs no more than the levels (`cache.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...circuits.errors import HardwareError
from ...models import Hardware
from .effects import Effects

NO_LEVEL = 255
"""Stands for what is not a number; the same as in the sources of `kernels/cpp/src`."""


def require_levels(hardware: Hardware, effects: Effects) -> None:
    """Raise `HardwareError` where cells do not hold levels that a byte can name."""
    if not holds_levels(hardware, effects):
        raise HardwareError(
            f"cells of hardware {hardware.name!r} hold no levels here (exact softmax, effects without "
            f"'quantise', or {NO_LEVEL} levels and more): give keys and values as volts"
        )


def holds_levels(hardware: Hardware, effects: Effects) -> bool:
    """Whether every stored element is one of a few levels."""
    most = max(hardware.levels.key, hardware.levels.value)
    return hardware.kind != "softmax" and effects.quantise and most < NO_LEVEL


def levels_of(volts: Tensor, array: int, hardware: Hardware) -> Tensor:
    """Level (uint8) that cells of array 1 (keys) or 2 (values) hold when these volts are asked for."""
    low, high, steps = _range(array, hardware)
    volts = volts if volts.dtype == torch.float64 else volts.float()
    level = torch.round((volts.clamp(low, high) - low) / (high - low) * steps)
    return level.nan_to_num(nan=NO_LEVEL).to(torch.uint8)


def volts_of(levels: Tensor, array: int, hardware: Hardware, dtype: torch.dtype = torch.float32) -> Tensor:
    """The volts that each level stands for; whatever asks for them gets the same level again."""
    low, high, steps = _range(array, hardware)
    volts = low + (high - low) * (levels.to(dtype) / steps)
    return volts.masked_fill(levels == NO_LEVEL, torch.nan)


def _range(array: int, hardware: Hardware) -> tuple[float, float, int]:
    levels = hardware.levels.key if array == 1 else hardware.levels.value
    return hardware.v_min, hardware.v_max, levels - 1
