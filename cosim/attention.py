"""Attention as two gain-cell arrays compute it, in plain PyTorch: the reference for every faster
implementation.

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
else has its derivative.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from ..circuits.errors import HardwareError
from ..models import Chip, Hardware
from .effects import STANDARD, Effects
from .options import normalised, phases_of
from .ring import Ring, require_settings, ring_layout
from .signals import (
    Conditions,
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
    ring: Ring
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


def gain_cell_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    hardware: Hardware,
    *,
    window: int | None = None,
    effects: Effects = STANDARD,
    token_period: float | None = None,
    key_start: int = 0,
    attention_mask: Tensor | None = None,
    chip: Chip | None = None,
    layer: int = 0,
) -> Tensor:
    """Attention through the hardware's two arrays. Returns (B, H, T, D), each sub-tile in units of its full
    scale; with a normalising column, in units of what that column would give for the same pulses.

    q: (B, H, T, D) pulse width / T_max, negative where the hardware signs queries; k, v: (B, Hkv, S, D) volts
    to store, Hkv divides H. Values beyond what the converters can express are clipped. The queries are the
    last T of the S positions, and key 0 has position `key_start`, so a decode step with a cache (T = 1) gives
    the row that prefill gives.

    window: columns of the ring, None for the hardware's, or else one that is never overwritten. token_period:
    seconds between tokens, for hardware whose aging is in seconds (None: one layer's latency).
    attention_mask: (B, S) bool, True = stored. chip: one chip's deviations (`hardware.chip(seed)`), None for
    nominal circuits; layer: which of its arrays these are. Hardware of kind "softmax" takes plain numbers and
    returns softmax(q k^T / sqrt(D)) v inside the window.

    Raises `ValueError` for shapes that do not fit, a window below 1 or a token period that is not positive,
    `HardwareError` for a head larger than the array.
    """
    require_settings(window, token_period)
    where = {"window": window, "key_start": key_start, "attention_mask": attention_mask}
    ring = _place(q, k, v, hardware, **where)
    # Levels and charges need more than the eight bits that autocast would leave them.
    with torch.autocast(q.device.type, enabled=False):
        if hardware.kind == "softmax":
            return _softmax(q, k, v, ring)
        now = Conditions(hardware, effects, ring, token_period, None, chip, layer, k.shape[1])
        return _operate(q, k, v, now)[0]


def trace_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    hardware: Hardware,
    *,
    window: int | None = None,
    effects: Effects = STANDARD,
    token_period: float | None = None,
    key_start: int = 0,
    attention_mask: Tensor | None = None,
    chip: Chip | None = None,
    layer: int = 0,
) -> tuple[Tensor, Trace]:
    """`gain_cell_attention` with every signal on the way and a count of extrapolations.

    Raises `HardwareError` for hardware of kind "softmax", which has no such signals.
    """
    if hardware.kind == "softmax":
        raise HardwareError(
            f"hardware {hardware.name!r} is exact softmax and has no circuit signals to trace"
        )
    require_settings(window, token_period)
    ring = _place(q, k, v, hardware, window=window, key_start=key_start, attention_mask=attention_mask)
    with torch.autocast(q.device.type, enabled=False):
        now = Conditions(hardware, effects, ring, token_period, {}, chip, layer, k.shape[1])
        return _operate(q, k, v, now)


def _operate(q: Tensor, k: Tensor, v: Tensor, now: Conditions) -> tuple[Tensor, Trace]:
    compute = torch.promote_types(q.dtype, torch.float32)
    widths = query_widths(q.to(compute), now)
    key_volts = stored_volts(now.ring.pack(k.to(compute)), 1, now)
    value_volts = stored_volts(now.ring.pack(v.to(compute)), 2, now)
    charge_1 = _first_product(widths, key_volts, now)
    phi = torch.where(now.ring.valid, converted(charge_1, 1, now.ring.valid, now), 0.0)
    sub_tiles = tuple(_second_product(phi, value_volts, now))
    zero = q.new_zeros(*q.shape[:3], value_volts.shape[3], dtype=compute)
    out = normalised(sum((tile.output for tile in sub_tiles), zero), now.hardware)
    signals = (widths, key_volts, value_volts, now.ring, charge_1, phi, sub_tiles)
    return out.to(q.dtype), Trace(*signals, now.outside or {}, q.shape[3])


def _first_product(pulses: Tensor, volts: Tensor, now: Conditions) -> Tensor:
    """Charge on the bit line of every key: pulses (B, H, T, R) through the K array -> (B, H, T, S)."""
    heads, column = pulses.shape[1], column_of(1, now)
    cells = [(_per_query_head(response, heads).mT, factor) for response, factor in cell_terms(volts, 1, now)]
    loading = None if column is None else _per_query_head(column.loading(volts), heads).mT
    charges, loads = [], []
    for part in phases_of(pulses, now.hardware):
        charge = edge_charge(part, now)
        for response, factor in cells:
            product = part @ response
            charge = charge + (product if factor is None else product * factor)
        charges.append(charge)
        loads.append(None if loading is None else part @ loading)
    if len(charges) == 2:
        return integrated_twice(tuple(charges), tuple(loads), now.ring.valid, now)
    return integrated(charges[0], loads[0], 1, now.ring.valid, now)


def _second_product(pulses: Tensor, volts: Tensor, now: Conditions) -> Iterator[SubTile]:
    """Pulses (B, H, T, S) through the V array, one read-out (B, H, T, D) per sub-tile."""
    heads, column = pulses.shape[1], column_of(2, now)
    aged = [
        (pulses if factor is None else pulses * factor, _per_query_head(response, heads))
        for response, factor in cell_terms(volts, 2, now)
    ]
    loading = None if column is None else _per_query_head(column.loading(volts), heads)
    for index, keys in now.ring.sub_tiles:
        charge = edge_charge(pulses[..., keys], now)
        charge = charge + sum(pulse[..., keys] @ response[:, :, keys] for pulse, response in aged)
        load = None if loading is None else pulses[..., keys] @ loading[:, :, keys]
        # A sub-tile without keys for this query is not operated: it must not add its converters' offset.
        active = now.ring.valid[..., keys].any(-1, keepdim=True)
        charge = integrated(charge, load, 2, active, now)
        width = converted(charge, 2, active, now, index)
        if now.effects.quantise:
            width = count(width, now.hardware.levels.output)
        yield SubTile(index, keys, active, charge, torch.where(active, width, 0.0))


def _per_query_head(x: Tensor, heads: int) -> Tensor:
    """(B, Hkv, S, D) -> (B, H, S, D): query heads of a group read the same array."""
    return x if x.shape[1] == heads else x.repeat_interleave(heads // x.shape[1], dim=1)


def _softmax(q: Tensor, k: Tensor, v: Tensor, ring: Ring) -> Tensor:
    k, v = (_per_query_head(ring.pack(x), q.shape[1]) for x in (k, v))
    sees = ring.valid.any(-1, keepdim=True)
    # A query before the first stored token sees nothing; softmax over nothing is not a number.
    out = scaled_dot_product_attention(q, k, v, attn_mask=ring.valid | ~sees)
    return torch.where(sees, out, 0.0)


def _place(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    hardware: Hardware,
    *,
    window: int | None,
    key_start: int,
    attention_mask: Tensor | None,
) -> Ring:
    """Check that the shapes fit each other and the arrays, and put the keys into the ring."""
    if (
        q.ndim != 4
        or k.ndim != 4
        or k.shape != v.shape
        or q.shape[0] != k.shape[0]
        or q.shape[3] != k.shape[3]
    ):
        shapes = ", ".join(str(tuple(x.shape)) for x in (q, k, v))
        raise ValueError(f"need q (B, H, T, D) and k, v (B, Hkv, S, D), got {shapes}")
    if q.shape[1] % k.shape[1] or q.shape[2] > k.shape[2]:
        raise ValueError(
            f"H={q.shape[1]} must be a multiple of Hkv={k.shape[1]} and T={q.shape[2]} at most S={k.shape[2]}"
        )
    if attention_mask is not None and attention_mask.shape != (k.shape[0], k.shape[2]):
        raise ValueError(
            f"attention_mask: need shape {(k.shape[0], k.shape[2])}, got {tuple(attention_mask.shape)}"
        )
    if hardware.kind == "gain-cell" and q.shape[3] > hardware.rows:
        raise HardwareError(
            f"head dimension {q.shape[3]} exceeds the {hardware.rows} rows of the arrays of "
            f"{hardware.name!r}; use hardware with more rows"
        )
    return ring_layout(
        q.shape[2],
        k.shape[2],
        window=hardware.window if window is None else window,
        columns=hardware.columns,
        key_start=key_start,
        stored=None if attention_mask is None else attention_mask.bool(),
        device=q.device,
    )
