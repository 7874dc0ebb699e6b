"""The attention of two gain-cell arrays behind one function, whichever implementation computes it.

`reference.py` has the equations. The others give the same numbers, faster: `kernels/` says how.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from ...circuits.errors import HardwareError
from ...models import Chip, Hardware
from .effects import STANDARD, Effects
from .kernels.dispatch import Implementation, attend
from .levels import require_levels, volts_of
from .reference import SubTile, Trace, operate, per_query_head
from .ring import Positions, dense_masks, positions_of, require_settings
from .stages import OperationContext, full_precision
from .surrogate_gradient import Gradient, require_gradient

__all__ = ["SubTile", "Trace", "gain_cell_attention", "trace_attention"]


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
    implementation: Implementation = "auto",
    gradient: Gradient = "exact",
) -> Tensor:
    """Attention through the hardware's two arrays. Returns (B, H, T, D), each sub-tile in units of its full
    scale; with a normalising column, in units of what that column would give for the same pulses.

    q: (B, H, T, D) pulse width / T_max, negative where the hardware signs queries; k, v: (B, Hkv, S, D) volts
    to store, or the levels (uint8) that they were written at (`levels_of`); Hkv divides H. Values beyond what
    the converters can express are clipped. The queries are the last T of the S positions, and key 0 has
    position `key_start`, so a decode step with a cache (T = 1) gives the row that prefill gives.

    window: columns of the ring, None for the hardware's, or else one that is never overwritten. token_period:
    seconds between tokens, for hardware whose aging is in seconds (None: one layer's latency).
    attention_mask: (B, S) bool, True = stored. chip: one chip's deviations (`hardware.chip(seed)`), None for
    nominal circuits; layer: which of its arrays these are. Hardware of kind "softmax" takes plain numbers and
    returns softmax(q k^T / sqrt(D)) v inside the window.

    implementation: who computes it (`kernels/`), "auto" for the fastest that can. gradient: derivatives of
    the cells' charge, "exact" or with the "fixed-slope" of the hardware's cell "linear", as in published
    training.

    Raises `ValueError` for shapes that do not fit, a window below 1 or a token period that is not positive,
    `HardwareError` for a head larger than the array, an implementation that cannot compute this, or levels of
    cells that hold none.
    """
    require_settings(window, token_period)
    require_gradient(gradient, hardware)
    where = {"window": window, "key_start": key_start, "attention_mask": attention_mask}
    positions = _place(q, k, v, hardware, **where)
    if k.dtype == torch.uint8:
        require_levels(hardware, effects)
    k, v = positions.pack(k), positions.pack(v)
    with full_precision(q.device.type):
        if hardware.kind == "softmax":
            return _softmax(q, k, v, positions)
        op = OperationContext(
            hardware, effects, positions, token_period, None, chip, layer, k.shape[1], gradient
        )
        return attend(q, k, v, op, implementation)


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
    positions = _place(q, k, v, hardware, window=window, key_start=key_start, attention_mask=attention_mask)
    if k.dtype == torch.uint8:
        require_levels(hardware, effects)
        dtype = torch.promote_types(q.dtype, torch.float32)
        k, v = volts_of(k, 1, hardware, dtype), volts_of(v, 2, hardware, dtype)
    with full_precision(q.device.type):
        op = OperationContext(hardware, effects, positions, token_period, {}, chip, layer, k.shape[1])
        return operate(q, positions.pack(k), positions.pack(v), op)


def _softmax(q: Tensor, k: Tensor, v: Tensor, positions: Positions) -> Tensor:
    ring = dense_masks(positions)
    k, v = (per_query_head(x, q.shape[1]) for x in (k, v))
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
) -> Positions:
    """Check that the shapes fit each other and the arrays, and place the keys in the ring."""
    if (k.dtype == torch.uint8) != (v.dtype == torch.uint8):
        raise ValueError(f"need k and v both as volts or both as levels, got {k.dtype} and {v.dtype}")
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
    return positions_of(
        q.shape[2],
        k.shape[2],
        window=hardware.window if window is None else window,
        columns=hardware.columns,
        key_start=key_start,
        stored=None if attention_mask is None else attention_mask.bool(),
        device=q.device,
    )
