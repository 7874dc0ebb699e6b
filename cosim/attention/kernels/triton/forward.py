"""Triton: both products, one program per head and block of queries, sub-tile by sub-tile.

The keys of a sub-tile have one run of consecutive positions per lap of the ring. A block of queries near the
end of a lap sees, in the same columns, the newest keys of one lap and the oldest of the lap before, and their
charges add before the converter. In shape comments, QUERIES, KEYS, ROWS and OUTPUTS are block sizes; a name
`by_x` is a derivative with respect to x.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .operands import HeadOffsets, KeyRun, QueryBlock
from .stages import converted, counted, decay_factor, delivered


@triton.jit
def addresses(pointer, base, rows, width, BLOCK: tl.constexpr):
    """Addresses (rows, BLOCK) in a matrix (.., width) that starts at `base`, and a column mask (1, BLOCK)."""
    column = tl.arange(0, BLOCK)
    return pointer + base + rows[:, None] * width + column[None, :], (column < width)[None, :]


@triton.jit
def head_offsets(batch, kv_head, sizes):
    """Offsets of the matrices of one key-value head."""
    keys = (batch * (sizes.heads // sizes.group) + kv_head).to(tl.int64) * sizes.keys
    return HeadOffsets(keys * sizes.rows, keys * sizes.outputs, kv_head)


@triton.jit
def load_queries(
    pulses, edges, batch, head, first, end, circuit, sizes, QUERIES: tl.constexpr, ROWS: tl.constexpr
):
    """The queries first .. end - 1, at most QUERIES of them."""
    row = first + tl.arange(0, QUERIES)  # (QUERIES,)
    inside = row < end
    starts = sizes.query_position + batch * sizes.batch_stride
    # Position -1 precedes every key, so a query that does not exist sees none.
    position = tl.load(starts + row, mask=inside, other=-1).to(tl.int32)  # (QUERIES,)
    line = (batch * sizes.heads + head).to(tl.int64) * sizes.queries
    at, within = addresses(pulses, line * sizes.rows, row, sizes.rows, ROWS)
    widths = tl.load(at, mask=within & inside[:, None], other=0.0)  # (QUERIES, ROWS)
    own_edges = tl.full((QUERIES,), 0.0, tl.float32)
    first_edges = own_edges
    if edges is not None:
        if circuit.swap_efficiency is None:
            own_edges = tl.load(edges + line + row, mask=inside, other=0.0)
        else:
            own_edges = tl.load(edges + 2 * line + sizes.queries + row, mask=inside, other=0.0)
            first_edges = tl.load(edges + 2 * line + row, mask=inside, other=0.0)
    return QueryBlock(row, position, widths, own_edges, first_edges)


@triton.jit
def visible_span(first, end, batch, sizes):
    """Keys that the queries first .. end - 1 see.

    Returns their oldest and newest position, the first and last lap of the ring, the first sub-tile and the
    sub-tile after the last.
    """
    starts = sizes.query_position + batch * sizes.batch_stride
    lowest, highest = tl.load(starts + first).to(tl.int32), tl.load(starts + end - 1).to(tl.int32)
    oldest = tl.maximum(lowest - sizes.window + 1, sizes.key_start)
    newest = tl.minimum(highest, sizes.key_start + sizes.keys - 1)
    last = tl.maximum(newest, 0)
    first_lap, last_lap = oldest // sizes.window, last // sizes.window
    one_lap = first_lap == last_lap
    tile = tl.where(one_lap, oldest % sizes.window // sizes.columns, 0)
    final = tl.where(one_lap, last % sizes.window, sizes.window - 1) // sizes.columns
    return oldest, newest, first_lap, last_lap, tile, tl.where(newest < oldest, tile, final + 1)


@triton.jit
def run_bounds(lap, tile, sizes):
    """First position of a sub-tile's columns in one lap of the ring, and the position after the last."""
    start = lap * sizes.window + tile * sizes.columns
    return start, tl.minimum(start + sizes.columns, (lap + 1) * sizes.window)


