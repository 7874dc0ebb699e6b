"""Triton: a circuit in the form that the operators take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ...operation import OperationContext
from ..aging import NONE
from ..description import Circuit, ScaledColumn, Settings, Stage, describe, settings_of

LARGE_SHARED_MEMORY = 120_000
"""Shared memory per program, bytes, above which blocks have their full size."""
CACHE_ENTRIES = 64
"""Number of circuits kept; the one used least recently is dropped, and described again when needed."""


def has_large_shared_memory(like: Tensor) -> bool:
    """Whether a program has a data-centre GPU's shared memory; other GPUs get blocks of half the size.

    Args:
        like: tensor on the device in question; a CPU (Triton's interpreter) has no limit.
    """
    if not like.is_cuda:
        return True
    return torch.cuda.get_device_properties(like.device).shared_memory_per_block_optin > LARGE_SHARED_MEMORY


@dataclass(frozen=True)
class Constants:
    """A circuit without a chip's deviations. Charges are in full scales of their converter."""

    circuit: Circuit
    columns: tuple[Tensor | None, Tensor | None]
    """`ArrayOperands.column` of both arrays."""
    splines: tuple[Tensor | None, Tensor | None]
    """`ArrayOperands.spline` of both arrays."""
    factors: Tensor | None
    """Decay factor of every term of both arrays, shape (terms, ages), float32; None if no term decays."""
    exponential: bool
    """Whether every term decays exponentially or not at all, slowly enough to split its factor."""
    linear_index: int
    """Index of the term whose factor the surrogate gradient's linear cell has; -1 for the exact gradient."""


def constants_of(op: OperationContext, device: torch.device) -> Constants:
    """Constants of an operation, with tensors on a device."""
    function = _traced if torch.compiler.is_compiling() else _constants
    return function(*settings_of(op, by_level=False), device)


@torch.compiler.assume_constant_result
def _traced(*settings: object) -> Constants:
    return _constants(*settings)


@lru_cache(maxsize=CACHE_ENTRIES)
def _constants(*settings: object) -> Constants:
    *settings, device = settings
    settings = Settings(*settings)
    found = describe(settings, device=device)
    stages, aging = (found.circuit.first, found.circuit.second), found.aging
    with torch.inference_mode(False):
        return Constants(
            circuit=found.circuit,
            columns=tuple(_column(stage.column, device) for stage in stages),
            splines=tuple(_spline(stage, device) for stage in stages),
            factors=None if bool((aging.kinds == NONE).all()) else aging.factors.float().to(device),
            exponential=None not in aging.rates,
            linear_index=-1 if settings.gradient == "exact" else found.linear_index,
        )


def _column(column: ScaledColumn | None, device: torch.device) -> Tensor | None:
    """`ArrayOperands.column`: scale, boxes and coefficients, shape (5 + order^2,)."""
    return None if column is None else torch.tensor(column.numbers(), dtype=torch.float32, device=device)


def _spline(stage: Stage, device: torch.device) -> Tensor | None:
    """`ArrayOperands.spline`: intervals of the converter, shape (2^halvings, 6)."""
    if stage.knots is None or stage.coefficients is None:
        return None
    intervals = len(stage.coefficients)
    table = torch.zeros(1 << (intervals - 1).bit_length(), 6, device=device)
    table[:, :2] = torch.tensor([float("inf"), 1.0], device=device)
    table[:intervals, 0] = stage.knots[:-1]
    table[:intervals, 1] = stage.knots[1:] - stage.knots[:-1]
    table[:intervals, 2:] = stage.coefficients
    return table
