"""Triton: stages around the cells, in full scales and float32.

Only functions that Triton's interpreter provides natively are used (no `tl.sum`, no `tl.zeros`): those that
Triton writes in its own language are interpreted only if TRITON_INTERPRET was set before their import. A name
`by_x` is the derivative of a stage's result with respect to x.
"""

from __future__ import annotations

import triton
import triton.language as tl

INTERPRETED: bool = triton.knobs.runtime.interpret
"""Whether the kernels run in Triton's interpreter on CPU tensors (TRITON_INTERPRET=1 at their import)."""


@triton.jit
def clip(x, low, high):
    """x limited to [low, high]; unlike minimum and maximum it propagates NaN."""
    return tl.where(x < low, low, tl.where(x > high, high, x))


@triton.jit
def delivered(charge, load, array):
    """`ColumnModel`: charge on the integration node, and its derivatives by charge and load of the cells.

    All shapes are (queries, keys) or (queries, outputs), as `charge`.
    """
    by_charge, by_load = tl.full(charge.shape, 1.0, tl.float32), tl.full(charge.shape, 0.0, tl.float32)
    if array.column is not None:
        scale = tl.load(array.column)
        a_low, a_high = tl.load(array.column + 1), tl.load(array.column + 2)
        u_low, u_high = tl.load(array.column + 3), tl.load(array.column + 4)
        a, u = clip(charge * scale, a_low, a_high), clip(load, u_low, u_high)
        # Horner's rule in a, and for each coefficient of a in u: p = sum_ij c_ij a^i u^j.
        p, p_by_a, p_by_u = tl.full(charge.shape, 0.0, tl.float32), by_load, by_load
        for i in tl.static_range(array.order):
            inner = tl.full(charge.shape, 0.0, tl.float32)
            inner_by_u = tl.full(charge.shape, 0.0, tl.float32)
            for j in tl.static_range(array.order):
                inner_by_u = inner_by_u * u + inner
                row = array.order - 1 - i
                inner = inner * u + tl.load(array.column + 5 + row * array.order + array.order - 1 - j)
            p_by_a = p_by_a * a + p
            p_by_u = p_by_u * a + inner_by_u
            p = p * a + inner
        # torch.clamp passes its gradient at both ends of the range, so the ends count as inside.
        a_inside = (charge * scale >= a_low) & (charge * scale <= a_high)
        u_inside = (load >= u_low) & (load <= u_high)
        by_charge = 1.0 + p + tl.where(a_inside, charge * scale * p_by_a, 0.0)
        by_load = tl.where(u_inside, charge * p_by_u, 0.0)
        charge = charge * (1.0 + p)
    return charge, by_charge, by_load


@triton.jit
def piecewise_cubic(x, table, halvings: tl.constexpr):
    """Piecewise cubic of a table (2^halvings, 6) and its slope; straight lines beyond the ends."""
    interval = tl.full(x.shape, 0, tl.int32)
    for i in tl.static_range(halvings):
        ahead = interval + ((halvings * 0 + 1) << (halvings - 1 - i))
        interval = tl.where(x >= tl.load(table + 6 * ahead), ahead, interval)
    entry = table + 6 * interval
    width = tl.load(entry + 1)
    step = (x - tl.load(entry)) / width
    inside = clip(step, 0.0, 1.0)
    c1, c2, c3 = tl.load(entry + 3), tl.load(entry + 4), tl.load(entry + 5)
    slope = c1 + inside * (2.0 * c2 + inside * 3.0 * c3)
    value = tl.load(entry + 2) + inside * (c1 + inside * (c2 + inside * c3))
    return value + (step - inside) * slope, slope / width


@triton.jit
def converted(charge, array, low: tl.constexpr):
    """Pulse width in [low, 1], fraction of T_max, and its slope; both in the shape of `charge`."""
    width, slope = charge, tl.full(charge.shape, 1.0, tl.float32)
    if array.spline is not None:
        width, slope = piecewise_cubic(charge, array.spline, array.halvings)
    slope = tl.where((width >= low) & (width <= 1.0), slope, 0.0)
    return clip(width, low, 1.0), slope


@triton.jit
def counted(width, steps):
    """Signed width as read by a counter of `steps` magnitudes besides 0, rounded half to even."""
    # float32 has no fraction bits at 1.5 * 2^23, so adding it rounds.
    return ((width * steps + 12582912.0) - 12582912.0) / steps


@triton.jit
def decay_factor(factors, exponential: tl.constexpr, query, key, start, ages):
    """Decay factors (queries, keys) by age.

    factors: table of one term, shape (ages,). query, key: positions, shapes (queries,) and (keys,). start: a
    position that no key precedes.
    """
    oldest = ages - 1
    if exponential:
        by_query = tl.load(factors + clip(query - start, 0, oldest))  # (queries,)
        by_key = 1.0 / tl.load(factors + clip(key - start, 0, oldest))  # (keys,)
        result = by_query[:, None] * by_key[None, :]  # (queries, keys)
    else:
        result = tl.load(factors + clip(query[:, None] - key[None, :], 0, oldest))  # (queries, keys)
    return result
