"""Operands of both products, laid out so that one matrix product sums all separable terms at once.

Beside each other along the rows of the array stand the terms: of the cells, each scaled with the key's share
of its decay, and of the pulses, repeated, each scaled with the query's share. What does not depend on the
stored voltage is a row more: the sum of the pulses against the constant term, and the charge of their edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...signed_query import phases_of
from ...stages import OperationContext, column_of, query_widths
from ..description import cells_of
from .decay import Fading


@dataclass(frozen=True)
class Pulses:
    """Query pulses of one phase, n arrays of T G rows (the G query heads of an array take turns)."""

    wide: Tensor
    """(n, T G, K), against `Stored.wide` of the keys."""
    plain: Tensor
    """(n, T G, R) pulse widths, against tabled terms and loading."""


@dataclass(frozen=True)
class Stored:
    """Stored elements of n arrays, S keys of R elements each."""

    wide: Tensor
    """(n, S, K) all separable terms, each R wide, and the rows that do not depend on the voltage."""
    tabled: tuple[Tensor, ...]
    """(n, S, R) terms whose factor is looked up for each pair."""
    load: Tensor | None
    """(n, S, R) loading of the bit line; None without a column model."""

    @classmethod
    def of(cls, tensors: tuple[Tensor, ...], tabled: int) -> Stored:
        """From what `tensors` gives."""
        wide, *rest = tensors
        return cls(wide, tuple(rest[:tabled]), rest[tabled] if len(rest) > tabled else None)

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, `wide` first and the loading, if any, last."""
        return (self.wide, *self.tabled, *(() if self.load is None else (self.load,)))


def edges_of(op: OperationContext) -> float | None:
    """Charge of a pulse's edges, in full scales of the first converter; None where there is none."""
    if not op.effects.edge or op.hardware.edge is None:
        return None
    return op.hardware.edge / op.hardware.q_sat_1


def pulses_of(q: Tensor, op: OperationContext, fading: Fading, rows: Tensor | None) -> tuple[Pulses, ...]:
    """Pulses of each phase from queries (b, h G, T, D) of b h = n arrays; differentiable in q.

    rows: (n or 1, T G, separable) the queries' share of the decay. Two phases are one of signed pulses where
    no bit line tells them apart.
    """
    widths = query_widths(q, op)
    parts = phases_of(widths, op.hardware)
    if len(parts) == 2 and column_of(1, op) is None:
        parts = (parts[1] - parts[0],)
    folded = [folded_queries(part, op.kv_heads) for part in parts]
    return tuple(Pulses(_wide_pulses(part, op, fading, rows), part) for part in folded)


def _wide_pulses(plain: Tensor, op: OperationContext, fading: Fading, rows: Tensor | None) -> Tensor:
    parts = [plain if rows is None else plain * rows[:, :, i : i + 1] for i in range(len(fading.separable))]
    if fading.constant is not None:
        parts.append(plain.sum(-1, keepdim=True))
    edge = edges_of(op)
    if edge is not None:
        parts.append(edge * plain.detach().sign().sum(-1, keepdim=True))
    return _beside(parts, plain)


def _beside(parts: list[Tensor], like: Tensor) -> Tensor:
    """The parts (n, rows, *) along their last dimension; of no width where there is none."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat(parts, dim=-1) if parts else like[..., :0]


def folded_queries(x: Tensor, kv_heads: int) -> Tensor:
    """(b, kv_heads G, T, D) -> (b kv_heads, T G, D)."""
    batch, heads, queries, depth = x.shape
    if heads == kv_heads:
        return x.reshape(batch * heads, queries, depth)
    grouped = x.reshape(batch, kv_heads, heads // kv_heads, queries, depth).transpose(2, 3)
    return grouped.reshape(batch * kv_heads, -1, depth)


def unfolded_queries(x: Tensor, batch: int, kv_heads: int, queries: int) -> Tensor:
    """(b kv_heads, T G, D) -> (b, kv_heads G, T, D)."""
    if x.shape[1] == queries:
        return x.unflatten(0, (batch, kv_heads))
    grouped = x.reshape(batch, kv_heads, queries, -1, x.shape[-1]).transpose(2, 3)
    return grouped.reshape(batch, -1, queries, x.shape[-1])


def stored_of(x: Tensor, array: int, op: OperationContext, fading: Fading, scale: float = 1.0) -> Stored:
    """Operands of array 1 (keys) or 2 (values) for the volts x (b, h, S, D) to store; differentiable in x.

    scale: all charges are multiplied with it.
    """
    cells = cells_of(x, array, op)
    return laid_out(cells.terms, cells.loading, array, op, fading, scale)


def line_and_stored_of(
    x: Tensor, array: int, op: OperationContext, line: Fading, fading: Fading, scale: float
) -> tuple[Stored, Stored]:
    """What the gradient takes for the stored elements, the linear cell's charge that ages like `line`, and
    `stored_of`; differentiable in x."""
    cells = cells_of(x, array, op)
    stored = laid_out(cells.terms, cells.loading, array, op, fading, scale)
    if cells.linear is None:
        return stored, stored
    return laid_out((cells.linear,), cells.loading, array, op, line, scale), stored


def laid_out(
    terms: tuple[Tensor, ...],
    loading: Tensor | None,
    array: int,
    op: OperationContext,
    fading: Fading,
    scale: float,
) -> Stored:
    """Operands from the terms and the loading (b, h, S, R) of `Cells`."""
    terms = [term.flatten(0, 1) for term in terms]
    parts = []
    for i, share in zip(fading.separable, fading.keys, strict=True):
        share = scale if share is None else share * scale
        parts.append(terms[i] if isinstance(share, float) and share == 1.0 else terms[i] * share)
    if fading.constant is not None:
        parts.append(terms[fading.constant][..., :1] * scale)
    if array == 1 and edges_of(op) is not None:
        parts.append(torch.ones_like(terms[0][..., :1]))
    tabled = tuple(terms[i] * scale for i in fading.tabled)
    return Stored(_beside(parts, terms[0]), tabled, None if loading is None else loading.flatten(0, 1))
