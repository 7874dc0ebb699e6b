"""Triton: gradients. Charges are computed again; the forward pass keeps none of them.

One kernel has a program per block of queries and gives the pulses' gradient. The other has a program per run
of keys, which loops over the queries that see it. Each number has one writer, so results do not depend on the
order in which programs run. In shape comments, QUERIES, KEYS, ROWS and OUTPUTS are block sizes; `d_x` is the
gradient of the loss with respect to x, and `by_x` a derivative of a stage.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .forward import (
    addresses,
    decayed,
    head_offsets,
    key_pulses,
    key_run,
    load_cells,
    load_queries,
    plus_sum,
    read_out,
    run_bounds,
    tile_sums,
    transposed_sum,
    visible_span,
)


@triton.jit
def sums_gradient(
    gradient, batch, head, block, span, tile, offsets, circuit, sizes, end,
    KEYS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """Gradients (QUERIES, OUTPUTS) of a sub-tile's charge and loading, from that of the output."""
    line = (batch * sizes.heads + head).to(tl.int64) * sizes.queries
    at, inside = addresses(gradient, line * sizes.outputs, block.row, sizes.outputs, OUTPUTS)
    d_output = tl.load(at, mask=inside & (block.row < end)[:, None], other=0.0)  # (QUERIES, OUTPUTS)
    charge, load, operated = tile_sums(block, span, tile, offsets, circuit, sizes, KEYS, OUTPUTS)
    _, by_charge, by_load = read_out(charge, load, operated, tile, offsets, circuit, sizes)
    return d_output * by_charge, d_output * by_load


@triton.jit
def width_gradient(d_charge, d_load, block, keys, offsets, circuit, sizes, KEYS: tl.constexpr):
    """Gradient (QUERIES, KEYS) of the pulses into the second array, from (QUERIES, OUTPUTS)."""
    term = circuit.second.terms + offsets.second
    acting, number = term + circuit.second.acting_offset, circuit.second.acting_number
    total = transposed_sum(
        d_charge, acting, number, circuit.second.acting_first, circuit.second, keys, block, sizes,
        sizes.outputs, KEYS,
    )  # fmt: skip
    if circuit.second.column is not None:
        term += circuit.second.number * circuit.second.stride
        cells = load_cells(term, keys, sizes.outputs, d_charge.shape[1])  # (KEYS, OUTPUTS)
        total = tl.dot(d_load, tl.trans(cells), total, input_precision=circuit.second.precision)
    return total


@triton.jit
def add_pulse_gradient(total, d_charge, d_load, block, keys, offsets, circuit, sizes):
    """Gradient (QUERIES, ROWS) of the pulses into the first array, with a run's contribution added.

    d_charge, d_load: gradients of the cells' sums in one phase, (QUERIES, KEYS).
    """
    term = circuit.first.terms + offsets.first
    acting, number = term + circuit.first.acting_offset, circuit.first.acting_number
    total = plus_sum(
        total, d_charge, acting, number, circuit.first.acting_first, circuit.first, keys, block, sizes,
        sizes.rows,
    )  # fmt: skip
    if circuit.first.column is not None:
        term += circuit.first.number * circuit.first.stride
        cells = load_cells(term, keys, sizes.rows, total.shape[1])  # (KEYS, ROWS)
        total = tl.dot(d_load, cells, total, input_precision=circuit.first.precision)
    return total


