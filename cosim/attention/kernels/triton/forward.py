"""Triton: both products, one program per head and block of queries, sub-tile by sub-tile.

The keys of a sub-tile sit in one run of positions per lap of the ring; a block of queries near a lap's end
sees the newest keys of one lap and the oldest of the lap before in the same columns, and their charges add
before the converter. Rows of a block are queries, its columns keys, or outputs of the second array.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .operands import Block, Keys, Place
from .stages import aged, converted, counted, delivered


@triton.jit
def matrix(pointer, base, line, width, BLOCK: tl.constexpr):
    """Addresses (lines, BLOCK) of rows of a matrix (.., width) from `base` on, and which are inside."""
    column = tl.arange(0, BLOCK)
    return pointer + base + line[:, None] * width + column[None, :], (column < width)[None, :]


@triton.jit
def place_of(batch, kv_head, extent):
    """Where the matrices of one key-value head begin."""
    lines = (batch * (extent.heads // extent.group) + kv_head).to(tl.int64) * extent.keys
    return Place(lines * extent.rows, lines * extent.outputs, kv_head)


@triton.jit
def block_of(
    pulses, edges, batch, head, first, end, circuit, extent, QUERIES: tl.constexpr, ROWS: tl.constexpr
):
    """The queries first .. end - 1, at most QUERIES of them."""
    row = first + tl.arange(0, QUERIES)
    inside = row < end
    starts = extent.query_position + batch * extent.batch_stride
    # A query that is not there is before every key.
    position = tl.load(starts + row, mask=inside, other=-1).to(tl.int32)
    line = (batch * extent.heads + head).to(tl.int64) * extent.queries
    at, within = matrix(pulses, line * extent.rows, row, extent.rows, ROWS)
    widths = tl.load(at, mask=within & inside[:, None], other=0.0)
    own = tl.full((QUERIES,), 0.0, tl.float32)
    of_first = own
    if edges is not None:
        if circuit.retained is None:
            own = tl.load(edges + line + row, mask=inside, other=0.0)
        else:
            own = tl.load(edges + 2 * line + extent.queries + row, mask=inside, other=0.0)
            of_first = tl.load(edges + 2 * line + row, mask=inside, other=0.0)
    return Block(row, position, widths, own, of_first)


@triton.jit
def span(first, end, batch, extent):
    """Oldest and newest position that the queries first .. end - 1 see, their laps of the ring, and the
    sub-tiles from the first to the one after the last."""
    starts = extent.query_position + batch * extent.batch_stride
    lowest, highest = tl.load(starts + first).to(tl.int32), tl.load(starts + end - 1).to(tl.int32)
    oldest = tl.maximum(lowest - extent.window + 1, extent.key_start)
    newest = tl.minimum(highest, extent.key_start + extent.keys - 1)
    last = tl.maximum(newest, 0)
    first_lap, last_lap = oldest // extent.window, last // extent.window
    one_lap = first_lap == last_lap
    tile = tl.where(one_lap, oldest % extent.window // extent.columns, 0)
    final = tl.where(one_lap, last % extent.window, extent.window - 1) // extent.columns
    return oldest, newest, first_lap, last_lap, tile, tl.where(newest < oldest, tile, final + 1)


@triton.jit
def run_of(lap, tile, extent):
    """First position of a sub-tile's columns in one lap of the ring, and the position after the last."""
    start = lap * extent.window + tile * extent.columns
    return start, tl.minimum(start + extent.columns, (lap + 1) * extent.window)


@triton.jit
def keys_of(start, end, extent, KEYS: tl.constexpr):
    """The keys from position `start` to `end` - 1."""
    position = start + tl.arange(0, KEYS)
    there = (position >= extent.key_start) & (position < tl.minimum(end, extent.key_start + extent.keys))
    return Keys(position, position - extent.key_start, there, tl.maximum(start, extent.key_start))


@triton.jit
def cells_of(pointer, keys, width, BLOCK: tl.constexpr):
    """(keys, BLOCK) stored numbers of a run; 0 where there is no cell."""
    at, inside = matrix(pointer, 0, keys.line, width, BLOCK)
    return tl.load(at, mask=inside & keys.there[:, None], other=0.0)


@triton.jit
def with_age(x, array, i, block, keys, extent):
    """x (queries, keys) times what term i is multiplied with."""
    if array.factors is not None:
        factor = array.factors + i * array.longer
        x *= aged(factor, array.exponential, block.position, keys.position, keys.origin, extent.ages)
    return x


