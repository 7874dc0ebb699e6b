"""What each block of the periphery does for a model's operations, and what it must answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...circuits.digital import Block, Periphery, blocks
from ...circuits.digital.arithmetic import counted, divided, ring_place
from ...circuits.digital.drive import (
    Drive,
    accumulations,
    conversions,
    divisions,
    gray,
    pulse_levels,
    query_pulses,
    ring_places,
    scalings,
    sequence_words,
    sequences,
    writes,
)
from ...circuits.digital.simulation import Responses
from ...models.cost import Event
from .activations import Activations
from .words import Words, output_words, words_of

COLUMNS = 4
"""Number of columns whose sums, quotients and write levels are taken from each operation."""
EVERY = 4
"""The scalers take the elements of every so many operations: one of each run of a head's tokens."""
SCALED: Mapping[str, Event] = {
    "query": "query element",
    "key": "key element",
    "value": "value element",
    "output": "output element",
}
"""Event of an operation of each scaler."""


@dataclass(frozen=True)
class Case:
    """A block with its inputs from real activations."""

    drive: Drive
    """Block, inputs and samples."""
    uses: float
    """Operations of this block, all instances together, per head and token."""
    expected: Callable[..., np.ndarray]
    """Whether each result of a simulation is that of the Python model. For a read-out also with the counting
    edges `late` by a number of clocks."""
    events: Mapping[Event, np.ndarray]
    """Number of events of each operation of one instance that its energy follows from, shape (operations,)
    each. Numbers that are the same for all operations do not follow from the activations."""
    layers: np.ndarray
    """Number of each operation's layer, shape (operations,); constant for blocks without activations."""


def cases(activations: Activations, periphery: Periphery, operations: int) -> Iterator[Case]:
    """Every block with the activations of some operations, evenly from all layers and heads.

    Args:
        activations: signals of the model.
        periphery: sizes; window and depth are those of the activations.
        operations: number of operations to take, at least 2.
    """
    some = activations.spread(operations)
    made = blocks(periphery)
    yield from _pulses(made, some, periphery)
    yield from _readouts(made, some, periphery)
    yield from _places(made, some, periphery)
    yield from _scalers(made, some, periphery)


def _pulses(made: Mapping[str, Block], some: Activations, periphery: Periphery) -> Iterator[Case]:
    levels = some.query_levels
    events = {
        "query element": np.full(len(levels), periphery.depth),
        "query pulse": (levels != 0).sum(1),
        "query width": np.abs(levels).sum(1) / periphery.steps,
    }
    for name in ("pulse_generators_counters", "pulse_generators_gray"):
        drive = query_pulses(made[name], periphery, levels)

        def right(responses: Responses, drive: Drive = drive) -> np.ndarray:
            return pulse_levels(drive, responses, periphery) == levels

        yield Case(drive, made[name].per_head, right, events, some.layers)


