"""Triton: the numbers of the hardware as the operators take them."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .....models import Exponential, Hardware
from ...effects import Effects
from ...ring import positions_of
from ...stages import OperationContext, cell_terms, cells_deviate, chip_of, seconds_per_token
from ..description import ScaledColumn, Stage, describe_circuit

DEEPEST = math.log(1e20)
"""An exponential factor that falls further than this over a sub-tile is not split: it would be 0 / 0."""


ROOM = 120_000
"""Bytes of shared memory."""


def roomy(like: Tensor) -> bool:
    """Whether a program has the memory of a data centre's GPU; other GPUs have blocks of half the size."""
    if not like.is_cuda:
        return True
    return torch.cuda.get_device_properties(like.device).shared_memory_per_block_optin > ROOM


@dataclass(frozen=True)
class Constants:
    """What an operation needs of the hardware besides its operands and factors."""

    first: list[Tensor | None]
    """ScaledColumn model, converter and deviation of the first array, as `operands.Array` has them."""
    second: list[Tensor | None]
    edge_1: float
    edge_2: float
    retained: float
    """0 where the operation has one phase, or two that are linear."""
    steps: float


def constants_of(op: OperationContext, outputs: int, device: torch.device) -> Constants:
    """The constants of `op` for a second array of `outputs` columns."""
    if chip_of(op) is None:
        return _nominal(op.hardware, op.effects, outputs, device)
    return _constants(op, outputs, device)


@torch.compiler.assume_constant_result
def _nominal(hardware: Hardware, effects: Effects, outputs: int, device: torch.device) -> Constants:
    """Kept as long as the hardware lives."""
    kept = _kept_of(hardware)
    key = (hardware.cell, effects, outputs, device)
    if key not in kept:
        # Whatever mode the first use is in: slopes are wanted later.
        with torch.inference_mode(False):
            positions = positions_of(1, 1, window=None, columns=1, key_start=0, stored=None, device=device)
            kept[key] = _constants(
                OperationContext(hardware, effects, positions, None, None), outputs, device
            )
    return kept[key]


_kept: dict[int, dict[tuple, Any]] = {}


def _kept_of(hardware: Hardware) -> dict[tuple, Any]:
    """What is kept for this hardware, which is frozen but cannot be hashed."""
    if id(hardware) not in _kept:
        _kept[id(hardware)] = {}
        weakref.finalize(hardware, _kept.pop, id(hardware), None)
    return _kept[id(hardware)]


@torch.no_grad()
def _constants(op: OperationContext, outputs: int, device: torch.device) -> Constants:
    circuit = describe_circuit(op, outputs, device)
    return Constants(
        first=_stage(circuit.first, device),
        second=_stage(circuit.second, device),
        edge_1=circuit.first.edge,
        edge_2=circuit.second.edge,
        retained=0.0 if circuit.swap_efficiency is None or linear_phases(op) else circuit.swap_efficiency,
        steps=float(circuit.output_steps or 0),
    )


def linear_phases(op: OperationContext) -> bool:
    """Whether both phases of a signed query are as one of the net pulses: without a column model they are."""
    loaded = op.effects.column and op.hardware.column_1 is not None
    return op.hardware.signed_query == "two-phase" and not loaded


def factors_of(op: OperationContext, device: torch.device) -> Tensor | None:
    """(terms, ages) factor of every term of both arrays; None where none ages."""
    if not op.effects.decay:
        return None
    if torch.compiler.is_compiling():
        return _factors(op, device)
    # A longer table does no harm, and a decoder does not need a new one for every token.
    ages = 1 << (op.positions.ages - 1).bit_length()
    op = replace(op, positions=replace(op.positions, ages=ages))
    kept = _kept_of(op.hardware)
    key = (op.hardware.cell, op.token_period, cells_deviate(op), ages, device)
    if key not in kept:
        with torch.inference_mode(False):
            kept[key] = _factors(op, device)
    return kept[key]


@torch.no_grad()
def _factors(op: OperationContext, device: torch.device) -> Tensor | None:
    probe = torch.full((1, 1, 1, 1), op.hardware.v_zero, dtype=torch.float64, device=device)
    plain = replace(op, chip=None, gradient="exact")
    factors = [factor for _, factor in cell_terms(probe, 1, plain)]
    if cells_deviate(op) and all(factor is not None for factor in factors):
        # The cells' deviations are a term of their own, which does not age.
        factors.append(None)
    if all(factor is None for factor in factors):
        return None
    same = torch.ones(op.positions.ages, dtype=torch.float64, device=device)
    return torch.stack([same if factor is None else factor for factor in factors]).float()


def are_exponential(op: OperationContext) -> bool:
    """Whether all terms age exponentially or not at all, and not too fast for their factors to be split."""
    hardware = op.hardware
    if not op.effects.decay:
        return False
    if hardware.cell not in hardware.aging:
        order = hardware.transfer.order if hardware.decay_per_token else 0
        fastest = order * (hardware.decay_per_token or 0.0)
        return fastest * op.positions.columns < DEEPEST
    aging = hardware.aging[hardware.cell]
    factors = [term.factor for term in aging.terms if term.factor is not None]
    # A bounded age is clipped, and then it is no exponential.
    if "age" in aging.box or not all(isinstance(factor, Exponential) for factor in factors):
        return False
    period = 1.0 if aging.age_unit == "token" else seconds_per_token(op)
    return max([0.0, *(abs(factor.rate) for factor in factors)]) * period * op.positions.columns < DEEPEST


def _stage(stage: Stage, device: torch.device) -> list[Tensor | None]:
    """ScaledColumn model, converter and deviation as `operands.Array` has them."""
    return [_column(stage.column, device), _spline(stage, device), stage.deviation]


def _column(column: ScaledColumn | None, device: torch.device) -> Tensor | None:
    if column is None:
        return None
    numbers = [column.charge_scale, *column.a_box, *column.u_box]
    numbers += [c for row in column.coefficients for c in row]
    return torch.tensor(numbers, dtype=torch.float32, device=device)


def _spline(stage: Stage, device: torch.device) -> Tensor | None:
    if stage.knots is None or stage.coefficients is None:
        return None
    intervals = len(stage.coefficients)
    table = torch.zeros(1 << (intervals - 1).bit_length(), 6, device=device)
    table[:, :2] = torch.tensor([float("inf"), 1.0], device=device)
    table[:intervals, 0] = stage.knots[:-1]
    table[:intervals, 1] = stage.knots[1:] - stage.knots[:-1]
    table[:intervals, 2:] = stage.coefficients
    return table
