"""Triton: the stages around the cells, in full scales and float32.

Only functions that Triton's interpreter has by itself are used (no `tl.sum`, `tl.zeros`): those that Triton
writes in its own language are interpreted only if the variable TRITON_INTERPRET was set before its import.
"""

from __future__ import annotations

import triton
import triton.language as tl

INTERPRETED: bool = triton.knobs.runtime.interpret
"""Whether the kernels run in Triton's interpreter, on CPU tensors, since TRITON_INTERPRET=1 was set."""


@triton.jit
def clip(x, low, high):
    """x in [low, high]; unlike minimum and maximum it leaves what is not a number."""
    return tl.where(x < low, low, tl.where(x > high, high, x))


@triton.jit
def delivered(charge, load, array):
    """`ColumnModel`: charge on the integration node, and its slopes against charge and load of the cells."""
    slope, load_slope = tl.full(charge.shape, 1.0, tl.float32), tl.full(charge.shape, 0.0, tl.float32)
    if array.column is not None:
        scale = tl.load(array.column)
        lowest, highest = tl.load(array.column + 1), tl.load(array.column + 2)
        least, most = tl.load(array.column + 3), tl.load(array.column + 4)
        a, u = clip(charge * scale, lowest, highest), clip(load, least, most)
        share, along_a, along_u = tl.full(charge.shape, 0.0, tl.float32), load_slope, load_slope
        for i in tl.static_range(array.order):
            inner = tl.full(charge.shape, 0.0, tl.float32)
            inner_slope = tl.full(charge.shape, 0.0, tl.float32)
            for j in tl.static_range(array.order):
                inner_slope = inner_slope * u + inner
                row = array.order - 1 - i
                inner = inner * u + tl.load(array.column + 5 + row * array.order + array.order - 1 - j)
            along_a = along_a * a + share
            along_u = along_u * a + inner_slope
            share = share * a + inner
        # A clamp passes its gradient on at its ends too.
        within_a = (charge * scale >= lowest) & (charge * scale <= highest)
        within_u = (load >= least) & (load <= most)
        slope = 1.0 + share + tl.where(within_a, charge * scale * along_a, 0.0)
        load_slope = tl.where(within_u, charge * along_u, 0.0)
        charge = charge * (1.0 + share)
    return charge, slope, load_slope


@triton.jit
def looked_up(x, table, halvings: tl.constexpr):
    """Piecewise cubic and its slope; beyond its ends a straight line."""
    index = tl.full(x.shape, 0, tl.int32)
    for i in tl.static_range(halvings):
        ahead = index + ((halvings * 0 + 1) << (halvings - 1 - i))
        index = tl.where(x >= tl.load(table + 6 * ahead), ahead, index)
    entry = table + 6 * index
    width = tl.load(entry + 1)
    step = (x - tl.load(entry)) / width
    inside = clip(step, 0.0, 1.0)
    c1, c2, c3 = tl.load(entry + 3), tl.load(entry + 4), tl.load(entry + 5)
    slope = c1 + inside * (2.0 * c2 + inside * 3.0 * c3)
    value = tl.load(entry + 2) + inside * (c1 + inside * (c2 + inside * c3))
    return value + (step - inside) * slope, slope / width


@triton.jit
def converted(charge, array, low: tl.constexpr):
    """Pulse width in [low, 1] / T_max and its slope."""
    width, slope = charge, tl.full(charge.shape, 1.0, tl.float32)
    if array.spline is not None:
        width, slope = looked_up(charge, array.spline, array.halvings)
    slope = tl.where((width >= low) & (width <= 1.0), slope, 0.0)
    return clip(width, low, 1.0), slope


@triton.jit
def counted(width, steps):
    """Signed width as a counter of `steps` magnitudes besides 0 reads it, halves to even."""
    # Adding 1.5 * 2^23 leaves no bit for a fraction.
    return ((width * steps + 12582912.0) - 12582912.0) / steps


@triton.jit
def aged(factor, exponential: tl.constexpr, query, key, origin, ages):
    """(queries, keys) factor by age; origin: a position that no key is before."""
    oldest = ages - 1
    if exponential:
        row = tl.load(factor + clip(query - origin, 0, oldest))
        column = 1.0 / tl.load(factor + clip(key - origin, 0, oldest))
        result = row[:, None] * column[None, :]
    else:
        result = tl.load(factor + clip(query[:, None] - key[None, :], 0, oldest))
    return result
