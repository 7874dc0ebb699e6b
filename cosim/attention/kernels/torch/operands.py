"""The terms of both products, and stored elements as these terms.

A term whose factor is an exponential of age, exp(-r (t - s)) = exp(-r (t - o)) exp(r (s - o)) for any origin
o, is separable: the query's pulses carry one factor and the key's elements the other. Any other factor is
looked up by age for every pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ...levels import holds_levels
from ...operation import OperationContext, chip_of, noise_of
from ..aging import common_charge
from ..converter_curve import Curve, curve_of
from ..description import Circuit, Settings, cells_of, describe, settings_of
from ..level_tables import LevelTerms, gradient_by_volts, levels_in_array
from ..pullback import pullback

LARGEST_EXPONENT = 60.0
"""Largest exponent of e between both ends of a separable factor: either half is far from the limits of single
precision."""
MOST_POWERS = 7
"""Powers of a level at most that a decoding step computes."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What an element of every level gives, one row a term, with a last entry for NaN."""

    terms: Tensor
    """Response, (terms, levels + 1); with a column model the loading follows."""
    acting: Tensor
    """Response in gradients of the terms that they know, (acting, levels + 1)."""
    slope: Tensor
    """Derivative of these by the voltage asked for; with a column model that of the loading follows."""
    powers: Tensor | None
    """`terms` by the powers of the level less the middle one, (rows, powers + 1), float64; None where
    `MOST_POWERS` of them are too few."""


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
    levels: tuple[Rows, Rows] | None
    """Response of every level, terms in this order; None: elements are not looked up by level."""
    exact: bool
    """Gradients are those of the terms themselves."""
    like: Tensor
    """Of the dtype and on the device of everything that is computed."""


def has_column(described: Description, array: int) -> bool:
    """Whether array 1 or 2 has a column model."""
    # No method: torch.compile cannot guard one of an object that it takes for a constant.
    circuit = described.circuit
    return (circuit.first if array == 1 else circuit.second).column is not None


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
    op, like = settings.operation(), torch.empty(0, dtype=dtype, device=device)
    found = describe(settings, drop=not settings.deviate, dtype=dtype, device=device)
    aging, exact = found.aging, settings.gradient == "exact"
    kept = [i for i, dropped in enumerate(aging.dropped) if not dropped]
    rates = [None if r is None or r * settings.ages > LARGEST_EXPONENT else r for r in aging.rates]
    order = sorted(range(len(rates)), key=lambda i: rates[i] is None)
    if exact:
        acting = order
    elif found.levels is None:
        acting = [i for i in order if kept[i] == found.linear_index]
    else:
        acting = [i for i in order if any(bool(x.gradient[i].any()) for x in found.levels)]
    # Tensors made in inference mode cannot be saved for a backward pass.
    with torch.inference_mode(False), torch.no_grad():
        return Description(
            circuit=found.circuit,
            curves=(curve_of(found.circuit.first), curve_of(found.circuit.second)),
            order=tuple(order if found.levels else (kept[i] for i in order)),
            rates=tuple(rates[i] for i in order if rates[i] is not None),
            tables=tuple(aging.factors[i].to(like) for i in order if rates[i] is None),
            acting=tuple(order.index(i) for i in acting),
            constants=(common_charge(op, 1, aging.dropped), common_charge(op, 2, aging.dropped)),
            levels=found.levels and tuple(_rows(x, order, acting, like) for x in found.levels),
            exact=exact,
            like=like,
        )


def _rows(levels: LevelTerms, order: list[int], acting: list[int], like: Tensor) -> Rows:
    def ordered(rows: Tensor, indices: list[int], loading: bool = True) -> Tensor:
        rows = torch.cat([rows[indices], rows[len(order) :] if loading else rows[:0]])
        return torch.cat([rows, torch.full_like(rows[:, :1], torch.nan)], 1).to(like)

    powers = _powers(
        torch.cat([levels.table[order], levels.table[len(order) :]]), torch.finfo(like.dtype).eps
    )
    return Rows(
        terms=ordered(levels.table, order),
        acting=ordered(levels.gradient, acting, loading=False),
        slope=ordered(levels.slope, acting),
        powers=None if powers is None else powers.to(like.device),
    )


def _powers(rows: Tensor, eps: float) -> Tensor | None:
    """Coefficients of the fewest powers that give the rows to a small part of what `eps` rounds."""
    levels = rows.shape[1]
    level = torch.arange(levels, dtype=torch.float64) - (levels - 1) / 2
    for degree in range(1, min(levels - 1, MOST_POWERS) + 1):
        basis = level[:, None] ** torch.arange(degree + 1)
        found = torch.linalg.lstsq(basis, rows.T).solution
        if ((basis @ found - rows.T).abs().amax(0) <= 0.1 * eps * rows.abs().amax(1)).all():
            return found.T
    return None


