"""Stimuli of the blocks from the activations of attention operations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .blocks import Block, Periphery, bits
from .sequence import Sequence
from .simulation import UNIT, Responses, Stimuli


@dataclass(frozen=True)
class Drive:
    """A block, its inputs over a number of operations, and where the results appear."""

    block: Block
    """The block."""
    stimuli: Stimuli
    """Its inputs."""
    samples: np.ndarray
    """Index of the responses that have the results, shape (results,)."""
    operations: int
    """Number of operations."""
    lead: int | None = 0
    """Clocks before the first operation; None where the inputs are not `Stimuli.clocked`."""

    @property
    def bounds(self) -> np.ndarray:
        """Times between operations, shape (operations + 1,), units of `UNIT`; all are equally long.

        Inputs that `Stimuli.clocked` made change after the rising edge before the one that takes them.
        """
        if self.lead is None:
            return np.linspace(0, self.stimuli.end, self.operations + 1).astype(np.int64)
        clock = 8 * round(self.block.clock / UNIT / 8)
        one = (self.stimuli.end // clock - 1 - self.lead) // self.operations * clock
        return self.lead * clock + clock // 8 + one * np.arange(self.operations + 1)

    def results(self, responses: Responses, output: str) -> list[int | None]:
        """Values of an output where the results appear.

        Args:
            responses: outcome of the simulation.
            output: name of the output.
        """
        return [responses.values[output][i] for i in self.samples]


def query_pulses(block: Block, periphery: Periphery, levels: np.ndarray, spare: int = 2) -> Drive:
    """Operations of the pulse generators: load, and one phase of pulses, or two.

    Args:
        block: one of the pulse generators.
        periphery: its sizes.
        levels: query levels, shape (operations, depth), whole numbers, negative for a negative query.
        spare: clocks without activity before each phase.
    """
    phases = 2 if periphery.query_scheme == "two-phase" else 1
    run = periphery.steps + 1
    one = 1 + phases * (spare + run + 1)
    count = len(levels)
    load, running, phase = (np.zeros((count, one), int) for _ in range(3))
    load[:, 0] = 1
    for i in range(phases):
        start = 1 + spare + i * (spare + run + 1)
        running[:, start : start + run] = 1
        # The first phase is that of negative queries.
        phase[:, start - 1 : start + run + 1] = int(phases == 2 and i == 0)
    width = bits(periphery.steps)
    words = [_packed(np.abs(row), width) for row in levels]
    signs = [_packed(row < 0, 1) for row in levels]
    values = {
        "load": load.ravel(),
        "run": running.ravel(),
        "phase": phase.ravel(),
        "level": [word for word in words for _ in range(one)],
        "negative": [word for word in signs for _ in range(one)],
    }
    stimuli, rows = Stimuli.clocked(periphery.clock, values)
    return Drive(block, stimuli, np.arange(len(stimuli.times))[rows], count)


def conversions(block: Block, periphery: Periphery, widths: np.ndarray, spare: int = 1) -> Drive:
    """Conversions that the read-out counters count: clear, then the pulses of all columns.

    The pulses begin with the window, half a clock before the first rising edge that counts.

    Args:
        block: one of the read-out counters.
        periphery: its sizes.
        widths: pulse widths, shape (operations, outputs), fraction of the window, of either sign.
        spare: clocks without activity between two operations.
    """
    count = len(widths)
    period = round(periphery.count_clock / UNIT)
    steps = periphery.counts
    one = (2 + steps + 1 + spare) * period
    events: list[tuple[int, str, int]] = []
    clears = 2 * period  # the first rising edge clears, the window opens with the next falling edge
    results = []
    for i in range(count):
        base = i * one
        events += [(base + period // 4, "clear", 1), (base + period + period // 4, "clear", 0)]
        events += [(base + k * period, "clk", 0) for k in range(one // period)]
        events += [(base + k * period + period // 2, "clk", 1) for k in range(one // period)]
        opens = base + clears
        events += [(opens, "window", 1), (opens + steps * period, "window", 0)]
        ends = np.rint(np.abs(widths[i]) * steps * period).astype(np.int64)
        pulse = _packed(ends > 0, 1)
        events.append((opens, "pulse", pulse))
        for end in np.unique(ends[ends > 0]):
            pulse &= ~_packed(ends == end, 1)
            events.append((opens + int(end), "pulse", pulse))
        results.append(base + one)
    events.sort(key=lambda event: event[0])
    names = ("clk", "clear", "window", "pulse")
    level, times = dict.fromkeys(names, 0), []
    values: dict[str, list[int]] = {name: [] for name in names}
    for time, name, value in events:
        level[name] = value
        if not times or times[-1] != time:
            times.append(time)
            for column in values.values():
                column.append(0)
        for key, column in values.items():
            column[-1] = level[key]
    moments = np.array(times, dtype=np.int64)
    samples = np.searchsorted(moments, np.array(results)) - 1
    return Drive(block, Stimuli(moments, values, count * one), samples, count, lead=None)


def accumulations(
    block: Block,
    periphery: Periphery,
    counts: np.ndarray,
    negative: np.ndarray,
    active: np.ndarray,
    spare: int = 1,
) -> Drive:
    """Sums over sub-tiles, one sub-tile per clock.

    Args:
        block: the accumulator of one column.
        periphery: its sizes.
        counts: magnitudes, shape (operations, tiles).
        negative: signs, shape (operations, tiles).
        active: whether each sub-tile is operated, shape (operations, tiles).
        spare: clocks without activity after each sum.
    """
    operations, tiles = counts.shape
    width, one = bits(periphery.counts), tiles + spare
    codes = gray(counts) if block.parameters["GRAY"] else counts
    select = np.zeros((operations, one), dtype=object)
    for t in range(tiles):
        select[:, t] = [int(used) << t for used in active[:, t]]
    first = np.zeros((operations, one), int)
    first[:, 0] = 1
    values = {
        "first": first.ravel(),
        "select": select.ravel(),
        "negative": [word for row in negative for word in [_packed(row, 1)] * one],
        "magnitude": [word for row in codes for word in [_packed(row, width)] * one],
    }
    stimuli, rows = Stimuli.clocked(periphery.clock, values)
    samples = np.arange(len(stimuli.times))[rows][one - 1 :: one]
    return Drive(block, stimuli, samples, operations)


def divisions(
    block: Block, periphery: Periphery, numerators: np.ndarray, denominators: np.ndarray, spare: int = 1
) -> Drive:
    """Divisions by the normalising column's sum.

    Args:
        block: the divider.
        periphery: its sizes.
        numerators: sums of a column, shape (operations,), counts.
        denominators: sums of the normalising column, shape (operations,), counts.
        spare: clocks without activity after each division.
    """
    one = 1 + periphery.sum_bits + periphery.fraction + spare
    start = np.zeros((len(numerators), one), int)
    start[:, 0] = 1
    values = {
        "reset": [1] + [0] * (start.size),
        "start": [0, *start.ravel()],
        "numerator": [0, *np.repeat(numerators, one)],
        "denominator": [0, *np.repeat(denominators, one)],
    }
    stimuli, rows = Stimuli.clocked(periphery.clock, values)
    samples = np.arange(len(stimuli.times))[rows][one::one]
    return Drive(block, stimuli, samples, len(numerators))


def scalings(block: Block, periphery: Periphery, x: np.ndarray, a: np.ndarray, b: np.ndarray) -> Drive:
    """Affine scalings, one per clock.

    Args:
        block: one of the scalers.
        periphery: its sizes.
        x: inputs, shape (operations,).
        a: factors, shape (operations,).
        b: offsets, shape (operations,).
    """
    values = {name: [*row, row[-1]] for name, row in (("x", x), ("a", a), ("b", b))}
    stimuli, rows = Stimuli.clocked(periphery.clock, values)
    return Drive(block, stimuli, np.arange(len(stimuli.times))[rows][1:], len(x))


def sequences(block: Block, periphery: Periphery, operations: int) -> Drive:
    """Operations of the sequencer, one after the other; samples are in the middle of each half period.

    Args:
        block: the sequencer.
        periphery: its sizes.
        operations: number of operations.
    """
    clocks = Sequence.of(periphery.designs).end // 2
    one = clocks + 2
    start = np.zeros((operations, one), int)
    start[:, 0] = 1
    values = {"reset": [1, *[0] * start.size], "start": [0, *start.ravel()]}
    stimuli, rows = Stimuli.clocked(periphery.clock, values)
    ends = np.arange(len(stimuli.times))[rows][1:].reshape(operations, one)[:, :clocks]
    return Drive(block, stimuli, np.stack([ends - 1, ends], -1).ravel(), operations, lead=1)


def sequence_words(periphery: Periphery) -> list[int]:
    """Lines of the sequencer in each half period of an operation, the first line lowest.

    Args:
        periphery: sizes.
    """
    levels = Sequence.of(periphery.designs).levels().values()
    return [sum(level << i for i, level in enumerate(tick)) for tick in zip(*levels, strict=True)]


def ring_places(block: Block, periphery: Periphery, tokens: int) -> Drive:
    """Advances of the ring pointer from its reset.

    Args:
        block: the ring pointer.
        periphery: its sizes.
        tokens: number of tokens.
    """
    values = {"reset": [1, *[0] * (2 * tokens)], "advance": [0, *[0, 1] * tokens]}
    stimuli, rows = Stimuli.clocked(periphery.clock, values)
    return Drive(block, stimuli, np.arange(len(stimuli.times))[rows][0:-1:2], tokens, lead=1)


def writes(block: Block, periphery: Periphery, values: dict[str, np.ndarray], enable: str) -> Drive:
    """Combinational selects: each place or level is enabled for a clock, and changes while disabled.

    Args:
        block: `write_level_select` or `word_line_decoder`.
        periphery: sizes.
        values: value of each input but `enable` per write, shape (writes,).
        enable: name of the input that enables.
    """
    count = len(next(iter(values.values())))
    step = round(periphery.clock / UNIT)
    times = step * np.arange(2 * count)
    rows = {enable: [0, 1] * count}
    rows |= {name: [int(x) for x in np.repeat(row, 2)] for name, row in values.items()}
    stimuli = Stimuli(times, rows, step * 2 * count)
    return Drive(block, stimuli, np.arange(1, 2 * count, 2), count, lead=None)


def gray(numbers: np.ndarray) -> np.ndarray:
    """Gray code of whole numbers, in their shape.

    Args:
        numbers: numbers from 0.
    """
    return numbers ^ (numbers >> 1)


def _packed(row: np.ndarray, width: int) -> int:
    """Numbers of a row side by side in one word, the first one lowest."""
    word = 0
    for i, value in enumerate(row):
        word |= int(value) << (i * width)
    return word


def pulse_levels(drive: Drive, responses: Responses, periphery: Periphery) -> np.ndarray:
    """Signed number of clocks that each row pulsed in each operation, from a simulation of `query_pulses`.

    Args:
        drive: the operations.
        responses: outcome of the simulation.
        periphery: sizes.

    Returns:
        Shape (operations, depth). A row that pulses more than once, late, or on both lines gives more clocks
        than `Periphery.steps`.
    """
    one = len(drive.samples) // drive.operations
    total = np.zeros((drive.operations, periphery.depth), int)
    broken = np.zeros_like(total, dtype=bool)
    for output, sign in (("row", 1), ("complement", -1)):
        words = drive.results(responses, output)
        # Outputs are unknown before the first load.
        lines = np.array([[(word or 0) >> r & 1 for r in range(periphery.depth)] for word in words])
        lines = lines.reshape(drive.operations, one, periphery.depth)
        edges = np.diff(lines, axis=1, prepend=0)
        broken |= (edges == 1).sum(1) > 1
        total += sign * lines.sum(1)
    if periphery.query_scheme == "two-phase":
        words = drive.results(responses, "row")
        lines = np.array([[(word or 0) >> r & 1 for r in range(periphery.depth)] for word in words])
        first = lines.reshape(drive.operations, one, -1)[:, : one // 2 + 1]
        total = np.where(first.any(1), -total, total)
    return np.where(broken, 2 * periphery.steps, total)