@triton.jit
def pulses_kernel(
    pulses, edges, gradient, out, circuit, sizes,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, ROWS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """Gradient (B, H, T, rows) of the pulses. Grid: B H, blocks of queries."""
    first = (tl.num_programs(1) - 1 - tl.program_id(1)) * QUERIES
    batch, head = tl.program_id(0) // sizes.heads, tl.program_id(0) % sizes.heads
    offsets = head_offsets(batch, head // sizes.group, sizes)
    end = tl.minimum(first + QUERIES, sizes.queries)
    block = load_queries(pulses, edges, batch, head, first, end, circuit, sizes, QUERIES, ROWS)
    oldest, newest, first_lap, last_lap, first_tile, end_tile = visible_span(first, end, batch, sizes)
    span = (oldest, newest, first_lap, last_lap)
    total = tl.full((QUERIES, ROWS), 0.0, tl.float32)  # (QUERIES, ROWS), only or second phase
    first_total = tl.full((QUERIES, ROWS), 0.0, tl.float32)  # (QUERIES, ROWS), first of two phases
    for tile in range(first_tile, end_tile):
        d_charge, d_load = sums_gradient(
            gradient, batch, head, block, span, tile, offsets, circuit, sizes, end, KEYS, OUTPUTS
        )
        for lap in range(first_lap, last_lap + 1):
            start, stop = run_bounds(lap, tile, sizes)
            if (stop > oldest) & (start <= newest):
                keys = key_run(start, stop, sizes, KEYS)
                _, slopes = key_pulses(block, keys, offsets, circuit, sizes, KEYS)
                d_width = width_gradient(d_charge, d_load, block, keys, offsets, circuit, sizes, KEYS)
                total = add_pulse_gradient(
                    total, d_width * slopes[0], d_width * slopes[1], block, keys, offsets, circuit, sizes
                )
                if circuit.swap_efficiency is not None:
                    first_total = add_pulse_gradient(
                        first_total, d_width * slopes[2], d_width * slopes[3],
                        block, keys, offsets, circuit, sizes,
                    )  # fmt: skip
    if circuit.swap_efficiency is not None:
        # A pulse of width 0 is an end of both phases' ranges, where torch.clamp passes its gradient.
        total = tl.where(block.pulses < 0, 0.0, total) - tl.where(block.pulses > 0, 0.0, first_total)
    line = (batch * sizes.heads + head).to(tl.int64) * sizes.queries
    at, inside = addresses(out, line * sizes.rows, block.row, sizes.rows, ROWS)
    tl.store(at, total, mask=inside & (block.row < end)[:, None])


@triton.jit
def first_query(position, batch, sizes):
    """Index of the first query at this position or after it, by binary search."""
    starts = sizes.query_position + batch * sizes.batch_stride
    low = tl.program_id(0) * 0
    high = low + sizes.queries
    while low < high:
        middle = (low + high) // 2
        before = tl.load(starts + middle) < position
        low, high = tl.where(before, middle + 1, low), tl.where(before, high, middle)
    return low


@triton.jit
def add_rows(pointer, keys, width, value):
    """Add `value` (KEYS, BLOCK) to a run's rows of a matrix that no other program writes."""
    at, inside = addresses(pointer, 0, keys.packed, width, value.shape[1])
    mask = inside & keys.present[:, None]
    tl.store(at, tl.load(at, mask=mask, other=0.0) + value, mask=mask)


@triton.jit
def add_cells_gradient(out, pairs, rows, load_pairs, load_rows, array, keys, block, sizes, width):
    """Add a block's contribution to a run's gradients of the terms and the loading of one array.

    pairs, load_pairs: (QUERIES, KEYS); rows, load_rows: what they meet in the product, (QUERIES, width).
    """
    for i in range(array.number):
        part = decayed(pairs, array, i, block, keys, sizes)  # (QUERIES, KEYS)
        value = tl.dot(tl.trans(part), rows, input_precision=array.precision)  # (KEYS, width)
        add_rows(out, keys, width, value)
        out += array.stride
    if array.column is not None:
        value = tl.dot(tl.trans(load_pairs), load_rows, input_precision=array.precision)  # (KEYS, width)
        add_rows(out, keys, width, value)


@triton.jit
def add_block(
    pulses, edges, gradient, d_keys, d_values, batch, head, first, end, tile, keys, offsets, circuit, sizes,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, ROWS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """Add the contribution of the queries first .. end - 1 to the gradients of a run of keys."""
    block = load_queries(pulses, edges, batch, head, first, end, circuit, sizes, QUERIES, ROWS)
    oldest, newest, first_lap, last_lap, _, _ = visible_span(first, end, batch, sizes)
    span = (oldest, newest, first_lap, last_lap)
    d_charge, d_load = sums_gradient(
        gradient, batch, head, block, span, tile, offsets, circuit, sizes, end, KEYS, OUTPUTS
    )
    width, slopes = key_pulses(block, keys, offsets, circuit, sizes, KEYS)  # (QUERIES, KEYS)
    values, key_cells = d_values + offsets.second, d_keys + offsets.first
    add_cells_gradient(
        values, width, d_charge, width, d_load, circuit.second, keys, block, sizes, sizes.outputs
    )
    d_width = width_gradient(d_charge, d_load, block, keys, offsets, circuit, sizes, KEYS)
    positive = block.pulses
    if circuit.swap_efficiency is not None:
        negative = tl.where(positive > 0, 0.0, -positive)  # (QUERIES, ROWS)
        add_cells_gradient(
            key_cells, d_width * slopes[2], negative, d_width * slopes[3], negative,
            circuit.first, keys, block, sizes, sizes.rows,
        )  # fmt: skip
        positive = tl.where(positive < 0, 0.0, positive)  # (QUERIES, ROWS)
    add_cells_gradient(
        key_cells, d_width * slopes[0], positive, d_width * slopes[1], positive,
        circuit.first, keys, block, sizes, sizes.rows,
    )  # fmt: skip


@triton.jit
def cells_kernel(
    pulses, edges, gradient, d_keys, d_values, circuit, sizes,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, ROWS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """Gradients of both arrays' terms and loading, added to zeros. Grid: B Hkv, runs of keys."""
    kv_heads = sizes.heads // sizes.group
    batch, kv_head = tl.program_id(0) // kv_heads, tl.program_id(0) % kv_heads
    offsets = head_offsets(batch, kv_head, sizes)
    tiles_per_lap = (sizes.window + sizes.columns - 1) // sizes.columns
    first_column = sizes.key_start % sizes.window
    run = sizes.key_start // sizes.window * tiles_per_lap + first_column // sizes.columns
    run += tl.program_id(1)
    tile = run % tiles_per_lap
    start, stop = run_bounds(run // tiles_per_lap, tile, sizes)
    if start < sizes.key_start + sizes.keys:
        keys = key_run(start, stop, sizes, KEYS)
        # The last query that sees a key of the run is window - 1 tokens after its last key.
        end = first_query(stop - 1 + sizes.window, batch, sizes)
        for head in range(kv_head * sizes.group, (kv_head + 1) * sizes.group):
            for first in range(first_query(keys.start, batch, sizes), end, QUERIES):
                add_block(
                    pulses, edges, gradient, d_keys, d_values, batch, head, first,
                    tl.minimum(first + QUERIES, end), tile, keys, offsets, circuit, sizes,
                    QUERIES, KEYS, ROWS, OUTPUTS,
                )  # fmt: skip
                # The next block reads and adds to what this one has stored.
                tl.debug_barrier()