@triton.jit
def first_sums(pulses, block, keys, place, circuit, extent, KEYS: tl.constexpr):
    """Charge and loading (queries, keys) that the cells of the first array sum, without edges."""
    charge = tl.full((pulses.shape[0], KEYS), 0.0, tl.float32)
    load = tl.full((pulses.shape[0], KEYS), 0.0, tl.float32)
    term = circuit.first.terms + place.first
    # A loop that is not unrolled: the registers hold one term at a time.
    for i in range(circuit.first.number):
        cells = cells_of(term, keys, extent.rows, pulses.shape[1])
        part = tl.dot(pulses, tl.trans(cells), input_precision=circuit.precision)
        charge += with_age(part, circuit.first, i, block, keys, extent)
        term += circuit.first.stride
    if circuit.first.column is not None:
        cells = cells_of(term, keys, extent.rows, pulses.shape[1])
        load = tl.dot(pulses, tl.trans(cells), input_precision=circuit.precision)
    return charge, load


@triton.jit
def integrated(block, keys, place, circuit, extent, KEYS: tl.constexpr):
    """Charge on the first integration nodes, and its slopes: against charge and loading of the cells in the
    only or second phase, then against those in the first of two."""
    if circuit.retained is None:
        charge, load = first_sums(block.pulses, block, keys, place, circuit, extent, KEYS)
        charge, by_charge, by_load = delivered(charge + block.edges[:, None], load, circuit.first)
        result = (charge, by_charge, by_load, by_charge, by_load)
    else:
        negative = tl.where(block.pulses > 0, 0.0, -block.pulses)
        charge, load = first_sums(negative, block, keys, place, circuit, extent, KEYS)
        held, held_by_charge, held_by_load = delivered(
            charge + block.first_edges[:, None], load, circuit.first
        )
        held *= circuit.retained
        positive = tl.where(block.pulses < 0, 0.0, block.pulses)
        charge, load = first_sums(positive, block, keys, place, circuit, extent, KEYS)
        charge += block.edges[:, None] + held * load
        charge, by_charge, by_load = delivered(charge, load, circuit.first)
        by_held = (by_charge * load - 1.0) * circuit.retained
        by_load += by_charge * held
        result = (charge - held, by_charge, by_load, by_held * held_by_charge, by_held * held_by_load)
    return result


@triton.jit
def key_pulses(block, keys, place, circuit, extent, KEYS: tl.constexpr):
    """Widths (queries, keys) of the pulses into the second array, and slopes as those of `integrated`."""
    charge, by_charge, by_load, first_by_charge, first_by_load = integrated(
        block, keys, place, circuit, extent, KEYS
    )
    gain = tl.full((KEYS,), 1.0, tl.float32)
    if circuit.first.deviation is not None:
        own = circuit.first.deviation + 2 * (place.kv_head * extent.keys + keys.line)
        gain += tl.load(own + 1, mask=keys.there, other=0.0)
        charge = (charge - tl.load(own, mask=keys.there, other=0.0)[None, :]) * gain[None, :]
    width, slope = converted(charge, circuit.first, 0.0)
    age = block.position[:, None] - keys.position[None, :]
    seen = keys.there[None, :] & (age >= 0) & (age < extent.window)
    slope = tl.where(seen, slope * gain[None, :], 0.0)
    slopes = (slope * by_charge, slope * by_load, slope * first_by_charge, slope * first_by_load)
    return tl.where(seen, width, 0.0), slopes


@triton.jit
def second_sums(charge, load, width, block, keys, place, circuit, extent, KEYS: tl.constexpr):
    """Charge and loading (queries, outputs) with what a run of keys adds for pulses of `width`."""
    term = circuit.second.terms + place.second
    for i in range(circuit.second.number):
        cells = cells_of(term, keys, extent.outputs, charge.shape[1])
        pulse = with_age(width, circuit.second, i, block, keys, extent)
        charge = tl.dot(pulse, cells, charge, input_precision=circuit.precision)
        term += circuit.second.stride
    if circuit.second.column is not None:
        cells = cells_of(term, keys, extent.outputs, charge.shape[1])
        load = tl.dot(width, cells, load, input_precision=circuit.precision)
    if circuit.second.edge is not None:
        edge = tl.full((KEYS, charge.shape[1]), 1.0, tl.float32) * circuit.second.edge
        charge = tl.dot(tl.where(width > 0, 1.0, 0.0), edge, charge, input_precision=circuit.precision)
    return charge, load