@triton.jit
def key_run(start, end, sizes, KEYS: tl.constexpr):
    """The keys at positions start .. end - 1."""
    position = start + tl.arange(0, KEYS)  # (KEYS,)
    present = (position >= sizes.key_start) & (position < tl.minimum(end, sizes.key_start + sizes.keys))
    return KeyRun(position, position - sizes.key_start, present, tl.maximum(start, sizes.key_start))


@triton.jit
def load_cells(pointer, keys, width, BLOCK: tl.constexpr):
    """Numbers of a run's cells, (KEYS, BLOCK); 0 where there is no cell."""
    at, inside = addresses(pointer, 0, keys.packed, width, BLOCK)
    return tl.load(at, mask=inside & keys.present[:, None], other=0.0)


@triton.jit
def decayed(x, array, i, block, keys, sizes):
    """x (QUERIES, KEYS) times the decay factor of term i."""
    if array.factors is not None:
        factors = array.factors + i * array.factor_ages
        x *= decay_factor(factors, array.exponential, block.position, keys.position, keys.start, sizes.ages)
    return x


@triton.jit
def transposed_sum(x, cells, number, first_factor, array, keys, block, sizes, width, KEYS: tl.constexpr):
    """Sum over terms of x (QUERIES, width) times a run's cells, decayed: (QUERIES, KEYS).

    cells: pointer to the first of `number` terms; first_factor: index of the decay factor of that term.
    """
    total = tl.full((x.shape[0], KEYS), 0.0, tl.float32)  # (QUERIES, KEYS)
    # Not unrolled, so that registers hold one term at a time.
    for i in range(number):
        own = load_cells(cells, keys, width, x.shape[1])  # (KEYS, width)
        part = tl.dot(x, tl.trans(own), input_precision=array.precision)  # (QUERIES, KEYS)
        total += decayed(part, array, first_factor + i, block, keys, sizes)
        cells += array.stride
    return total


@triton.jit
def plus_sum(total, x, cells, number, first_factor, array, keys, block, sizes, width):
    """total (QUERIES, width) and the sum over terms of x (QUERIES, KEYS), decayed, times a run's cells."""
    for i in range(number):
        own = load_cells(cells, keys, width, total.shape[1])  # (KEYS, width)
        part = decayed(x, array, first_factor + i, block, keys, sizes)  # (QUERIES, KEYS)
        total = tl.dot(part, own, total, input_precision=array.precision)
        cells += array.stride
    return total


@triton.jit
def first_sums(pulses, block, keys, offsets, circuit, sizes, KEYS: tl.constexpr):
    """Charge and loading (QUERIES, KEYS) that the cells of the first array sum, without pulse edges."""
    term = circuit.first.terms + offsets.first
    charge = transposed_sum(
        pulses, term, circuit.first.number, 0, circuit.first, keys, block, sizes, sizes.rows, KEYS
    )
    load = tl.full((pulses.shape[0], KEYS), 0.0, tl.float32)  # (QUERIES, KEYS)
    if circuit.first.column is not None:
        term += circuit.first.number * circuit.first.stride
        cells = load_cells(term, keys, sizes.rows, pulses.shape[1])  # (KEYS, ROWS)
        load = tl.dot(pulses, tl.trans(cells), input_precision=circuit.first.precision)
    return charge, load


