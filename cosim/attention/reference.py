"""Attention as two gain-cell arrays compute it, in plain PyTorch with (T, S) tensors: the oracle of every
faster implementation.

Source of the equations: N. Leroux et al., Nature Computational Science 5, 813-824 (2025), Methods. For query
t and stored key s, with w the pulse widths of the query, x and y the stored key and value, f the cell curve:

    S_ts   = sum_d w_td f(x_sd, age)                           first array, charge on the bit line of key s
    phi_ts = clip(S_ts / q_sat_1, 0, 1)                        charge-to-pulse converter (or its fitted curve)
    Y_td   = clip(sum_s phi_ts f(y_sd, age) / q_sat_2, -1, 1)  second array, one sum per sub-tile of 64 keys
    out_td = sum over sub-tiles of the counted Y_td            digital

Options (`options.py`): w in [-1, 1], where complementary rows or a second phase carry the negative part; a
further column of constants in the second array, by whose sum over sub-tiles out_td is divided.

The quantisers are anchored: n levels are n equally spaced values, both ends included, and the signed counter
has a sign and n / 2 magnitudes. (The published training code counts 33 output levels up to 1.032 and rounds
the decay to bfloat16; this function does neither.) Rounding is straight-through for gradients, everything
else has its derivative, or the cells that of the linear cell (`slope.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .ring import DenseMasks, dense_masks
from .signed_query import normalised, phases_of
from .stages import (
    OperationContext,
    ages_outside,
    cell_terms,
    column_of,
    converted,
    count,
    edge_charge,
    integrated,
    integrated_twice,
    query_widths,
    stored_volts,
)
from .surrogate_gradient import linear_cell, linear_term, product, surrogates


@dataclass(frozen=True)
class SubTile:
    """The second product of one sub-tile."""

    index: int
    """Which sub-tile of the ring."""
    keys: Tensor
    """(n,) packed indices of its keys."""
    active: Tensor
    """(B or 1, 1, T, 1) bool: the query has at least one key in it; otherwise it is not operated."""
    charge: Tensor
    """(B, H, T, C) on the integration nodes, in the hardware's charge unit."""
    output: Tensor
    """(B, H, T, C) counted read-out in [-1, 1], zero where not active."""


@dataclass(frozen=True)
class Trace:
    """Every signal on the way, for the ledger and for the comparison with SPICE. Keys are in packed order."""

    widths: Tensor
    """(B, H, T, R) pulse width / T_max on the R rows of the K array: D, or 2 D where it is mirrored; negative
    in the first of two phases."""
    key_volts: Tensor
    """(B, Hkv, S, R) stored key, V, at age 0."""
    value_volts: Tensor
    """(B, Hkv, S, C) stored value, V, at age 0; C is D, or D + 1 with a normalising column."""
    ring: DenseMasks
    """Which query sees which key, their ages, and the columns that hold them."""
    charge_1: Tensor
    """(B, H, T, S) on the first integration nodes, in the hardware's charge unit; unused where not valid."""
    phi: Tensor
    """(B, H, T, S) pulse width into the second array / T_max, zero where not valid."""
    sub_tiles: tuple[SubTile, ...]
    outside: dict[str, int]
    """Surrogate name -> evaluations outside its validity box."""
    head_dim: int
    """D."""


