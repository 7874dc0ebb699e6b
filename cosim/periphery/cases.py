"""What each block of the periphery does for a model's operations, and what it must answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...circuits.digital import Periphery, blocks
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
from .activations import Activations
from .words import Words, output_words, words_of

COLUMNS = 4
"""Number of columns whose sums, quotients and write levels are taken from each operation."""


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


def cases(activations: Activations, periphery: Periphery, operations: int) -> Iterator[Case]:
    """Every block with the activations of the first operations.

    Args:
        activations: signals of the model.
        periphery: sizes; window and depth are those of the activations.
        operations: number of operations to take, at least 2.
    """
    made, some = blocks(periphery), slice(0, operations)
    levels = activations.query_levels[some]
    for name in ("pulse_generators_counters", "pulse_generators_gray"):
        drive = query_pulses(made[name], periphery, levels)
        yield Case(drive, made[name].per_head, _pulses(drive, periphery, levels))
    yield from _readouts(activations, periphery, some)
    yield from _places(activations, periphery, some)
    yield from _scalers(activations, periphery, some)


def _pulses(drive: Drive, periphery: Periphery, levels: np.ndarray) -> Callable[[Responses], np.ndarray]:
    return lambda responses: pulse_levels(drive, responses, periphery) == levels


def _readouts(activations: Activations, periphery: Periphery, some: slice) -> Iterator[Case]:
    made, counts = blocks(periphery), activations.counts[some]
    tiles = activations.active.shape[1]
    pulses = activations.widths[some].reshape(-1, periphery.outputs)[activations.active[some].ravel()]
    pulses = pulses[: 2 * (some.stop or 0)]
    steps = periphery.counts
    for name in ("readout_counters", "readout_gray"):
        drive = conversions(made[name], periphery, pulses)
        yield Case(drive, made[name].per_head, _counts(drive, pulses, steps))
    columns = counts[:, :, :COLUMNS].transpose(2, 0, 1).reshape(-1, tiles)
    active = np.tile(activations.active[some], (min(COLUMNS, counts.shape[2]), 1))
    block = made["tile_accumulator"]
    drive = accumulations(block, periphery, np.abs(columns), columns < 0, active)
    sums = (columns * active).sum(1)
    yield Case(drive, block.per_head, _equal(drive, "sum", sums))
    if periphery.designs.array.normaliser is not None:
        total = counts.sum(1)
        numerators = total[:, :COLUMNS].T.ravel()
        denominators = np.tile(total[:, -1], numerators.size // len(total))
        block = made["divider"]
        drive = divisions(block, periphery, numerators, denominators)
        quotients = [
            divided(int(n), int(d), periphery.fraction) for n, d in zip(numerators, denominators, strict=True)
        ]
        yield Case(drive, block.per_head, _equal(drive, "quotient", np.array(quotients)))


def _places(activations: Activations, periphery: Periphery, some: slice) -> Iterator[Case]:
    made, columns = blocks(periphery), periphery.designs.array.columns
    tokens = min(periphery.window + 8, 2 * columns + 8)
    block = made["ring_pointer"]
    drive = ring_places(block, periphery, tokens)
    places = np.array([ring_place(token, periphery.window, columns) for token in range(tokens)])
    yield Case(drive, block.per_head, _equal(drive, "column", places[:, 1]))
    block = made["sequencer"]
    drive = sequences(block, periphery, 3)
    yield Case(drive, block.per_head, _equal(drive, "line", np.array(sequence_words(periphery) * 3)))
    token = np.sort(activations.positions[some]) % periphery.window
    block = made["word_line_decoder"]
    place = dict(zip(("tile", "column"), np.divmod(token, columns), strict=True))
    drive = writes(block, periphery, place, "write")
    yield Case(
        drive, block.per_head, _equal(drive, "word_line", np.array([1 << int(t) for t in token], object))
    )
    words = words_of(activations.scalings["key"], periphery.word)
    highest = periphery.designs.levels.key - 1
    written = words.levels(0, highest)[some, :COLUMNS].T.ravel()
    block = made["write_level_select"]
    drive = writes(block, periphery, {"level": written}, "enable")
    yield Case(drive, block.per_head, _equal(drive, "select", 1 << written))


def _scalers(activations: Activations, periphery: Periphery, some: slice) -> Iterator[Case]:
    made = blocks(periphery)
    for signal in ("query", "key", "value", "output"):
        block, scaling = made[f"{signal}_scaler"], activations.scalings[signal]
        if signal == "output":
            words = output_words(scaling, periphery.word, periphery.sum_bits, periphery.word)
        else:
            words = words_of(scaling, periphery.word)
        low, high = (int(block.parameters[name]) for name in ("LOW", "HIGH"))
        depth = words.x.shape[1]
        few = slice(0, max(2, some.stop // 8))
        drive = scalings(
            *(block, periphery, words.x[few].ravel()),
            *(np.repeat(values[few], depth) for values in (words.a, words.b)),
        )
        wanted = Words(words.x[few], words.a[few], words.b[few], words.fraction).levels(low, high)
        yield Case(drive, block.per_head * depth, _equal(drive, "y", wanted.ravel()))


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
