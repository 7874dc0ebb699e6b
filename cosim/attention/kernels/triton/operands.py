"""Triton: arguments of the kernels as named tuples. An effect whose tensor is None is not applied.

Charges are in full scales of the converter after the array. No field may be called `index`, `count` or
`values`, which are attributes of Triton's own tuples. Inside a kernel, do not assign a tuple that holds
constants to another name: the constants would become variables.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import triton.language as tl


class ArrayOperands(NamedTuple):
    """One array, its column model and its converter; R elements per key (rows or outputs of the array)."""

    terms: Any
    """Parts of the charge of every cell, shape (terms, B, Hkv, S, R); followed by the bit-line loading with a
    column model, then by the charge of the linear cell with the surrogate gradient."""
    number: Any
    """Number of terms, loading and linear cell excluded."""
    stride: Any
    """Elements from one term to the next."""
    factors: Any
    """Decay factor of each term at each age, shape (terms, factor_ages); None: 1."""
    factor_ages: Any
    """Number of ages in `factors`."""
    exponential: tl.constexpr
    """Whether every factor is exponential, so it is the product of one number per query and one per key."""
    column: Any
    """Column model: scale of the charge, box of a, box of u, then the coefficients row by row."""
    order: tl.constexpr
    """Number of rows of the coefficients."""
    spline: Any
    """Converter, shape (2^halvings, 6): left end, width and cubic of each interval; unused rows start at
    infinity. None: an ideal line."""
    halvings: tl.constexpr
    """Steps of the binary search in `spline`."""
    deviation: Any
    """Deviations of a chip's converters, as `deviations_of`; None: nominal converters."""
    edge: Any
    """Charge that the edges of each pulse into the second array add; None: none."""
    acting_offset: Any
    """Elements from the first term to what the gradient of the pulses takes: 0, or to the linear cell."""
    acting_number: Any
    """Number of terms there."""
    acting_first: Any
    """Index of the decay factor of the first of them."""
    precision: tl.constexpr
    """`input_precision` of the matrix products."""


class CircuitOperands(NamedTuple):
    """Both arrays and the counter."""

    first: ArrayOperands
    """K array."""
    second: ArrayOperands
    """V array."""
    swap_efficiency: Any
    """Weight of the first phase's charge in the second phase, for two phases with a column model; None: one
    phase, or two whose net pulses may be negative."""
    steps: Any
    """Magnitudes of the counter besides 0; None: it does not quantise."""


class Sizes(NamedTuple):
    """Sizes of the operation and positions of its queries and keys."""

    query_position: Any
    """Position of each query, shape (B or 1, T), in tokens."""
    batch_stride: Any
    """Elements from one sequence's query positions to the next sequence's; 0 if all share them."""
    key_start: Any
    """Position of the first key, in tokens; keys are at consecutive positions."""
    queries: Any
    """Number T of queries."""
    keys: Any
    """Number S of keys."""
    heads: Any
    """Number H of query heads."""
    group: Any
    """Number of query heads that share a key-value head."""
    rows: Any
    """Number of rows of the first array."""
    outputs: Any
    """Number of columns of the second array."""
    window: Any
    """Number of columns of the ring."""
    columns: Any
    """Number of ring columns in a sub-tile."""
    tiles: Any
    """Number of sub-tiles for which the chip's deviations are given."""
    ages: Any
    """Number of ages that can occur."""


class HeadOffsets(NamedTuple):
    """Offsets of one key-value head's matrices, in elements."""

    first: Any
    """Offset in the terms of the first array."""
    second: Any
    """Offset in the terms of the second array."""
    kv_head: Any
    """Number of the key-value head."""


class QueryBlock(NamedTuple):
    """A block of queries."""

    row: Any
    """Index of each query, shape (QUERIES,)."""
    position: Any
    """Position of each query, shape (QUERIES,), in tokens; -1 beyond the last query."""
    pulses: Any
    """Pulse widths, shape (QUERIES, ROWS), fraction of T_max."""
    edges: Any
    """Charge that the edges of a query's pulses add to every key, shape (QUERIES,); with two phases, in the
    second."""
    first_edges: Any
    """Charge of the edges in the first of two phases, shape (QUERIES,)."""


class KeyRun(NamedTuple):
    """A run of keys: those of one sub-tile and one lap of the ring."""

    position: Any
    """Position of each key, shape (KEYS,), in tokens."""
    packed: Any
    """Packed index of each key, shape (KEYS,)."""
    present: Any
    """Whether each key exists, shape (KEYS,)."""
    start: Any
    """Position of the first key that exists, in tokens."""
