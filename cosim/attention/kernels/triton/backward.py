"""Triton: gradients. Charges are computed again; nothing of the forward pass is kept.

One kernel has a program per block of queries and gives the pulses' gradient, the other a program per run of
keys, which goes through the queries that see it. Every number has one writer, so results do not depend on
the order in which programs run.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .forward import (
    block_of,
    cells_of,
    key_pulses,
    keys_of,
    matrix,
    place_of,
    read_out,
    run_of,
    span,
    tile_sums,
    with_age,
)


@triton.jit
def sums_gradient(
    gradient,
    batch,
    head,
    block,
    lapse,
    tile,
    place,
    circuit,
    extent,
    end,
    KEYS: tl.constexpr,
    OUTPUTS: tl.constexpr,
):
    """Gradient (queries, outputs) of a sub-tile's charge and loading, from that of the output."""
    line = (batch * extent.heads + head).to(tl.int64) * extent.queries
    at, inside = matrix(gradient, line * extent.outputs, block.row, extent.outputs, OUTPUTS)
    given = tl.load(at, mask=inside & (block.row < end)[:, None], other=0.0)
    charge, load, operated = tile_sums(block, lapse, tile, place, circuit, extent, KEYS, OUTPUTS)
    _, by_charge, by_load = read_out(charge, load, operated, tile, place, circuit, extent)
    return given * by_charge, given * by_load


@triton.jit
def width_gradient(by_charge, by_load, block, keys, place, circuit, extent, KEYS: tl.constexpr):
    """Gradient (queries, keys) of the pulses into the second circuit.second."""
    total = tl.full((by_charge.shape[0], KEYS), 0.0, tl.float32)
    term = circuit.second.terms + place.second
    if circuit.second.linear_index is not None:
        cells = cells_of(term + circuit.second.line, keys, extent.outputs, by_charge.shape[1])
        part = tl.dot(by_charge, tl.trans(cells), input_precision=circuit.precision)
        total += with_age(part, circuit.second, circuit.second.linear_index, block, keys, extent)
        # Before it lies the loading.
        term += circuit.second.line - circuit.second.stride
    else:
        for i in range(circuit.second.number):
            cells = cells_of(term, keys, extent.outputs, by_charge.shape[1])
            part = tl.dot(by_charge, tl.trans(cells), input_precision=circuit.precision)
            total += with_age(part, circuit.second, i, block, keys, extent)
            term += circuit.second.stride
    if circuit.second.column is not None:
        cells = cells_of(term, keys, extent.outputs, by_charge.shape[1])
        total = tl.dot(by_load, tl.trans(cells), total, input_precision=circuit.precision)
    return total


@triton.jit
def add_pulse_gradient(total, by_charge, by_load, block, keys, place, circuit, extent):
    """Gradient (queries, rows) of the pulses into the first circuit.first, with what a run of keys adds."""
    term = circuit.first.terms + place.first
    if circuit.first.linear_index is not None:
        cells = cells_of(term + circuit.first.line, keys, extent.rows, total.shape[1])
        part = with_age(by_charge, circuit.first, circuit.first.linear_index, block, keys, extent)
        total = tl.dot(part, cells, total, input_precision=circuit.precision)
        term += circuit.first.line - circuit.first.stride
    else:
        for i in range(circuit.first.number):
            cells = cells_of(term, keys, extent.rows, total.shape[1])
            part = with_age(by_charge, circuit.first, i, block, keys, extent)
            total = tl.dot(part, cells, total, input_precision=circuit.precision)
            term += circuit.first.stride
    if circuit.first.column is not None:
        cells = cells_of(term, keys, extent.rows, total.shape[1])
        total = tl.dot(by_load, cells, total, input_precision=circuit.precision)
    return total