@triton.jit
def integrated(block, keys, offsets, circuit, sizes, KEYS: tl.constexpr):
    """Charge on the first integration nodes and its derivatives, all (QUERIES, KEYS).

    Derivatives are by charge and loading of the cells in the only or second phase, then by those in the first
    of two phases.
    """
    if circuit.swap_efficiency is None:
        charge, load = first_sums(block.pulses, block, keys, offsets, circuit, sizes, KEYS)
        charge, by_charge, by_load = delivered(charge + block.edges[:, None], load, circuit.first)
        result = (charge, by_charge, by_load, by_charge, by_load)
    else:
        negative = tl.where(block.pulses > 0, 0.0, -block.pulses)  # (QUERIES, ROWS)
        charge, load = first_sums(negative, block, keys, offsets, circuit, sizes, KEYS)
        swapped, swapped_by_charge, swapped_by_load = delivered(
            charge + block.first_edges[:, None], load, circuit.first
        )
        swapped *= circuit.swap_efficiency
        positive = tl.where(block.pulses < 0, 0.0, block.pulses)  # (QUERIES, ROWS)
        charge, load = first_sums(positive, block, keys, offsets, circuit, sizes, KEYS)
        charge += block.edges[:, None] + swapped * load
        charge, by_charge, by_load = delivered(charge, load, circuit.first)
        by_swapped = (by_charge * load - 1.0) * circuit.swap_efficiency
        by_load += by_charge * swapped
        first_by_charge, first_by_load = by_swapped * swapped_by_charge, by_swapped * swapped_by_load
        result = (charge - swapped, by_charge, by_load, first_by_charge, first_by_load)
    return result


@triton.jit
def key_pulses(block, keys, offsets, circuit, sizes, KEYS: tl.constexpr):
    """Pulse widths into the second array and their derivatives as in `integrated`, all (QUERIES, KEYS)."""
    charge, by_charge, by_load, first_by_charge, first_by_load = integrated(
        block, keys, offsets, circuit, sizes, KEYS
    )
    gain = tl.full((KEYS,), 1.0, tl.float32)  # (KEYS,)
    if circuit.first.deviation is not None:
        own = circuit.first.deviation + 2 * (offsets.kv_head * sizes.keys + keys.packed)
        gain += tl.load(own + 1, mask=keys.present, other=0.0)
        charge = (charge - tl.load(own, mask=keys.present, other=0.0)[None, :]) * gain[None, :]
    width, slope = converted(charge, circuit.first, 0.0)
    age = block.position[:, None] - keys.position[None, :]  # (QUERIES, KEYS)
    seen = keys.present[None, :] & (age >= 0) & (age < sizes.window)
    slope = tl.where(seen, slope * gain[None, :], 0.0)
    slopes = (slope * by_charge, slope * by_load, slope * first_by_charge, slope * first_by_load)
    return tl.where(seen, width, 0.0), slopes


@triton.jit
def second_sums(charge, load, width, block, keys, offsets, circuit, sizes, KEYS: tl.constexpr):
    """Charge and loading (QUERIES, OUTPUTS), with the contribution of a run of keys added.

    width: pulses into the second array, (QUERIES, KEYS).
    """
    term, number = circuit.second.terms + offsets.second, circuit.second.number
    charge = plus_sum(charge, width, term, number, 0, circuit.second, keys, block, sizes, sizes.outputs)
    if circuit.second.column is not None:
        term += number * circuit.second.stride
        cells = load_cells(term, keys, sizes.outputs, charge.shape[1])  # (KEYS, OUTPUTS)
        load = tl.dot(width, cells, load, input_precision=circuit.second.precision)
    if circuit.second.edge is not None:
        edge = tl.full((KEYS, charge.shape[1]), 1.0, tl.float32) * circuit.second.edge  # (KEYS, OUTPUTS)
        charge = tl.dot(tl.where(width > 0, 1.0, 0.0), edge, charge, input_precision=circuit.second.precision)
    return charge, load


