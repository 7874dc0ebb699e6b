"""Blocks of the digital periphery: which Verilog module with which parameters follows from the designs."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from ..designs import Designs
from .sequence import Sequence

RTL = Path(__file__).parents[1] / "rtl"
"""Folder of the Verilog sources."""

SIGNS = {"unsigned": 0, "two-phase": 1, "mirrored": 2}
"""Parameter SIGN of `pulse_generators` by query scheme."""


REACH = 6
"""Largest product of q, k or v and its factor, as a power of two of levels."""

CHOSEN = frozenset({"pulse_generators_gray", "readout_gray"})
"""Forms that are used. A bus in Gray code that all rows or columns share takes less energy than a counter
each (generic28, tt, 27 C, activations of the demo network); `gaincell periphery` prints both."""


@dataclass(frozen=True)
class Block:
    """A Verilog module with its parameters, which the module `text` instantiates."""

    name: str
    """Name of the block."""
    module: str
    """Module in `RTL`."""
    sources: tuple[str, ...]
    """Files in `RTL`, without suffix."""
    parameters: dict[str, str | int]
    """Verilog expressions by parameter."""
    inputs: dict[str, int]
    """Width of each input, bits."""
    outputs: dict[str, int]
    """Width of each output, bits."""
    per_head: float
    """Number of instances per head; 0 for an alternative that is compared and not used."""
    clock: float | None
    """Period of its clock, s; None for logic without a clock."""
    signed: frozenset[str] = field(default_factory=frozenset)
    """Ports that hold two's complement."""

    @property
    def top(self) -> str:
        """Name of the generated top module."""
        return f"{self.name}_top"

    @property
    def text(self) -> str:
        """Verilog of the top module, without its sources."""
        ports = [f"input [{width - 1}:0] {name}" for name, width in self.inputs.items()]
        ports += [f"output [{width - 1}:0] {name}" for name, width in self.outputs.items()]
        values = ", ".join(f".{name}({value})" for name, value in self.parameters.items())
        nets = ", ".join(f".{name}({name})" for name in (*self.inputs, *self.outputs))
        return (
            f"module {self.top} (\n    {', '.join(ports)}\n);\n"
            f"    {self.module} {f'#({values}) ' if values else ''}dut ({nets});\nendmodule\n"
        )

    @property
    def files(self) -> tuple[Path, ...]:
        """Verilog sources."""
        return tuple(RTL / f"{name}.v" for name in self.sources)


@dataclass(frozen=True)
class Periphery:
    """Sizes of the digital periphery of one head that follow from the designs."""

    designs: Designs
    """Sizes of the circuits."""
    window: int = 1024
    """Number of keys in the ring."""
    depth: int = 64
    """Head dimension."""
    fraction: int = 8
    """Bits after the point of the normalised output."""
    word: int = 8
    """Bits of q, k, v, of the output and of the scalers' coefficients."""

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window={self.window} must be at least 1")
        if not 1 <= self.depth <= self.designs.array.rows:
            raise ValueError(f"depth={self.depth} must be from 1 to the {self.designs.array.rows} rows")
        if self.word < 2 or self.fraction < 2:
            raise ValueError(f"word={self.word} and fraction={self.fraction} must be at least 2")

    @property
    def steps(self) -> int:
        """Largest query level: number of clocks of the longest pulse."""
        return self.designs.levels.query - 1

    @property
    def counts(self) -> int:
        """Largest magnitude that the read-out counters give."""
        return self.designs.levels.output // 2 - 1

    @property
    def clock(self) -> float:
        """Period of the clock of the query pulses, s: one level step."""
        return self.designs.clocking.t_pulse_max / self.steps

    @property
    def count_clock(self) -> float:
        """Period of the clock of the read-out counters, s."""
        return self.designs.clocking.t_pulse_max / self.counts

    @property
    def tiles(self) -> int:
        """Number of sub-tiles of a head."""
        return ceil(self.window / self.designs.array.columns)

    @property
    def outputs(self) -> int:
        """Number of read-out columns of a sub-tile: head dimension, and the normalising column."""
        return self.depth + (self.designs.array.normaliser is not None)

    @property
    def sum_bits(self) -> int:
        """Bits of the signed sum over sub-tiles."""
        return bits(self.counts * self.tiles) + 1

    @property
    def query_scheme(self) -> str:
        """How a query gets its sign: a key of `SIGNS`."""
        if self.designs.array.mirrored:
            return "mirrored"
        return "two-phase" if self.designs.converter.phases == 2 else "unsigned"


def bits(largest: int) -> int:
    """Number of bits of the whole numbers from 0 to `largest`."""
    return max(1, largest.bit_length())


def fraction_of(a: int, x: int, reach: int) -> int:
    """Bits after the point of a scaler's coefficients.

    The largest product of x and a is then 2^reach output levels.

    Args:
        a: bits of the factor.
        x: bits of the input.
        reach: largest product, as a power of two.
    """
    return max(2, a + x - 2 - reach)


def blocks(periphery: Periphery) -> dict[str, Block]:
    """Blocks of the digital periphery, by name.

    The pulse generators and the read-out exist in two forms, of which those in `CHOSEN` have instances.

    Args:
        periphery: sizes.
    """
    made = [*_pulses(periphery), *_readout(periphery), *_ring(periphery), *_words(periphery)]
    return {block.name: block for block in made}


