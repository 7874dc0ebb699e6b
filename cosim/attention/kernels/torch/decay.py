"""How the charge of a cell falls with age, split between the query and the key.

A term that decays exponentially is separable: exp(-r (t - s)) = exp(-r (t - o)) exp(r (s - o)) for any origin
o, so the query's pulses carry one factor and the key's cells the other. Any other term needs its factor for
every pair, which is the same along a diagonal: one table by age for all pairs of queries and runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .....models import Exponential
from ...stages import OperationContext, aged_terms, cells_deviate, seconds_per_token

WIDEST = 60.0
"""Largest exponent of e between both ends of a separable factor: either half is far from the limits of single
precision."""


@dataclass(frozen=True)
class Fading:
    """Factors of every term of `cells_of`, in its order: separable ones, and by table."""

    separable: tuple[int, ...]
    """Terms whose factor splits, the constant one left out."""
    tabled: tuple[int, ...]
    """Terms whose factor is looked up for each pair."""
    constant: int | None
    """The term, of factor 1, that is the same for every stored voltage."""
    rows: Tensor | None
    """(B or 1, T, separable) share of each query; None: all are 1."""
    keys: tuple[Tensor | None, ...]
    """(S, 1) share of each key, by separable term; None for 1."""
    tables: tuple[Tensor, ...]
    """(positions between query and a run's first key, columns) factor, by tabled term."""
    origin: float = 0.0
    """Position at which all shares are 1."""

    @property
    def terms(self) -> int:
        """How many there are."""
        return len(self.separable) + len(self.tabled) + (self.constant is not None)

    def of_line(self, linear_index: int) -> tuple[Fading, int]:
        """Decay of a single term with the factor of term `linear_index`, and which separable one that is."""
        if linear_index in self.tabled:
            return Fading((), (0,), None, None, (), (self.tables[self.tabled.index(linear_index)],)), 0
        if linear_index not in self.separable:
            return Fading((0,), (), None, None, (None,), ()), 0
        i = self.separable.index(linear_index)
        rows = None if self.rows is None else self.rows[..., i : i + 1]
        return Fading((0,), (), None, rows, (self.keys[i],), ()), i


def fading_of(op: OperationContext, like: Tensor) -> Fading:
    """The factors, with the dtype and device of `like`."""
    positions = op.positions
    rates, constant = _rates(op)
    span = int(positions.ages)
    split = [rate is not None and rate * span <= WIDEST and i != constant for i, rate in enumerate(rates)]
    separable = tuple(i for i, is_split in enumerate(split) if is_split)
    tabled = tuple(i for i, is_split in enumerate(split) if not is_split and i != constant)
    # Exponents in double precision: rounded, they would be off by as much as they are large.
    middle = positions.key_start + span / 2
    query_position = positions.query_position.double() - middle
    key_position = positions.key_position.double()[:, None] - middle
    rows = [torch.exp(-rates[i] * query_position).to(like.dtype) for i in separable]
    keys = [torch.exp(rates[i] * key_position).to(like.dtype) if rates[i] else None for i in separable]
    aging = any(rates[i] for i in separable)
    return Fading(
        separable,
        tabled,
        constant,
        torch.stack(rows, dim=-1) if aging else None,
        tuple(keys),
        _tables(tabled, op, like),
        middle,
    )


def _rates(op: OperationContext) -> tuple[list[float | None], int | None]:
    """Rate, per token, of each term (None: not exponential), and which term is constant."""
    hardware, deviates = op.hardware, cells_deviate(op)
    if not op.effects.decay:
        return [0.0], None
    if hardware.cell in hardware.aging:
        aging = hardware.aging[hardware.cell]
        period = 1.0 if aging.age_unit == "token" else seconds_per_token(op)
        factors = [term.factor for term in aging.terms]
        if deviates and all(factor is not None for factor in factors):
            factors.append(None)
        # A bounded age is clipped, and then it is no exponential.
        bounded = "age" in aging.box
        return [_rate(factor, period, bounded) for factor in factors], None
    if hardware.decay_per_token is None:
        return [0.0], None
    count = hardware.transfer.order + 1
    return [i * hardware.decay_per_token for i in range(count)], None if deviates else 0


def _rate(factor: object, period: float, bounded: bool) -> float | None:
    if factor is None:
        return 0.0
    return factor.rate * period if isinstance(factor, Exponential) and not bounded else None


def _tables(tabled: tuple[int, ...], op: OperationContext, like: Tensor) -> tuple[Tensor, ...]:
    if not tabled:
        return ()
    positions, device = op.positions, like.device
    reach = (
        positions.ages
        if positions.window is None
        else min(positions.ages, positions.window + positions.columns)
    )
    age = torch.arange(positions.ages, dtype=like.dtype, device=device)
    factors = [factor for _, factor in aged_terms(like.new_zeros(1), age, op)]
    between = torch.arange(reach, device=device)[:, None] - torch.arange(positions.columns, device=device)
    return tuple(factors[i][between.clamp(min=0)] for i in tabled)
