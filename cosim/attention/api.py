"""Public functions: attention through two gain-cell arrays, with or without the signals in between.

The equations are in `reference.py`. The implementations in `kernels/` compute the same numbers faster.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from ...circuits.errors import HardwareError
from ...models import Chip, Hardware
from ...models.row_tiles import row_tiles_of
from .effects import STANDARD, Effects
from .kernels.dispatch import Implementation, attend, require_implementation
from .levels import require_levels, volts_of
from .operation import OperationContext, full_precision
from .reference import SubTile, Trace, operate, per_query_head
from .ring import Positions, positions_of, require_settings, require_start, visible
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
    """Attention through the two gain-cell arrays of a chip.

    The queries are the last T of the S positions, so one decode step with a key-value cache (T = 1) gives the
    last row that a prefill gives. Values outside a converter's range are clipped. Hardware of kind "softmax"
    takes plain numbers instead and returns softmax(q k^T / sqrt(D)) v inside the window.

    Args:
        q: pulse widths of the queries, shape (B, H, T, D), fraction of T_max; in [0, 1], or in [-1, 1] where
            the hardware has signed queries.
        k: keys, shape (B, Hkv, S, D) with Hkv a divisor of H: voltages to store, V, or the levels (uint8) at
            which they were written (`levels_of`).
        v: values, shape and unit as `k`.
        hardware: the chip's curves, full scales, quantiser levels and timing.
        window: number of columns of the ring, in tokens; None: the hardware's own, or, where that is None
            too, a ring that is never overwritten.
        effects: switches of the non-idealities.
        token_period: time between tokens, s, for hardware whose cells age in seconds; None: the latency of
            one layer.
        key_start: position of the first key, in tokens.
        attention_mask: shape (B, S), bool or integer: nonzero for stored tokens, 0 for padding; None: all are
            stored.
        chip: one chip's deviations (`hardware.chip(seed)`); None: nominal circuits.
        layer: number of the layer, which selects the chip's arrays.
        implementation: which code computes it (see `kernels/dispatch.py`); "auto": the fastest one that can.
        gradient: derivative of the cells' charge, "exact", or "fixed-slope" for that of the hardware's cell
            "linear", as in the published training.

    Returns:
        Sum of the sub-tiles' read-outs, shape (B, H, T, D), in q's dtype, each read-out as a fraction of its
        full scale; on hardware with a normalising column, that sum divided by the same sum for the
        normalising column.

    Raises:
        ValueError: shapes that do not fit, integers, volts together with levels, a floating-point mask,
            a window or positions that are not whole numbers in their range, a token period that is not
            positive, or an unknown implementation or gradient.
        HardwareError: an implementation that cannot compute this operation, a
            gradient the hardware has no cell for, levels where cells hold none, or aging in seconds without
            any timing.

    Source:
        N. Leroux et al., Nature Computational Science 5, 813-824 (2025), Methods.
    """
    require_settings(window, token_period)
    require_gradient(gradient, hardware)
    require_implementation(implementation)
    positions = place_keys(
        q, k, v, hardware, window=window, key_start=key_start, attention_mask=attention_mask
    )
    if k.dtype == torch.uint8:
        require_levels(hardware, effects)
    k, v = positions.pack(k), positions.pack(v)
    with full_precision(q.device.type):
        if hardware.kind == "softmax":
            return _softmax(q, k, v, positions)
        settings = hardware, effects, positions, token_period, None, chip, layer, k.shape[1], gradient
        op = OperationContext(*settings, row_tiles_of(q.shape[3], hardware))
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
    """Attention as `gain_cell_attention`, with every signal in between and a count of extrapolations.

    The reference implementation computes it, with (T, S) tensors.

    Args:
        q: pulse widths of the queries, shape (B, H, T, D), fraction of T_max.
        k: keys, shape (B, Hkv, S, D): voltages to store, V, or levels (uint8).
        v: values, shape and unit as `k`.
        hardware: the chip's curves, full scales, quantiser levels and timing.
        window: number of columns of the ring, in tokens; None: the hardware's own.
        effects: switches of the non-idealities.
        token_period: time between tokens, s; None: the latency of one layer.
        key_start: position of the first key, in tokens.
        attention_mask: shape (B, S), bool or integer: nonzero for stored tokens; None: all are stored.
        chip: one chip's deviations; None: nominal circuits.
        layer: number of the layer, which selects the chip's arrays.

    Returns:
        The output of `gain_cell_attention`, shape (B, H, T, D), and the signals.

    Raises:
        ValueError: as `gain_cell_attention`.
        HardwareError: as `gain_cell_attention`, and for hardware of kind "softmax", which has no signals.
    """
    if hardware.kind == "softmax":
        raise HardwareError(
            f"hardware {hardware.name!r} is exact softmax and has no circuit signals to trace"
        )
    require_settings(window, token_period)
    positions = place_keys(
        q, k, v, hardware, window=window, key_start=key_start, attention_mask=attention_mask
    )
    if k.dtype == torch.uint8:
        require_levels(hardware, effects)
        dtype = torch.promote_types(q.dtype, torch.float32)
        k, v = volts_of(k, 1, hardware, dtype), volts_of(v, 2, hardware, dtype)
    with full_precision(q.device.type):
        settings = hardware, effects, positions, token_period, {}, chip, layer, k.shape[1]
        op = OperationContext(*settings, row_tiles=row_tiles_of(q.shape[3], hardware))
        return operate(q, positions.pack(k), positions.pack(v), op)


def _softmax(q: Tensor, k: Tensor, v: Tensor, positions: Positions) -> Tensor:
    """Exact attention (B, H, T, D) over the keys that each query sees; k and v are packed."""
    valid = visible(positions)
    k, v = (per_query_head(x, q.shape[1]) for x in (k, v))
    # Under autocast, a position embedding leaves q and k in float32 beside values in bfloat16.
    dtype = torch.promote_types(torch.promote_types(q.dtype, k.dtype), v.dtype)
    q, k, v = (x.to(dtype) for x in (q, k, v))
    has_keys = valid.any(-1, keepdim=True)
    # Softmax over an empty set is NaN: a query before the first stored token takes every key, then gives 0.
    out = scaled_dot_product_attention(q, k, v, attn_mask=valid | ~has_keys)
    return torch.where(has_keys, out, 0.0)


def place_keys(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    hardware: Hardware,
    *,
    window: int | None,
    key_start: int,
    attention_mask: Tensor | None,
) -> Positions:
    """Check that shapes fit each other, and place the keys in the ring.

    Args:
        q: queries, shape (B, H, T, D).
        k: keys, shape (B, Hkv, S, D).
        v: values, shape (B, Hkv, S, D).
        hardware: the arrays' size and window.
        window: number of columns of the ring, in tokens; None: the hardware's own.
        key_start: position of the first key, in tokens.
        attention_mask: shape (B, S), bool or integer: nonzero for stored tokens; None: all are stored.

    Returns:
        Positions of the queries and keys.

    Raises:
        ValueError: shapes that do not fit each other, integers, volts together with levels, a floating-point
            mask, or positions that are not counted.
    """
    if (k.dtype == torch.uint8) != (v.dtype == torch.uint8):
        raise ValueError(f"need k and v both as volts or both as levels, got {k.dtype} and {v.dtype}")
    for name, x in (("q", q), ("k", k), ("v", v)):
        if not (x.is_floating_point() or (x.dtype == torch.uint8 and name != "q")):
            raise ValueError(f"{name}: need floating-point numbers, got {x.dtype}")
    asked, stored = q.shape, k.shape
    if (
        len(asked) != 4
        or len(stored) != 4
        or stored != v.shape
        or asked[0] != stored[0]
        or asked[3] != stored[3]
    ):
        shapes = ", ".join(str(tuple(x.shape)) for x in (q, k, v))
        raise ValueError(f"need q (B, H, T, D) and k, v (B, Hkv, S, D), got {shapes}")
    batch, heads, queries, _ = asked
    kv_heads, keys = stored[1], stored[2]
    if 0 in (heads, kv_heads):
        raise ValueError(f"need at least one head, got H={heads} and Hkv={kv_heads}")
    if heads % kv_heads or queries > keys:
        raise ValueError(f"H={heads} must be a multiple of Hkv={kv_heads} and T={queries} at most S={keys}")
    if attention_mask is not None and attention_mask.shape != (batch, keys):
        raise ValueError(f"attention_mask: need shape {(batch, keys)}, got {tuple(attention_mask.shape)}")
    if attention_mask is not None and attention_mask.is_floating_point():
        # An additive mask (0 for stored, -inf for padding) read as truth values would be inverted.
        raise ValueError(
            f"attention_mask: need bool or integers, nonzero for stored tokens, got {attention_mask.dtype}"
        )
    require_start(key_start, keys)
    return positions_of(
        queries,
        keys,
        window=hardware.window if window is None else window,
        columns=hardware.columns,
        key_start=key_start,
        stored=None if attention_mask is None else attention_mask.bool(),
        device=q.device,
    )
