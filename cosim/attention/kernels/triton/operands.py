"""Triton: what the kernels are told, as tuples; a tensor that is None does nothing.

Charges are in full scales. No field may be called `index`, `count` or `values`, since Triton's tuples do.
A tuple with constants keeps its name inside a kernel: assigned to another, they would become variables.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import triton.language as tl


class Array(NamedTuple):
    """One array and what follows it."""

    terms: Any
    """(terms, B, Hkv, S, depth) parts of the charge of every cell; then, with a column model, its loading;
    then, with the surrogate gradient, the charge of a linear cell."""
    number: Any
    """Terms, without what follows them."""
    stride: Any
    """From one term to the next."""
    factors: Any
    """(terms, longer) what each is multiplied with at each age; None: every one with 1."""
    longer: Any
    """Ages in that table."""
    exponential: tl.constexpr
    """Every factor is exponential, so it is a product of one number per query and one per key."""
    column: Any
    """Scale of the charge, box of a, box of u, then the coefficients row by row."""
    order: tl.constexpr
    """Rows of the coefficients."""
    spline: Any
    """(2^halvings, 6) left end, width and cubic of each interval of the converter; beyond: infinite."""
    halvings: tl.constexpr
    deviation: Any
    """As `Stage.deviation`."""
    edge: Any
    """Charge that each pulse into the second array adds by its edges, or None."""
    linear_index: Any
    """Surrogate gradient: the term whose factor the linear cell's charge has; otherwise None."""
    line: Any
    """Where that charge is: numbers after the first term."""


class Circuit(NamedTuple):
    """Both arrays."""

    first: Array
    second: Array
    retained: Any
    """Two phases with a column model: `Circuit.swap_efficiency`; otherwise None, and pulses may be signed."""
    steps: Any
    """Magnitudes of the counter besides 0; None: it does not quantise."""
    precision: tl.constexpr
    """`input_precision` of the products."""


class Extent(NamedTuple):
    """Sizes and places."""

    query_position: Any
    batch_stride: Any
    """From one sequence's query positions to the next's; 0 where all have the same."""
    key_start: Any
    """Position of the first key; the others follow it."""
    queries: Any
    keys: Any
    heads: Any
    group: Any
    """Query heads that share a key-value head."""
    rows: Any
    """Rows of the first array."""
    outputs: Any
    """Columns of the second array."""
    window: Any
    columns: Any
    """Ring columns in a sub-tile."""
    tiles: Any
    """Sub-tiles that the chip's deviations are given for."""
    ages: Any


class Place(NamedTuple):
    """Where a key-value head's matrices begin."""

    first: Any
    """In the terms of the first array."""
    second: Any
    kv_head: Any


class Block(NamedTuple):
    """A block of queries."""

    row: Any
    position: Any
    pulses: Any
    edges: Any
    """Charge that the edges of a query's pulses add to every key, in the only or second phase."""
    first_edges: Any
    """The same in the first of two phases."""


class Keys(NamedTuple):
    """A run of keys."""

    position: Any
    line: Any
    """Where they are among the keys that are stored."""
    there: Any
    """Which of them there are."""
    origin: Any
    """Position that none of them is before."""