@triton.jit
def pulses_kernel(
    pulses, edges, gradient, out, circuit, extent,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, ROWS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """Gradient (B, H, T, rows) of the pulses. Grid: B H, blocks of queries."""
    first = (tl.num_programs(1) - 1 - tl.program_id(1)) * QUERIES
    batch, head = tl.program_id(0) // extent.heads, tl.program_id(0) % extent.heads
    place = place_of(batch, head // extent.group, extent)
    end = tl.minimum(first + QUERIES, extent.queries)
    block = block_of(pulses, edges, batch, head, first, end, circuit, extent, QUERIES, ROWS)
    oldest, newest, first_lap, last_lap, first_tile, end_tile = span(first, end, batch, extent)
    lapse = (oldest, newest, first_lap, last_lap)
    total = tl.full((QUERIES, ROWS), 0.0, tl.float32)
    of_first = tl.full((QUERIES, ROWS), 0.0, tl.float32)
    for tile in range(first_tile, end_tile):
        by_charge, by_load = sums_gradient(
            gradient, batch, head, block, lapse, tile, place, circuit, extent, end, KEYS, OUTPUTS
        )
        for lap in range(first_lap, last_lap + 1):
            start, stop = run_of(lap, tile, extent)
            if (stop > oldest) & (start <= newest):
                keys = keys_of(start, stop, extent, KEYS)
                _, slopes = key_pulses(block, keys, place, circuit, extent, KEYS)
                by_width = width_gradient(by_charge, by_load, block, keys, place, circuit, extent, KEYS)
                total = add_pulse_gradient(
                    total, by_width * slopes[0], by_width * slopes[1], block, keys, place, circuit, extent
                )
                if circuit.retained is not None:
                    of_first = add_pulse_gradient(
                        of_first,
                        by_width * slopes[2],
                        by_width * slopes[3],
                        block,
                        keys,
                        place,
                        circuit,
                        extent,
                    )
    if circuit.retained is not None:
        # A pulse of no width is at the end of both phases' ranges, and a clamp passes its gradient on there.
        total = tl.where(block.pulses < 0, 0.0, total) - tl.where(block.pulses > 0, 0.0, of_first)
    line = (batch * extent.heads + head).to(tl.int64) * extent.queries
    at, inside = matrix(out, line * extent.rows, block.row, extent.rows, ROWS)
    tl.store(at, total, mask=inside & (block.row < end)[:, None])


@triton.jit
def first_query(position, batch, extent):
    """Index of the first query at this position or after it."""
    starts = extent.query_position + batch * extent.batch_stride
    low = tl.program_id(0) * 0
    high = low + extent.queries
    while low < high:
        middle = (low + high) // 2
        before = tl.load(starts + middle) < position
        low, high = tl.where(before, middle + 1, low), tl.where(before, high, middle)
    return low


@triton.jit
def add_to(pointer, keys, width, value):
    """Add `value` (keys, BLOCK) to a run's rows of a matrix that no other program writes."""
    at, inside = matrix(pointer, 0, keys.line, width, value.shape[1])
    mask = inside & keys.there[:, None]
    tl.store(at, tl.load(at, mask=mask, other=0.0) + value, mask=mask)


@triton.jit
def add_key_gradient(out, pulses, by_charge, by_load, block, keys, place, circuit, extent):
    """Add to a run's gradients of the first array what one phase of a block's pulses contributes."""
    term = out + place.first
    for i in range(circuit.first.number):
        part = with_age(by_charge, circuit.first, i, block, keys, extent)
        value = tl.dot(tl.trans(part), pulses, input_precision=circuit.precision)
        add_to(term, keys, extent.rows, value)
        term += circuit.first.stride
    if circuit.first.column is not None:
        value = tl.dot(tl.trans(by_load), pulses, input_precision=circuit.precision)
        add_to(term, keys, extent.rows, value)


@triton.jit
def add_value_gradient(out, width, by_charge, by_load, block, keys, place, circuit, extent):
    """Add to a run's gradients of the second array what a block's pulses of `width` contribute."""
    term = out + place.second
    for i in range(circuit.second.number):
        pulse = with_age(width, circuit.second, i, block, keys, extent)
        value = tl.dot(tl.trans(pulse), by_charge, input_precision=circuit.precision)
        add_to(term, keys, extent.outputs, value)
        term += circuit.second.stride
    if circuit.second.column is not None:
        value = tl.dot(tl.trans(width), by_load, input_precision=circuit.precision)
        add_to(term, keys, extent.outputs, value)


@triton.jit
def add_block(
    pulses, edges, gradient, d_keys, d_values, batch, head, first, end, tile, keys, place, circuit, extent,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, ROWS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """Add what a block of queries contributes to the gradients of a run of keys."""
    block = block_of(pulses, edges, batch, head, first, end, circuit, extent, QUERIES, ROWS)
    oldest, newest, first_lap, last_lap, _, _ = span(first, end, batch, extent)
    lapse = (oldest, newest, first_lap, last_lap)
    by_charge, by_load = sums_gradient(
        gradient, batch, head, block, lapse, tile, place, circuit, extent, end, KEYS, OUTPUTS
    )
    width, slopes = key_pulses(block, keys, place, circuit, extent, KEYS)
    add_value_gradient(d_values, width, by_charge, by_load, block, keys, place, circuit, extent)
    by_width = width_gradient(by_charge, by_load, block, keys, place, circuit, extent, KEYS)
    positive, by_key, by_loading = block.pulses, by_width * slopes[0], by_width * slopes[1]
    if circuit.retained is not None:
        negative = tl.where(positive > 0, 0.0, -positive)
        by_first, by_first_load = by_width * slopes[2], by_width * slopes[3]
        add_key_gradient(d_keys, negative, by_first, by_first_load, block, keys, place, circuit, extent)
        positive = tl.where(positive < 0, 0.0, positive)
    add_key_gradient(d_keys, positive, by_key, by_loading, block, keys, place, circuit, extent)


@triton.jit
def cells_kernel(
    pulses, edges, gradient, d_keys, d_values, circuit, extent,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, ROWS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """Add the gradients of both arrays' terms and loading to zeros. Grid: B Hkv, runs of keys."""
    kv_heads = extent.heads // extent.group
    batch, kv_head = tl.program_id(0) // kv_heads, tl.program_id(0) % kv_heads
    place = place_of(batch, kv_head, extent)
    per_lap = (extent.window + extent.columns - 1) // extent.columns
    run = extent.key_start // extent.window * per_lap + extent.key_start % extent.window // extent.columns
    run += tl.program_id(1)
    tile = run % per_lap
    start, stop = run_of(run // per_lap, tile, extent)
    if start < extent.key_start + extent.keys:
        keys = keys_of(start, stop, extent, KEYS)
        # The last query that sees one of them is at the last key's position and window - 1.
        end = first_query(stop - 1 + extent.window, batch, extent)
        for head in range(kv_head * extent.group, (kv_head + 1) * extent.group):
            for first in range(first_query(keys.origin, batch, extent), end, QUERIES):
                add_block(
                    pulses, edges, gradient, d_keys, d_values, batch, head, first,
                    tl.minimum(first + QUERIES, end), tile, keys, place, circuit, extent,
                    QUERIES, KEYS, ROWS, OUTPUTS,
                )  # fmt: skip
                # The next block adds to what this one has stored.
                tl.debug_barrier()
