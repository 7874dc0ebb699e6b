"""How the terms of the cells' charge depend on age, as the operators of the back ends take it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..operation import full_scale_of
from ..stages import OperationContext, cell_terms
from ..surrogate_gradient import linear_term

TILE = 64
"""Keys of a run at most; the same as in the sources."""
NONE, EXPONENTIAL, TABLE = range(3)
"""How a term depends on age; the same as in the sources."""
STEEP = 8.0


@dataclass(frozen=True)
class Aging:
    """The terms' factors by age."""

    kinds: Tensor
    """(terms,) int32."""
    factors: Tensor
    """(terms, ages), float64."""
    lead: Tensor
    """(terms, TILE), float32: what a key's exponential term has lost less than that of a run's first key."""
    dropped: list[bool]
    """Which of the cells' terms are left out, since they are the same for every cell and do not age."""
    rates: list[float | None]
    """Rate of every exponential, per token, 0 without decay; None: the factor is a table alone."""


def aging_of(op: OperationContext, drop: bool, deviate: bool = False) -> Aging:
    """How the terms of `op`'s hardware age.

    Args:
        op: settings of the operation.
        drop: leave out terms that are the same for every cell and do not age.
        deviate: cells have deviations, which do not age.
    """
    hardware = op.hardware
    probe = torch.linspace(hardware.v_min, hardware.v_max, 5, dtype=torch.float64).reshape(1, 1, -1, 1)
    terms = cell_terms(probe, 1, op)
    if deviate and all(factor is not None for _, factor in terms):
        # As `with_deviation` does.
        terms = [*terms, (torch.zeros_like(probe), None)]
    # The term that stands for the linear cell has a gradient, even where it is the same for every cell.
    line = linear_term(hardware, op.effects.decay, len(terms)) if op.gradient == "fixed-slope" else None
    dropped = [
        drop and factor is None and i != line and bool((response == response.flatten()[0]).all())
        for i, (response, factor) in enumerate(terms)
    ]
    if all(dropped):
        dropped[0] = False
    kinds, factors, leads, kept = [], [], [], []
    ages, lead = op.positions.ages, torch.arange(TILE, dtype=torch.float64)
    for (_, factor), left_out in zip(terms, dropped, strict=True):
        if left_out:
            continue
        rate = _rate(factor)
        kinds.append(NONE if factor is None else TABLE if rate is None else EXPONENTIAL)
        factors.append(torch.ones(ages, dtype=torch.float64) if factor is None else factor)
        leads.append(torch.ones(TILE) if rate is None else torch.exp(rate * lead).float())
        kept.append(0.0 if factor is None else rate)
    numbers = torch.tensor(kinds, dtype=torch.int32), torch.stack(factors), torch.stack(leads)
    return Aging(*numbers, dropped, kept)


def common_charge(op: OperationContext, array: int, dropped: list[bool]) -> float:
    """Charge of the dropped terms for a full-width pulse, in full scales of the array's converter."""
    probe = torch.full((1, 1, 1, 1), op.hardware.v_zero, dtype=torch.float64)
    terms = cell_terms(probe, array, op)
    charge = sum(float(response) for (response, _), out in zip(terms, dropped, strict=False) if out)
    return charge / full_scale_of(array, op)


def _rate(factor: Tensor | None) -> float | None:
    """Rate per token of a factor that is an exponential at all ages, and slow enough for both its parts, the
    query's and the key's, to be numbers of ordinary size over a run; None for any other.

    It is found from the numbers, so that no effect on a factor has to be known here.
    """
    if factor is None or len(factor) == 1 or factor[0] != 1:
        return None
    age = torch.arange(len(factor), dtype=torch.float64)
    # From the last age that leaves enough of it for all digits.
    last = int((factor > 1e-3).nonzero().max())
    rate = -float(torch.log(factor[last])) / max(last, 1)
    exact = bool(((factor - torch.exp(-rate * age)).abs() <= 1e-12).all())
    return rate if exact and rate > 0 and rate * TILE < STEEP else None
