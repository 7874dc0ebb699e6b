"""Reference implementation of attention on two gain-cell arrays, in plain PyTorch with (T, S) tensors.

It is the oracle of every faster implementation.

Source of the equations: N. Leroux et al., Nature Computational Science 5, 813-824 (2025), Methods. For query
t and stored key s, with w the pulse widths of the query, x and y the stored key and value, f the cell curve:

    S_ts   = sum_d w_td f(x_sd, age)                           first array, charge on the bit line of key s
    phi_ts = clip(S_ts / q_sat_1, 0, 1)                        charge-to-pulse converter (or its fitted curve)
    Y_td   = clip(sum_s phi_ts f(y_sd, age) / q_sat_2, -1, 1)  second array, one sum per sub-tile of 64 keys
    out_td = sum over sub-tiles of the counted Y_td            digital

Options (`signed_query.py`): w in [-1, 1], with complementary rows or a second phase for the negative part; a
further column of constants in the second array, and out_td divided by that column's sum over sub-tiles.
Heads larger than the arrays' rows have a digital sum over row tiles in place of the first converter
(`row_tiles.py`).

The quantisers are anchored: n levels are n equally spaced values, both ends included, and the signed counter
has a sign and n / 2 magnitudes. (The published training code counts 33 output levels up to 1.032 and rounds
the decay to bfloat16; this function does neither.) The gradient of a quantiser is straight-through. Every
other step has its exact derivative; the cells can take the linear cell's instead (`surrogate_gradient.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...models.row_tiles import passes_of
from .operation import Extrapolated, OperationContext, column_of
from .quantisers import count
from .ring import DenseMasks, dense_masks
from .row_tiles import integrations, summed
from .signed_query import normalised
from .stages import (
    ages_outside,
    cell_terms,
    converted,
    edge_charge,
    integrated,
    integrated_twice,
    query_widths,
    stored_volts,
)
from .surrogate_gradient import linear_cell, linear_term, product, surrogates


@dataclass(frozen=True)
class SubTile:
    """Signals of one sub-tile of the V array."""

    index: int
    """Number of the sub-tile in the ring."""
    keys: Tensor
    """Packed indices of its keys, shape (n,)."""
    active: Tensor
    """Whether the query has a key in it, shape (B or 1, 1, T, 1), bool; if not, it is not operated."""
    charge: Tensor
    """Charge on the integration nodes, shape (B, H, T, C), in the hardware's charge unit."""
    output: Tensor
    """Counted read-out, shape (B, H, T, C), in [-1, 1]; 0 where not active."""


@dataclass(frozen=True)
class PartialSum:
    """Signals of one integration of one row tile of the K array."""

    charge: Tensor
    """Charge on the integration nodes, shape (B, H, T, S), in the hardware's charge unit; meaningless where
    the query does not see the key."""
    output: Tensor
    """Counted conversion, shape (B, H, T, S), in [-1, 1]; 0 where the query does not see the key."""


@dataclass(frozen=True)
class Trace:
    """Signals of one attention operation, for the ledger and the SPICE check. Keys are in packed order."""

    widths: Tensor
    """Pulse widths on the R rows of the K array, shape (B, H, T, R), fraction of T_max. R is D, or 2 D with
    mirrored queries; negative in the first of two phases."""
    key_volts: Tensor
    """Stored keys at age 0, shape (B, Hkv, S, R), V."""
    value_volts: Tensor
    """Stored values at age 0, shape (B, Hkv, S, C), V; C is D, or D + 1 with a normalising column."""
    ring: DenseMasks
    """Which query sees which key, their ages, and the keys' columns."""
    charge_1: Tensor | None
    """Charge on the first integration nodes, shape (B, H, T, S), in the hardware's charge unit; meaningless
    where the query does not see the key. None with row tiles, which have `partials`."""
    phi: Tensor
    """Pulse widths into the V array, shape (B, H, T, S), fraction of T_max; 0 where the query does not see
    the key."""
    sub_tiles: tuple[SubTile, ...]
    """Signals of every sub-tile that holds keys."""
    outside: dict[str, Extrapolated]
    """Surrogate name -> number of evaluations outside its validity box."""
    head_dim: int
    """Head dimension D."""
    partials: tuple[PartialSum, ...] = ()
    """Signals of each integration of each row tile; empty where one bit line adds all rows."""


