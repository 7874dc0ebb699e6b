"""Levels: what a cell holds, as one byte.

A cell is written once and keeps its level; only its age changes the charge that it gives. A key-value cache
therefore stores levels instead of voltages (`network/kv_cache.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...circuits.errors import HardwareError
from ...models import Hardware
from .effects import Effects
from .quantisers import nearest_level

NO_LEVEL = 255
"""Code for NaN; the same number as in the sources of `kernels/cpp/src`."""


def require_levels(hardware: Hardware, effects: Effects) -> None:
    """Check that cells hold levels that one byte can number.

    Args:
        hardware: kind and number of levels.
        effects: switches of the operation.

    Raises:
        HardwareError: exact softmax, effects without quantisation, or 255 levels and more.
    """
    if not holds_levels(hardware, effects):
        raise HardwareError(
            f"cells of hardware {hardware.name!r} hold no levels here (exact softmax, effects without "
            f"'quantise', or {NO_LEVEL} levels and more): give keys and values as volts"
        )


def holds_levels(hardware: Hardware, effects: Effects) -> bool:
    """Whether every stored element is one of fewer than 255 levels.

    Args:
        hardware: kind and number of levels.
        effects: switches of the operation.
    """
    most = max(hardware.levels.key, hardware.levels.value)
    return hardware.kind != "softmax" and effects.quantise and most < NO_LEVEL


def levels_of(volts: Tensor, array: int, hardware: Hardware) -> Tensor:
    """Levels that cells hold after these voltages were requested.

    Args:
        volts: requested voltages, any shape, V; clipped to the hardware's range.
        array: 1 (keys) or 2 (values).
        hardware: voltage range and number of levels.

    Returns:
        Level numbers from 0, shape of `volts`, uint8; NO_LEVEL for NaN.
    """
    low, high, steps = _range(array, hardware)
    volts = volts if volts.dtype == torch.float64 else volts.float()
    level = nearest_level(volts.clamp(low, high), low, high, steps + 1)
    return level.nan_to_num(nan=NO_LEVEL).to(torch.uint8)


def volts_of(levels: Tensor, array: int, hardware: Hardware, dtype: torch.dtype = torch.float32) -> Tensor:
    """Voltages of levels; `levels_of` of the result gives the same levels again.

    Args:
        levels: level numbers, any shape, uint8.
        array: 1 (keys) or 2 (values).
        hardware: voltage range and number of levels.
        dtype: floating-point type of the result.

    Returns:
        Voltages, shape of `levels`, V; NaN for NO_LEVEL.
    """
    low, high, steps = _range(array, hardware)
    volts = low + (high - low) * (levels.to(dtype) / steps)
    return volts.masked_fill(levels == NO_LEVEL, torch.nan)


def _range(array: int, hardware: Hardware) -> tuple[float, float, int]:
    """Lowest and highest voltage (V), and number of steps between levels."""
    levels = hardware.levels.key if array == 1 else hardware.levels.value
    return hardware.v_min, hardware.v_max, levels - 1
