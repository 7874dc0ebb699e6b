"""The terms of both products, and stored elements as these terms.

A term whose factor is an exponential of age, exp(-r (t - s)) = exp(-r (t - o)) exp(r (s - o)) for any origin
o, is separable: the query's pulses carry one factor and the key's elements the other. Any other factor is
looked up by age for every pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from ...levels import holds_levels
from ...operation import OperationContext, chip_of, noise_of
from ..aging import common_charge
from ..description import Circuit, Settings, cells_of, describe, settings_of
from ..level_tables import LevelTerms, gradient_by_volts, levels_in_array
from ..pullback import pullback
from .stages import Curve, curve_of

LARGEST_EXPONENT = 60.0
"""Largest exponent of e between both ends of a separable factor: either half is far from the limits of single
precision."""


@dataclass(frozen=True, eq=False)
class Description:
    """What is the same for all calls with one circuit: its stages, and the terms of both arrays."""

    circuit: Circuit
    """Without a chip's deviations."""
    curves: tuple[Curve | None, Curve | None]
    """Of both converters."""
    order: tuple[int, ...]
    """Index of each term in the cells' own terms: separable terms first, then those with a table."""
    rates: tuple[float, ...]
    """Decay rate of each separable term, per token."""
    tables: tuple[Tensor, ...]
    """Factor of each other term by age, shape (ages,)."""
    acting: tuple[int, ...]
    """Terms that gradients know, as indices in this order."""
    constants: tuple[float, float]
    """Charge that every element of array 1 and 2 gives besides, at any age, in full scales."""
    levels: tuple[LevelTerms, LevelTerms] | None
    """Response of every level, terms in this order; None: elements are not looked up by level."""
    exact: bool
    """Gradients are those of the terms themselves."""
    like: Tensor
    """Of the dtype and on the device of everything that is computed."""


def factors_of(described: Description, age: Tensor) -> Tensor:
    """Factor of every term at whole ages (n,), in tokens: shape (n, terms), float64."""
    exponentials = torch.exp(-age[:, None] * age.new_tensor(described.rates, dtype=torch.float64))
    return torch.cat([exponentials, *(table[age, None].double() for table in described.tables)], 1)


def description_of(op: OperationContext, like: Tensor) -> Description:
    """The description of `op`'s circuit, with the dtype and device of `like`."""
    by_level = holds_levels(op.hardware, op.effects) and chip_of(op) is None and noise_of(op) is None
    function = _traced if torch.compiler.is_compiling() else _description
    return function(*settings_of(op, by_level), like.dtype, like.device)


@torch.compiler.assume_constant_result
def _traced(*settings: object) -> Description:
    return _description(*settings)


@lru_cache(maxsize=64)
def _description(*settings: object) -> Description:
    *own, dtype, device = settings
    settings = Settings(*own)
    op, found = (
        settings.operation(),
        describe(settings, drop=not settings.deviate, dtype=dtype, device=device),
    )
    aging, exact = found.aging, settings.gradient == "exact"
    kept = [i for i, dropped in enumerate(aging.dropped) if not dropped]
    if found.levels is None:
        acts = [exact or i == found.linear_index for i in kept]
    else:
        acts = [any(bool(x.gradient[i].any()) for x in found.levels) for i in range(len(aging.rates))]
    rates = [None if r is None or r * settings.ages > LARGEST_EXPONENT else r for r in aging.rates]
    order = sorted(range(len(rates)), key=lambda i: rates[i] is None)
    # Tensors made in inference mode cannot be saved for a backward pass.
    with torch.inference_mode(False), torch.no_grad():
        levels = found.levels and tuple(_looked_up(x, order, dtype, device) for x in found.levels)
        return Description(
            circuit=found.circuit,
            curves=(curve_of(found.circuit.first), curve_of(found.circuit.second)),
            order=tuple(order if levels else (kept[i] for i in order)),
            rates=tuple(rates[i] for i in order if rates[i] is not None),
            tables=tuple(aging.factors[i].to(device, dtype) for i in order if rates[i] is None),
            acting=tuple(place for place, i in enumerate(order) if acts[i]),
            constants=(common_charge(op, 1, aging.dropped), common_charge(op, 2, aging.dropped)),
            levels=levels,
            exact=exact,
            like=torch.empty(0, dtype=dtype, device=device),
        )