def _readouts(made: Mapping[str, Block], some: Activations, periphery: Periphery) -> Iterator[Case]:
    counts, active = some.counts, some.active
    tiles = active.shape[1]
    # One instance reads the same sub-tile of one token after the other.
    pulses = some.widths.swapaxes(0, 1).reshape(-1, periphery.outputs)[active.T.ravel()]
    found = counts.swapaxes(0, 1).reshape(-1, periphery.outputs)[active.T.ravel()]
    layers = np.tile(some.layers, tiles)[active.T.ravel()]
    few = slice(None, None, max(1, len(pulses) // (2 * len(counts))))
    pulses, found, layers = pulses[few], found[few], layers[few]
    events = _read_out_events(found, periphery)
    for name in ("readout_counters", "readout_gray"):
        drive = conversions(made[name], periphery, pulses)
        yield Case(drive, made[name].per_head, _counts(drive, pulses, periphery.counts), events, layers)
    columns = counts[:, :, :COLUMNS].transpose(2, 0, 1).reshape(-1, tiles)
    width = columns.shape[0] // len(counts)
    used = np.tile(active, (width, 1))
    block = made["tile_accumulator"]
    drive = accumulations(block, periphery, np.abs(columns), columns < 0, used)
    right = _equal(drive, "sum", (columns * used).sum(1))
    yield Case(
        *(drive, block.per_head, right),
        _read_out_events(columns, periphery, used),
        np.tile(some.layers, width),
    )
    if periphery.designs.array.normaliser is not None:
        total = counts.sum(1)
        numerators = total[:, :COLUMNS].T.ravel()
        denominators = np.tile(total[:, -1], width)
        block = made["divider"]
        drive = divisions(block, periphery, numerators, denominators)
        quotients = [
            divided(int(n), int(d), periphery.fraction) for n, d in zip(numerators, denominators, strict=True)
        ]
        right = _equal(drive, "quotient", np.array(quotients))
        yield Case(drive, block.per_head, right, *_same("output element", np.tile(some.layers, width)))


def _read_out_events(
    counts: np.ndarray, periphery: Periphery, active: np.ndarray | None = None
) -> dict[Event, np.ndarray]:
    """Events of signed counts (operations, reads)."""
    used = np.ones_like(counts, dtype=bool) if active is None else active
    return {
        "read-out": used.sum(1),
        "read-out pulse": ((counts != 0) & used).sum(1),
        "read-out magnitude": (np.abs(counts) * used).sum(1) / periphery.counts,
    }


def _same(event: Event, layers: np.ndarray) -> tuple[dict[Event, np.ndarray], np.ndarray]:
    """One event in each operation, and the operations' layers."""
    return {event: np.ones(len(layers))}, layers


def _places(made: Mapping[str, Block], some: Activations, periphery: Periphery) -> Iterator[Case]:
    columns = periphery.designs.array.columns
    tokens = min(periphery.window + 8, 2 * columns + 8)
    block = made["ring_pointer"]
    drive = ring_places(block, periphery, tokens)
    places = np.array([ring_place(token, periphery.window, columns) for token in range(tokens)])
    right = _equal(drive, "column", places[:, 1])
    yield Case(drive, block.per_head, right, *_same("token", np.zeros(tokens)))
    block = made["sequencer"]
    drive = sequences(block, periphery, 3)
    right = _equal(drive, "line", np.array(sequence_words(periphery) * 3))
    yield Case(drive, block.per_head, right, *_same("operation", np.zeros(3)))
    token = np.sort(some.positions) % periphery.window
    block = made["word_line_decoder"]
    place = dict(zip(("tile", "column"), np.divmod(token, columns), strict=True))
    drive = writes(block, periphery, place, "write")
    right = _equal(drive, "word_line", np.array([1 << int(t) for t in token], object))
    yield Case(drive, block.per_head, right, *_same("token", np.zeros(len(token))))
    words = words_of(some.scalings["key"], periphery.word)
    written = words.levels(0, periphery.designs.levels.key - 1)[:, :COLUMNS].T.ravel()
    block = made["write_level_select"]
    drive = writes(block, periphery, {"level": written}, "enable")
    right = _equal(drive, "select", 1 << written)
    layers = np.tile(some.layers, len(written) // len(some.layers))
    yield Case(drive, block.per_head, right, *_same("written element", layers))


def _scalers(made: Mapping[str, Block], some: Activations, periphery: Periphery) -> Iterator[Case]:
    for signal, event in SCALED.items():
        block, scaling = made[f"{signal}_scaler"], some.scalings[signal]
        if signal == "output":
            words = output_words(scaling, periphery.word, periphery.sum_bits, periphery.word)
        else:
            words = words_of(scaling, periphery.word)
        low, high = (int(block.parameters[name]) for name in ("LOW", "HIGH"))
        depth = words.x.shape[1]
        few = slice(None, None, EVERY)
        drive = scalings(
            *(block, periphery, words.x[few].ravel()),
            *(np.repeat(values[few], depth) for values in (words.a, words.b)),
        )
        wanted = Words(words.x[few], words.a[few], words.b[few], words.fraction).levels(low, high)
        right = _equal(drive, "y", wanted.ravel())
        yield Case(drive, block.per_head * depth, right, *_same(event, np.repeat(some.layers[few], depth)))


def _equal(drive: Drive, output: str, wanted: np.ndarray) -> Callable[[Responses], np.ndarray]:
    return lambda responses: np.array(drive.results(responses, output), dtype=object) == wanted


def _counts(drive: Drive, pulses: np.ndarray, steps: int) -> Callable[..., np.ndarray]:
    """Comparison of a read-out with `counted`; pulses have the shape (operations, columns)."""
    columns = pulses.shape[1]
    width = drive.block.outputs["magnitude"] // columns

    def compare(responses: Responses, late: float = 0.0) -> np.ndarray:
        shorter = np.maximum(np.abs(pulses) - late / steps, 0.0)
        wanted = np.array([[counted(pulse, steps) for pulse in row] for row in shorter])
        if drive.block.parameters["GRAY"]:
            wanted = gray(wanted)
        mask = (1 << width) - 1
        found = [
            [-1 if word is None else word >> (i * width) & mask for i in range(columns)]
            for word in drive.results(responses, "magnitude")
        ]
        return np.array(found) == wanted

    return compare