@triton.jit
def tile_sums(block, lapse, tile, place, circuit, extent, KEYS: tl.constexpr, OUTPUTS: tl.constexpr):
    """Charge and loading (queries, outputs) of a sub-tile's second product, and which queries operate it."""
    oldest, newest, first_lap, last_lap = lapse
    charge = tl.full((block.pulses.shape[0], OUTPUTS), 0.0, tl.float32)
    load = tl.full((block.pulses.shape[0], OUTPUTS), 0.0, tl.float32)
    operated = block.position < -1
    for lap in range(first_lap, last_lap + 1):
        start, end = run_of(lap, tile, extent)
        if (end > oldest) & (start <= newest):
            keys = keys_of(start, end, extent, KEYS)
            width, _ = key_pulses(block, keys, place, circuit, extent, KEYS)
            charge, load = second_sums(charge, load, width, block, keys, place, circuit, extent, KEYS)
            # From the oldest to the newest key of the run that a query sees.
            since = tl.maximum(block.position - extent.window + 1, keys.origin)
            until = tl.minimum(block.position, tl.minimum(end, extent.key_start + extent.keys) - 1)
            operated = operated | (since <= until)
    return charge, load, operated


@triton.jit
def read_out(charge, load, operated, tile, place, circuit, extent):
    """Counted read-out (queries, outputs) of a sub-tile, and its slopes against charge and loading."""
    charge, by_charge, by_load = delivered(charge, load, circuit.second)
    slope = tl.full(charge.shape, 1.0, tl.float32)
    if circuit.second.deviation is not None:
        column = tl.arange(0, charge.shape[1])
        inside = column < extent.outputs
        own = circuit.second.deviation + 4 * ((place.kv_head * extent.tiles + tile) * extent.outputs + column)
        gain, other_gain = tl.load(own + 1, mask=inside, other=0.0), tl.load(own + 3, mask=inside, other=0.0)
        offset, other_offset = tl.load(own, mask=inside, other=0.0), tl.load(own + 2, mask=inside, other=0.0)
        slope = 1.0 + tl.where(charge > 0, gain[None, :], other_gain[None, :])
        charge = (charge - tl.where(charge > 0, offset[None, :], other_offset[None, :])) * slope
    width, along = converted(charge, circuit.second, -1.0)
    slope = tl.where(operated[:, None], slope * along, 0.0)
    if circuit.steps is not None:
        width = counted(width, circuit.steps)
    return tl.where(operated[:, None], width, 0.0), slope * by_charge, slope * by_load


@triton.jit
def forward_kernel(
    pulses, edges, out, circuit, extent, splits,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, ROWS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """Sum over the sub-tiles of what is read out, (splits, B, H, T, outputs): every `splits`-th from a first.

    Grid: B H, blocks of queries, splits.
    """
    # The last queries see the most keys: they begin first.
    first = (tl.num_programs(1) - 1 - tl.program_id(1)) * QUERIES
    batch, head = tl.program_id(0) // extent.heads, tl.program_id(0) % extent.heads
    place = place_of(batch, head // extent.group, extent)
    end = tl.minimum(first + QUERIES, extent.queries)
    block = block_of(pulses, edges, batch, head, first, end, circuit, extent, QUERIES, ROWS)
    oldest, newest, first_lap, last_lap, tile, end_tile = span(first, end, batch, extent)
    total = tl.full((QUERIES, OUTPUTS), 0.0, tl.float32)
    for each in range(tile + tl.program_id(2), end_tile, splits):
        lapse = (oldest, newest, first_lap, last_lap)
        charge, load, operated = tile_sums(block, lapse, each, place, circuit, extent, KEYS, OUTPUTS)
        width, _, _ = read_out(charge, load, operated, each, place, circuit, extent)
        total += width
    line = (tl.program_id(2) * tl.num_programs(0) + tl.program_id(0)).to(tl.int64) * extent.queries
    at, inside = matrix(out, line * extent.outputs, block.row, extent.outputs, OUTPUTS)
    tl.store(at, total, mask=inside & (block.row < end)[:, None])