@dataclass(frozen=True)
class Stored:
    """Elements of n arrays: (n, S, ..) as they are packed; by slot, of keys (n, slots, ..), of values
    (runs, n, columns, ..)."""

    wide: Tensor
    """Separable terms side by side, (.., separable R), with the key's part of their factor."""
    tabled: tuple[Tensor, ...]
    """Each other term, (.., R)."""
    load: Tensor | None
    """Bit-line loading, (.., R), dimensionless; None without a column model."""

    def apply(self, function: Callable[[Tensor], Tensor]) -> Stored:
        """The same of all tensors."""
        load = None if self.load is None else function(self.load)
        return Stored(function(self.wide), tuple(function(x) for x in self.tabled), load)


@dataclass(frozen=True)
class Elements:
    """Stored elements as responses to a full-width pulse, as they are packed."""

    terms: Stored
    acting: Stored
    """What gradients take for them."""
    gradient: Callable[[Stored], Tensor]
    """From gradients by `acting` to that by the volts, of their shape (b, h, S, D)."""


Shares = tuple[Tensor | None, Tensor | None]
"""Keys' part of the factor of every separable term, (S, separable, 1), and of those that act in gradients;
None: 1."""


def elements_of(
    x: Tensor, array: int, op: OperationContext, described: Description, shares: Shares, learns: bool
) -> Elements:
    """Elements of array 1 (keys) or 2 (values) for volts or levels (b, h, S, D).

    Args:
        x: volts to store, or levels (uint8) where the description has levels.
        array: 1 or 2.
        op: settings of the operation.
        described: the terms.
        shares: the keys' part of factors.
        learns: `Elements.gradient` is wanted.
    """
    if described.levels is not None:
        return _by_level(x, array, op, described, shares)
    count, separable = len(described.order), len(described.rates)
    places = [i for i in described.acting if i < separable]

    def responses(x: Tensor) -> tuple[Tensor, ...]:
        cells = cells_of(x, array, op)
        own = [cells.terms[i] for i in described.order]
        own += [y for y in (cells.loading, cells.linear) if y is not None]
        return tuple(y.broadcast_to(own[0].shape).flatten(0, 1) for y in own)

    tensors, back = pullback(responses, x, learns=learns)
    load = tensors[count] if has_column(described, array) else None
    terms = acting = _beside(tensors[:count], separable, shares[0], load)
    if not described.exact:
        # The linear cell's charge in the place of its term.
        acting = _beside(len(described.acting) * tensors[-1:], len(places), shares[1], load)

    def gradient(by: Stored) -> Tensor:
        grads = [torch.zeros_like(y) for y in tensors]
        wide = by.wide.unflatten(2, (len(places), -1)) if places else by.wide[:, :, None, :0]
        wide = wide if shares[1] is None else wide * shares[1]
        for i, own in zip(described.acting, (*wide.unbind(2)[: len(places)], *by.tabled), strict=True):
            grads[i] = own
        if by.load is not None:
            grads[count] = by.load
        return back(tuple(grads))[0]

    return Elements(terms, acting, gradient)


def _beside(terms: Sequence[Tensor], separable: int, shares: Tensor | None, load: Tensor | None) -> Stored:
    """Terms (n, S, R), the separable ones first."""
    own = terms[:separable]
    if shares is not None:
        own = [x * share for x, share in zip(own, shares.unbind(1), strict=True)]
    return Stored(torch.cat(own, -1) if own else terms[0][..., :0], tuple(terms[separable:]), load)


def _by_level(
    x: Tensor, array: int, op: OperationContext, described: Description, shares: Shares
) -> Elements:
    rows, loaded, separable = described.levels[array - 1], has_column(described, array), len(described.rates)
    level = levels_in_array(x, array, op)
    shape, level = level.shape, level.flatten(0, 1)
    count = sum(i < separable for i in described.acting)

    def stored(rows: Tensor, separable: int, shares: Tensor | None, load: Tensor | None) -> Stored:
        wide = _look_up(rows[:separable], level)
        wide = wide if shares is None else wide.mul_(shares)
        tabled = tuple(_look_up(row[None], level).flatten(2) for row in rows[separable:])
        return Stored(wide.flatten(2), tabled, load)

    load = _look_up(rows.terms[-1:], level).flatten(2) if loaded else None
    terms = acting = stored(rows.terms[: len(described.order)], separable, shares[0], load)
    if not described.exact:
        acting = stored(rows.acting, count, shares[1], load)

    def gradient(by: Stored) -> Tensor:
        wide = _look_up(rows.slope[:count], level)
        wide = wide if shares[1] is None else wide.mul_(shares[1])
        total = wide.mul_(by.wide.view(wide.shape)).sum(2)
        others = by.tabled if by.load is None else (*by.tabled, by.load)
        for slope, own in zip(rows.slope[count:], others, strict=True):
            total.addcmul_(own, _look_up(slope[None], level).flatten(2))
        return gradient_by_volts(total.view(shape), x, array, op)

    return Elements(terms, acting, gradient)


def _look_up(rows: Tensor, level: Tensor) -> Tensor:
    """Entries of every row (rows, levels + 1) at levels (n, S, R): (n, S, rows, R)."""
    count, entries = rows.shape
    index = level.unsqueeze(2)
    if count != 1:
        index = (
            index + torch.arange(0, count * entries, entries, dtype=level.dtype, device=level.device)[:, None]
        )
    return rows.flatten().index_select(0, index.flatten()).view(index.shape)