@triton.jit
def tile_sums(block, span, tile, offsets, circuit, sizes, KEYS: tl.constexpr, OUTPUTS: tl.constexpr):
    """Second product of a sub-tile: charge and loading (QUERIES, OUTPUTS), and which queries operate it.

    span: oldest and newest position, first and last lap, as in `visible_span`.
    """
    oldest, newest, first_lap, last_lap = span
    charge = tl.full((block.pulses.shape[0], OUTPUTS), 0.0, tl.float32)  # (QUERIES, OUTPUTS)
    load = tl.full((block.pulses.shape[0], OUTPUTS), 0.0, tl.float32)  # (QUERIES, OUTPUTS)
    operated = block.position < -1  # (QUERIES,), all False
    for lap in range(first_lap, last_lap + 1):
        start, end = run_bounds(lap, tile, sizes)
        if (end > oldest) & (start <= newest):
            keys = key_run(start, end, sizes, KEYS)
            width, _ = key_pulses(block, keys, offsets, circuit, sizes, KEYS)  # (QUERIES, KEYS)
            charge, load = second_sums(charge, load, width, block, keys, offsets, circuit, sizes, KEYS)
            # A query operates the sub-tile if it sees a key of the run: from `since` to `until`.
            since = tl.maximum(block.position - sizes.window + 1, keys.start)  # (QUERIES,)
            until = tl.minimum(block.position, tl.minimum(end, sizes.key_start + sizes.keys) - 1)
            operated = operated | (since <= until)
    return charge, load, operated


@triton.jit
def read_out(charge, load, operated, tile, offsets, circuit, sizes):
    """Counted read-out of a sub-tile and its derivatives by charge and loading, all (QUERIES, OUTPUTS)."""
    charge, by_charge, by_load = delivered(charge, load, circuit.second)
    slope = tl.full(charge.shape, 1.0, tl.float32)
    if circuit.second.deviation is not None:
        column = tl.arange(0, charge.shape[1])  # (OUTPUTS,)
        inside = column < sizes.outputs
        own = circuit.second.deviation + 4 * ((offsets.kv_head * sizes.tiles + tile) * sizes.outputs + column)
        # Offset and gain error of the positive polarity, then of the negative one.
        gain, negative_gain = (
            tl.load(own + 1, mask=inside, other=0.0),
            tl.load(own + 3, mask=inside, other=0.0),
        )
        offset, negative_offset = (
            tl.load(own, mask=inside, other=0.0),
            tl.load(own + 2, mask=inside, other=0.0),
        )
        slope = 1.0 + tl.where(charge > 0, gain[None, :], negative_gain[None, :])
        charge = (charge - tl.where(charge > 0, offset[None, :], negative_offset[None, :])) * slope
    width, converter_slope = converted(charge, circuit.second, -1.0)
    slope = tl.where(operated[:, None], slope * converter_slope, 0.0)
    if circuit.steps is not None:
        width = counted(width, circuit.steps)
    return tl.where(operated[:, None], width, 0.0), slope * by_charge, slope * by_load


@triton.jit
def forward_kernel(
    pulses, edges, out, circuit, sizes, splits,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, ROWS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """Sum over sub-tiles of their read-outs, shape (splits, B, H, T, outputs).

    Split i sums every `splits`-th sub-tile from the i-th on. Grid: B H, blocks of queries, splits.
    """
    # The last queries see the most keys, so their programs start first.
    first = (tl.num_programs(1) - 1 - tl.program_id(1)) * QUERIES
    batch, head = tl.program_id(0) // sizes.heads, tl.program_id(0) % sizes.heads
    offsets = head_offsets(batch, head // sizes.group, sizes)
    end = tl.minimum(first + QUERIES, sizes.queries)
    block = load_queries(pulses, edges, batch, head, first, end, circuit, sizes, QUERIES, ROWS)
    oldest, newest, first_lap, last_lap, first_tile, end_tile = visible_span(first, end, batch, sizes)
    total = tl.full((QUERIES, OUTPUTS), 0.0, tl.float32)  # (QUERIES, OUTPUTS)
    for tile in range(first_tile + tl.program_id(2), end_tile, splits):
        span = (oldest, newest, first_lap, last_lap)
        charge, load, operated = tile_sums(block, span, tile, offsets, circuit, sizes, KEYS, OUTPUTS)
        width, _, _ = read_out(charge, load, operated, tile, offsets, circuit, sizes)
        total += width
    line = (tl.program_id(2) * tl.num_programs(0) + tl.program_id(0)).to(tl.int64) * sizes.queries
    at, inside = addresses(out, line * sizes.outputs, block.row, sizes.outputs, OUTPUTS)
    tl.store(at, total, mask=inside & (block.row < end)[:, None])
