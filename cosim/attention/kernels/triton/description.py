"""Triton: the hardware's constants and decay factors in the form that the operators take."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeVar

import torch
from torch import Tensor

from .....models import Exponential, Hardware
from ...effects import Effects
from ...operation import OperationContext, cells_deviate, chip_of, seconds_per_token
from ...ring import positions_of
from ...stages import cell_terms
from ..description import ScaledColumn, Stage, describe_circuit

MAX_EXPONENT = math.log(1e20)
"""Largest decay exponent over a sub-tile at which an exponential factor is split into a factor per query and
one per key. Beyond it, both can underflow to 0 and their quotient is NaN."""
LARGE_SHARED_MEMORY = 120_000
"""Shared memory per program, bytes, above which blocks have their full size."""
CACHE_ENTRIES = 64
"""Number of results kept for all hardware together; the oldest is dropped, and computed again when needed."""


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
    """Constants of the hardware for one operation, besides the cells' terms and their decay factors.

    Charges are in full scales of the converter after their array.
    """

    first: list[Tensor | None]
    """Column model, converter and deviation of the first array, as in `operands.ArrayOperands`."""
    second: list[Tensor | None]
    """Column model, converter and deviation of the second array."""
    edge_1: float
    """Charge that the edges of one pulse add in the first array; 0: none."""
    edge_2: float
    """Charge that the edges of one pulse add in the second array; 0: none."""
    swap_efficiency: float
    """Weight of the first phase's charge in the second; 0: one phase, or two linear ones."""
    steps: float
    """Magnitudes of the counter besides 0; 0: it does not quantise."""


def constants_of(op: OperationContext, outputs: int, device: torch.device) -> Constants:
    """Constants of an operation; kept for nominal circuits.

    Args:
        op: settings of the operation.
        outputs: number of columns of the second array.
        device: device of the tensors.
    """
    if chip_of(op) is None:
        return _nominal(op.hardware, op.effects, outputs, device)
    return _constants(op, outputs, device)


@torch.compiler.assume_constant_result
def _nominal(hardware: Hardware, effects: Effects, outputs: int, device: torch.device) -> Constants:
    """Constants without a chip's deviations, from the cache."""

    def compute() -> Constants:
        positions = positions_of(1, 1, window=None, columns=1, key_start=0, stored=None, device=device)
        return _constants(OperationContext(hardware, effects, positions, None, None), outputs, device)

    return _cached(("constants", hardware.digest, effects, outputs, device), compute)


T = TypeVar("T")
_cache: dict[tuple, Any] = {}
_lock = Lock()


def _cached(key: tuple, compute: Callable[[], T]) -> T:
    """Result of `compute`, cached under a key that states the content of all its inputs."""
    with _lock:
        if key in _cache:
            return _cache[key]
    # Tensors made in inference mode cannot be saved for a backward pass, and a later call may need one.
    with torch.inference_mode(False):
        result = compute()
    with _lock:
        while len(_cache) >= CACHE_ENTRIES:
            del _cache[next(iter(_cache))]
        _cache[key] = result
    return result


@torch.no_grad()
def _constants(op: OperationContext, outputs: int, device: torch.device) -> Constants:
    circuit = describe_circuit(op, outputs, device)
    return Constants(
        first=_stage(circuit.first, device),
        second=_stage(circuit.second, device),
        edge_1=circuit.first.edge,
        edge_2=circuit.second.edge,
        swap_efficiency=0.0
        if circuit.swap_efficiency is None or linear_phases(op)
        else circuit.swap_efficiency,
        steps=float(circuit.output_steps or 0),
    )


def linear_phases(op: OperationContext) -> bool:
    """Whether two phases equal one phase of net pulses, which holds without a column model.

    Args:
        op: settings of the operation.
    """
    loaded = op.effects.column and op.hardware.column_1 is not None
    return op.hardware.signed_query == "two-phase" and not loaded


def factors_of(op: OperationContext, device: torch.device) -> Tensor | None:
    """Decay factor of every term of both arrays.

    Args:
        op: settings of the operation.
        device: device of the result.

    Returns:
        Shape (terms, n) with n at least the number of ages, float32; None if no term decays.
    """
    if not op.effects.decay:
        return None
    if torch.compiler.is_compiling():
        return _factors(op, device)
    # Rounded up to a power of two, so that a decoder does not need a new table for every token.
    ages = 1 << (op.positions.ages - 1).bit_length()
    op = replace(op, positions=replace(op.positions, ages=ages))
    key = ("factors", op.hardware.digest, op.token_period, cells_deviate(op), ages, device)
    return _cached(key, lambda: _factors(op, device))


@torch.no_grad()
def _factors(op: OperationContext, device: torch.device) -> Tensor | None:
    probe = torch.full((1, 1, 1, 1), op.hardware.v_zero, dtype=torch.float64, device=device)
    plain = replace(op, chip=None, gradient="exact")
    factors = [factor for _, factor in cell_terms(probe, 1, plain)]
    if cells_deviate(op) and all(factor is not None for factor in factors):
        # The cells' deviations are an additional term, which does not age.
        factors.append(None)
    if all(factor is None for factor in factors):
        return None
    ones = torch.ones(op.positions.ages, dtype=torch.float64, device=device)
    return torch.stack([ones if factor is None else factor for factor in factors]).float()


def are_exponential(op: OperationContext) -> bool:
    """Whether every term decays exponentially or not at all, slowly enough to split its factors.

    Args:
        op: settings of the operation.
    """
    hardware = op.hardware
    if not op.effects.decay:
        return False
    if hardware.cell not in hardware.aging:
        order = hardware.transfer.order if hardware.decay_per_token else 0
        fastest = order * (hardware.decay_per_token or 0.0)
        return fastest * op.positions.columns < MAX_EXPONENT
    aging = hardware.aging[hardware.cell]
    factors = [term.factor for term in aging.terms if term.factor is not None]
    # Ages are clipped to the box, and an exponential of a clipped age is not the product of two factors.
    if "age" in aging.box or not all(isinstance(factor, Exponential) for factor in factors):
        return False
    period = 1.0 if aging.age_unit == "token" else seconds_per_token(op)
    return (
        max([0.0, *(abs(factor.rate) for factor in factors)]) * period * op.positions.columns < MAX_EXPONENT
    )


def _stage(stage: Stage, device: torch.device) -> list[Tensor | None]:
    """Column model, converter and deviation as in `operands.ArrayOperands`."""
    return [_column(stage.column, device), _spline(stage, device), stage.deviation]


def _column(column: ScaledColumn | None, device: torch.device) -> Tensor | None:
    """`ArrayOperands.column`: scale, boxes and coefficients, shape (5 + order^2,)."""
    if column is None:
        return None
    numbers = [column.charge_scale, *column.a_box, *column.u_box]
    numbers += [c for row in column.coefficients for c in row]
    return torch.tensor(numbers, dtype=torch.float32, device=device)


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