def operate(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> tuple[Tensor, Trace]:
    """Output (B, H, T, D) and every signal on the way; k and v are packed."""
    compute = torch.promote_types(q.dtype, torch.float32)
    ring = dense_masks(op.positions)
    if op.outside is not None and op.effects.decay:
        op.outside["age"] = int((ages_outside(op).to(q.device)[ring.age] & ring.valid).sum())
    widths = query_widths(q.to(compute), op)
    key_volts = stored_volts(k.to(compute), 1, op)
    value_volts = stored_volts(v.to(compute), 2, op)
    charge_1 = _first_product(widths, key_volts, ring, op)
    phi = torch.where(ring.valid, converted(charge_1, 1, ring.valid, op), 0.0)
    sub_tiles = tuple(_second_product(phi, value_volts, ring, op))
    zero = q.new_zeros(*q.shape[:3], value_volts.shape[3], dtype=compute)
    out = normalised(sum((tile.output for tile in sub_tiles), zero), op.hardware)
    signals = (widths, key_volts, value_volts, ring, charge_1, phi, sub_tiles)
    return out.to(q.dtype), Trace(*signals, op.outside or {}, q.shape[3])


def _first_product(pulses: Tensor, volts: Tensor, ring: DenseMasks, op: OperationContext) -> Tensor:
    """Charge on the bit line of every key: pulses (B, H, T, R) through the K array -> (B, H, T, S)."""
    heads, column = pulses.shape[1], column_of(1, op)
    cells = _cells(volts, 1, heads, ring, op)
    loading = None if column is None else per_query_head(column.loading(volts), heads).mT
    charges, loads = [], []
    for part in phases_of(pulses, op.hardware):
        charge = edge_charge(part, op)
        for stored, factor in cells:
            own = product(part, *(response.mT for response in stored))
            charge = charge + (own if factor is None else own * factor)
        charges.append(charge)
        loads.append(None if loading is None else part @ loading)
    if len(charges) == 2:
        return integrated_twice(tuple(charges), tuple(loads), ring.valid, op)
    return integrated(charges[0], loads[0], 1, ring.valid, op)


def _second_product(
    pulses: Tensor, volts: Tensor, ring: DenseMasks, op: OperationContext
) -> Iterator[SubTile]:
    """Pulses (B, H, T, S) through the V array, one read-out (B, H, T, D) per sub-tile."""
    heads, column = pulses.shape[1], column_of(2, op)
    aged = [
        (pulses if factor is None else pulses * factor, stored)
        for stored, factor in _cells(volts, 2, heads, ring, op)
    ]
    loading = None if column is None else per_query_head(column.loading(volts), heads)
    for index, keys in ring.sub_tiles:
        charge = edge_charge(pulses[..., keys], op)
        charge = charge + sum(
            product(pulse[..., keys], *(response[:, :, keys] for response in stored))
            for pulse, stored in aged
        )
        load = None if loading is None else pulses[..., keys] @ loading[:, :, keys]
        # A sub-tile without keys for this query is not operated: it must not add its converters' offset.
        active = ring.valid[..., keys].any(-1, keepdim=True)
        charge = integrated(charge, load, 2, active, op)
        width = converted(charge, 2, active, op, index)
        if op.effects.quantise:
            width = count(width, op.hardware.levels.output)
        yield SubTile(index, keys, active, charge, torch.where(active, width, 0.0))


def _cells(
    volts: Tensor, array: int, heads: int, ring: DenseMasks, op: OperationContext
) -> list[tuple[tuple[Tensor, ...], Tensor | None]]:
    """Every term of the cells' charge: response (B, H, S, R), where the gradient has a surrogate that too, as
    `slope.product` takes them; factor (B or 1, 1, T, S)."""
    terms = cell_terms(volts, array, op)
    stored = [(response,) for response, _ in terms]
    if op.gradient == "fixed-slope":
        linear_index = linear_term(op.hardware, op.effects.decay, len(terms))
        lines = surrogates(linear_cell(op.hardware)(volts), linear_index, len(terms))
        stored = [(*own, line) for own, line in zip(stored, lines, strict=True)]
    return [
        (tuple(per_query_head(x, heads) for x in own), None if factor is None else factor[ring.age])
        for own, (_, factor) in zip(stored, terms, strict=True)
    ]


def per_query_head(x: Tensor, heads: int) -> Tensor:
    """(B, Hkv, S, D) -> (B, H, S, D): query heads of a group read the same array."""
    return x if x.shape[1] == heads else x.repeat_interleave(heads // x.shape[1], dim=1)