def _pulses(p: Periphery) -> list[Block]:
    width = bits(p.steps)
    inputs = {"clk": 1, "load": 1, "run": 1, "phase": 1, "level": p.depth * width, "negative": p.depth}
    outputs = {"row": p.depth, "complement": p.depth}
    found = []
    for gray in (0, 1):
        values = {"ROWS": p.depth, "BITS": width, "GRAY": gray, "SIGN": SIGNS[p.query_scheme]}
        name = "pulse_generators_gray" if gray else "pulse_generators_counters"
        sources = ("clock_gate", "pulse_generator")
        # Every sub-tile of the K array has its own rows, and all of them get the same pulse.
        found.append(
            Block(name, "pulse_generators", sources, values, inputs, outputs, float(name in CHOSEN), p.clock)
        )
    return found


def _readout(p: Periphery) -> list[Block]:
    width, count = bits(p.counts), p.outputs
    inputs = {"clk": 1, "clear": 1, "window": 1, "pulse": count}
    found = []
    for gray in (0, 1):
        values = {"COLUMNS": count, "BITS": width, "GRAY": gray}
        name = "readout_gray" if gray else "readout_counters"
        sources, outputs = ("clock_gate", "readout"), {"magnitude": count * width}
        found.append(
            Block(
                *(name, "readout_counters", sources, values, inputs, outputs),
                *(float(p.tiles * (name in CHOSEN)), p.count_clock),
            )
        )
    tiles = p.tiles
    found.append(
        Block(
            "tile_accumulator",
            "tile_accumulator",
            ("clock_gate", "tile_accumulator"),
            {"BITS": width, "TILES": tiles, "SUM": p.sum_bits, "GRAY": int("readout_gray" in CHOSEN)},
            {"clk": 1, "first": 1, "select": tiles, "negative": tiles, "magnitude": tiles * width},
            {"sum": p.sum_bits},
            float(count),
            p.clock,
            frozenset({"sum"}),
        )
    )
    digits = p.sum_bits + p.fraction
    found.append(
        Block(
            "divider",
            "divider",
            ("clock_gate", "divider"),
            {"SUM": p.sum_bits, "FRACTION": p.fraction, "COUNT": bits(digits)},
            {"clk": 1, "reset": 1, "start": 1, "numerator": p.sum_bits, "denominator": p.sum_bits},
            {"quotient": digits + 1, "busy": 1},
            0.0 if p.designs.array.normaliser is None else float(p.depth),
            p.clock,
            frozenset({"numerator", "denominator", "quotient"}),
        )
    )
    return found


def _ring(p: Periphery) -> list[Block]:
    columns = p.designs.array.columns
    tile, column = bits(p.tiles - 1), bits(columns - 1)
    values = {"TILES": p.tiles, "COLUMNS": columns, "WINDOW": p.window}
    values |= {"TILE_BITS": tile, "COLUMN_BITS": column}
    place = {"tile": tile, "column": column}
    sequence = Sequence.of(p.designs)
    lines = len(sequence.lines)
    return [
        Block(
            "ring_pointer",
            "ring_pointer",
            ("clock_gate", "ring"),
            values,
            {"clk": 1, "reset": 1, "advance": 1},
            place | {"full": 1, "active": p.tiles},
            1.0,
            p.clock,
        ),
        Block(
            "word_line_decoder",
            "word_line_decoder",
            ("clock_gate", "ring"),
            values,
            {"write": 1, **place},
            {"word_line": p.window},
            1.0,
            None,
        ),
        Block(
            "sequencer",
            "sequencer",
            ("sequencer",),
            sequence.parameters,
            {"clk": 1, "reset": 1, "start": 1},
            {"line": lines, "busy": 1},
            1.0,
            p.clock,
        ),
    ]


def _words(p: Periphery) -> list[Block]:
    levels = p.designs.levels
    width = bits(levels.key - 1)
    found = [
        Block(
            "write_level_select",
            "write_level_select",
            ("write_level_select",),
            {"LEVELS": levels.key, "BITS": width},
            {"enable": 1, "level": width},
            {"select": levels.key},
            2.0 * p.depth,
            None,
        )
    ]
    ranges = {
        "query_scaler": (p.word, 0 if p.query_scheme == "unsigned" else -p.steps, p.steps),
        "key_scaler": (p.word, 0, levels.key - 1),
        "value_scaler": (p.word, 0, levels.value - 1),
        "output_scaler": (p.sum_bits, -(2 ** (p.word - 1)), 2 ** (p.word - 1) - 1),
    }
    for name, (x, low, high) in ranges.items():
        y = bits(max(high, -low - 1)) + 1
        reach = p.word - 1 if name == "output_scaler" else REACH
        fraction = fraction_of(p.word, x, reach)
        values = {
            "X": x,
            "A": p.word,
            "B": p.word + x,
            "FRACTION": fraction,
            "Y": y,
            "LOW": low,
            "HIGH": high,
        }
        inputs = {"clk": 1, "x": x, "a": p.word, "b": p.word + x}
        found.append(
            Block(
                *(name, "scaler", ("scaler",), values, inputs, {"y": y}, 1.0, p.clock),
                frozenset({"x", "a", "b", "y"}),
            )
        )
    return found