def operate(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> tuple[Tensor, Trace]:
    """Attention and its signals.

    Args:
        q: pulse widths of the queries, shape (B, H, T, D), fraction of T_max.
        k: requested key voltages in packed order, shape (B, Hkv, S, D), V.
        v: requested value voltages in packed order, shape (B, Hkv, S, D), V.
        op: settings of the operation.

    Returns:
        Output, shape (B, H, T, D), in q's dtype, and the signals.
    """
    compute = torch.promote_types(q.dtype, torch.float32)
    ring = dense_masks(op.positions)
    if op.outside is not None and op.effects.decay:
        late = int((ages_outside(op).to(q.device)[ring.age] & ring.valid).sum())
        op.outside["age"] = Extrapolated(late, int(ring.valid.sum()))
    widths = query_widths(q.to(compute), op)
    key_volts = stored_volts(k.to(compute), 1, op)
    value_volts = stored_volts(v.to(compute), 2, op)
    charges = _first_product(widths, key_volts, ring, op)
    partials: tuple[PartialSum, ...] = ()
    if op.row_tiles == 1:
        phi = converted(charges[0], 1, ring.valid, op)
    else:
        passes, steps, levels = passes_of(op.hardware), (None, None), op.hardware.levels
        if op.effects.quantise:
            steps = levels.output // 2 - 1, levels.query - 1
        conversions = [converted(x, 1, ring.valid, op, i // passes) for i, x in enumerate(charges)]
        phi = summed(conversions, *steps, passes)
        partials = tuple(_partial_sums(charges, conversions, ring, op))
    phi = torch.where(ring.valid, phi, 0.0)
    sub_tiles = tuple(_second_product(phi, value_volts, ring, op))
    zero = q.new_zeros(*q.shape[:3], value_volts.shape[3], dtype=compute)
    out = normalised(sum((tile.output for tile in sub_tiles), zero), op.hardware)
    charge_1 = None if partials else charges[0]
    signals = (widths, key_volts, value_volts, ring, charge_1, phi, sub_tiles)
    return out.to(q.dtype), Trace(*signals, op.outside or {}, q.shape[3], partials)


def _first_product(pulses: Tensor, volts: Tensor, ring: DenseMasks, op: OperationContext) -> list[Tensor]:
    """Charge on the first integration nodes, (B, H, T, S), of pulses (B, H, T, R) and keys (B, Hkv, S, R).

    One charge, or with row tiles that of every integration.
    """
    heads, column = pulses.shape[1], column_of(1, op)
    cells = _cells(volts, 1, heads, ring, op)
    loading = None if column is None else per_query_head(column.loading(volts), heads).mT
    charges, loads = [], []
    for phase in integrations(pulses, op):
        charge = edge_charge(phase, op)
        for responses, factor in cells:
            term = product(phase, *(response.mT for response in responses))
            charge = charge + (term if factor is None else term * factor)
        charges.append(charge)
        loads.append(None if loading is None else phase @ loading)
    if len(charges) == 2 and op.row_tiles == 1:
        return [integrated_twice(tuple(charges), tuple(loads), ring.valid, op)]
    return [integrated(*own, 1, ring.valid, op) for own in zip(charges, loads, strict=True)]


def _partial_sums(
    charges: list[Tensor], conversions: list[Tensor], ring: DenseMasks, op: OperationContext
) -> Iterator[PartialSum]:
    """Signals of every integration of every row tile."""
    for charge, width in zip(charges, conversions, strict=True):
        if op.effects.quantise:
            width = count(width, op.hardware.levels.output)
        yield PartialSum(charge, torch.where(ring.valid, width, 0.0))


def _second_product(
    pulses: Tensor, volts: Tensor, ring: DenseMasks, op: OperationContext
) -> Iterator[SubTile]:
    """Signals of each sub-tile, from pulses (B, H, T, S) and stored values (B, Hkv, S, C)."""
    heads, column = pulses.shape[1], column_of(2, op)
    aged = [
        (pulses if factor is None else pulses * factor, responses)
        for responses, factor in _cells(volts, 2, heads, ring, op)
    ]
    loading = None if column is None else per_query_head(column.loading(volts), heads)
    for index, keys in ring.sub_tiles:
        charge = edge_charge(pulses[..., keys], op)
        charge = charge + sum(
            product(pulse[..., keys], *(response[:, :, keys] for response in responses))
            for pulse, responses in aged
        )
        load = None if loading is None else pulses[..., keys] @ loading[:, :, keys]
        # A sub-tile without keys for this query is not operated, so its converters' offset must not be added.
        active = ring.valid[..., keys].any(-1, keepdim=True)
        charge = integrated(charge, load, 2, active, op)
        width = converted(charge, 2, active, op, index)
        if op.effects.quantise:
            width = count(width, op.hardware.levels.output)
        yield SubTile(index, keys, active, charge, torch.where(active, width, 0.0))


def _cells(
    volts: Tensor, array: int, heads: int, ring: DenseMasks, op: OperationContext
) -> list[tuple[tuple[Tensor, ...], Tensor | None]]:
    """Terms of the cells' charge: the last arguments of `product`, each (B, H, S, R), and a factor, shape
    (B or 1, 1, T, S); None: 1."""
    terms = cell_terms(volts, array, op)
    responses = [(response,) for response, _ in terms]
    if op.gradient == "fixed-slope":
        linear_index = linear_term(op.hardware, op.effects.decay, len(terms))
        linear = surrogates(linear_cell(op.hardware)(volts), linear_index, len(terms))
        responses = [(response, slope) for (response,), slope in zip(responses, linear, strict=True)]
    return [
        (tuple(per_query_head(x, heads) for x in term), None if factor is None else factor[ring.age])
        for term, (_, factor) in zip(responses, terms, strict=True)
    ]


def per_query_head(x: Tensor, heads: int) -> Tensor:
    """Stored elements repeated for every query head of a group, which read the same array.

    Args:
        x: stored elements, shape (B, Hkv, S, D).
        heads: number H of query heads.

    Returns:
        Shape (B, H, S, D).
    """
    return x if x.shape[1] == heads else x.repeat_interleave(heads // x.shape[1], dim=1)