def _looked_up(terms: LevelTerms, order: list[int], dtype: torch.dtype, device: torch.device) -> LevelTerms:
    """The terms in `order`, each with a last entry for NaN."""

    def ordered(rows: Tensor) -> Tensor:
        rows = torch.cat([rows[order], rows[len(order) :]])
        return torch.cat([rows, torch.full_like(rows[:, :1], torch.nan)], 1).to(device, dtype)

    return replace(
        terms, table=ordered(terms.table), slope=ordered(terms.slope), gradient=ordered(terms.gradient)
    )


@dataclass(frozen=True)
class Elements:
    """Stored elements of n arrays as responses to a full-width pulse, S keys of R elements each."""

    terms: list[Tensor]
    """Each (n, S, R), in the description's order; separable ones with the key's part of their factor."""
    acting: list[Tensor]
    """What gradients take for the terms that they know."""
    load: Tensor | None
    """Bit-line loading (n, S, R), dimensionless; None without a column model."""
    gradient: Callable[[list[Tensor], Tensor | None], Tensor]
    """From gradients by `acting` and by `load` to that by the volts, of their shape (b, h, S, D)."""


def elements_of(
    x: Tensor,
    array: int,
    op: OperationContext,
    described: Description,
    shares: Tensor | None,
    learns: bool,
) -> Elements:
    """Elements of array 1 (keys) or 2 (values) for volts or levels (b, h, S, D).

    Args:
        x: volts to store, or levels (uint8) where the description has levels.
        array: 1 or 2.
        op: settings of the operation.
        described: the terms.
        shares: the keys' part of every separable term's factor, shape (S, separable); None: 1.
        learns: `Elements.gradient` is wanted.
    """
    if described.levels is not None:
        return _by_level(x, array, op, described, shares)
    numbers = len(described.order)

    def responses(x: Tensor) -> tuple[Tensor, ...]:
        cells = cells_of(x, array, op)
        own = [cells.terms[i] for i in described.order]
        line = [] if cells.linear is None else [cells.linear]
        load = [] if cells.loading is None else [cells.loading]
        return tuple(y.broadcast_to(own[0].shape).flatten(0, 1) for y in (*own, *load, *line))

    tensors, back = pullback(responses, x, learns=learns)
    terms = [_aged(y, shares, i) for i, y in enumerate(tensors[:numbers])]
    rest = list(tensors[numbers:])
    stage = described.circuit.first if array == 1 else described.circuit.second
    load = None if stage.column is None else rest.pop(0)
    acting = [terms[i] if described.exact else _aged(rest[0], shares, i) for i in described.acting]

    def gradient(by_acting: list[Tensor], by_load: Tensor | None) -> Tensor:
        grads = [torch.zeros_like(y) for y in tensors]
        for i, own in zip(described.acting, by_acting, strict=True):
            grads[i] = _aged(own, shares, i)
        if by_load is not None:
            grads[numbers] = by_load
        return back(tuple(grads))[0]

    return Elements(terms, acting, load, gradient)


def _aged(response: Tensor, shares: Tensor | None, i: int) -> Tensor:
    """Response (n, S, R) with the keys' part of term i's factor."""
    return response if shares is None or i >= shares.shape[1] else response * shares[:, i : i + 1]


def _by_level(
    x: Tensor, array: int, op: OperationContext, described: Description, shares: Tensor | None
) -> Elements:
    own, numbers = described.levels[array - 1], len(described.order)
    levels = levels_in_array(x, array, op)

    def look_up(row: Tensor) -> Tensor:
        return row.index_select(0, levels.flatten()).view(levels.shape).flatten(0, 1)

    terms = [_aged(look_up(own.table[i]), shares, i) for i in range(numbers)]
    acting = [
        terms[i] if described.exact else _aged(look_up(own.gradient[i]), shares, i) for i in described.acting
    ]
    load = look_up(own.table[numbers]) if len(own.table) > numbers else None

    def gradient(by_acting: list[Tensor], by_load: Tensor | None) -> Tensor:
        total = None
        for i, y in zip(described.acting, by_acting, strict=True):
            part = _aged(y, shares, i) * look_up(own.slope[i])
            total = part if total is None else total.add_(part)
        if by_load is not None:
            part = by_load * look_up(own.slope[numbers])
            total = part if total is None else total.add_(part)
        return gradient_by_volts(total.view(levels.shape), x, array, op)

    return Elements(terms, acting, load, gradient)
