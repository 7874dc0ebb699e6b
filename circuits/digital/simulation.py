"""Simulation of a block in Icarus Verilog: vectors in, vectors out, and the toggles of every net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ToolError
from .blocks import Block
from .tools import run, run_folder

UNIT = 1e-15
"""Time unit of the simulations, s."""
UNKNOWN = None
"""Value of an output that has unknown bits."""


@dataclass(frozen=True)
class Stimuli:
    """Levels of a block's inputs over time."""

    times: np.ndarray
    """Time of each vector, shape (n,), units of `UNIT`, integer, not decreasing."""
    values: Mapping[str, Sequence[int]]
    """Value of each input from its vector's time on, n numbers each; negative ones are two's complement."""
    end: int
    """End of the simulation, units of `UNIT`."""

    @classmethod
    def clocked(
        cls, period: float, values: Mapping[str, Sequence[int]], *, clock: str = "clk"
    ) -> tuple[Stimuli, slice]:
        """Stimuli that change once per clock, an eighth of a period after the rising edge.

        Args:
            period: period of the clock, s.
            values: value of each other input at each of n rising edges, n numbers each.
            clock: name of the clock input.

        Returns:
            The stimuli, and the slice of `simulate`'s responses with what each of the n rising edges has
            made, just before the next one. The response before it is that in the middle of the period.
        """
        step = round(period / UNIT / 8)
        count = len(next(iter(values.values())))
        # Per period: data change, clock falls, clock rises; then one more period without a rising edge.
        times = (8 * np.arange(count + 1)[:, None] + [1, 4, 8]).reshape(-1)[:-1] * step
        vectors: dict[str, list[int]] = {clock: ([1, 0, 1] * (count + 1))[:-1]}
        for name, row in values.items():
            held = [*map(int, row), int(row[-1])]
            vectors[name] = [x for value in held for x in (value, value, value)][:-1]
        return cls(times, vectors, 8 * (count + 1) * step), slice(4, None, 3)


@dataclass(frozen=True)
class Responses:
    """Outcome of a simulation."""

    values: dict[str, list[int | None]]
    """Value of each output just before the vector after each one, n numbers each; None with unknown bits."""
    dump: str
    """Value change dump of all nets (VCD); empty if not asked for."""


def simulate(
    block: Block,
    stimuli: Stimuli,
    *,
    netlist: Sequence[Path | str] | None = None,
    dump: bool = False,
    timeout: float = 600.0,
) -> Responses:
    """Simulate a block.

    Args:
        block: the block.
        stimuli: its inputs.
        netlist: Verilog (files or texts) to simulate in place of the block's own sources; its top module has
            the name and ports of `Block.top`.
        dump: also record all nets.
        timeout: wall-clock limit, s.

    Raises:
        ToolError: Icarus Verilog is missing or fails, or the stimuli lack an input.
    """
    if missing := block.inputs.keys() ^ stimuli.values.keys():
        raise ToolError(f"stimuli of {block.name} and its inputs differ in {', '.join(sorted(missing))}")
    with run_folder() as folder:
        sources = [*block.files, block.text] if netlist is None else list(netlist)
        names = []
        for number, source in enumerate(sources):
            text = source.read_text() if isinstance(source, Path) else source
            names.append(f"source{number}.v")
            (folder / names[-1]).write_text(f"`timescale 1fs/1fs\n{text}")
        (folder / "bench.v").write_text(_bench(block, stimuli.end, dump))
        (folder / "stimuli.txt").write_text(_packed(block, stimuli))
        run("iverilog", "-g2005", "-o", "bench.vvp", *names, "bench.v", folder=folder, timeout=timeout)
        log = run("vvp", "-n", "bench.vvp", folder=folder, timeout=timeout)
        lines = (folder / "responses.txt").read_text().split()
        if len(lines) != len(stimuli.times) + 1:
            raise ToolError(f"the simulation of {block.name} ended early: {' '.join(log.split())[:200]}")
        recorded = (folder / "bench.vcd").read_text() if dump else ""
    return Responses(_unpacked(block, lines[1:]), recorded)


def _bench(block: Block, end: int, dump: bool) -> str:
    wide, out = sum(block.inputs.values()), sum(block.outputs.values())
    nets, place = [], {"in": 0, "out": 0}
    for bus, ports in (("in", block.inputs), ("out", block.outputs)):
        for name, width in ports.items():
            nets.append(f".{name}({bus}[{place[bus]} +: {width}])")
            place[bus] += width
    record = '        $dumpfile("bench.vcd");\n        $dumpvars(0, dut);\n' if dump else ""
    return f"""`timescale 1fs/1fs
module bench;
    reg [{wide - 1}:0] in, next;
    wire [{out - 1}:0] out;
    reg [63:0] at;
    integer vectors, responses, found;
    {block.top} dut ({", ".join(nets)});
    initial begin
{record}        vectors = $fopen("stimuli.txt", "r");
        responses = $fopen("responses.txt", "w");
        found = $fscanf(vectors, "%d %h", at, next);
        while (found == 2) begin
            if (at > $time) #(at - $time);
            $fdisplay(responses, "%b", out);
            in = next;
            found = $fscanf(vectors, "%d %h", at, next);
        end
        if ({end} > $time) #({end} - $time);
        $fdisplay(responses, "%b", out);
        $fclose(responses);
        $finish;
    end
endmodule
"""


def _packed(block: Block, stimuli: Stimuli) -> str:
    """One line per vector: its time and all inputs as one hexadecimal number."""
    words = [0] * len(stimuli.times)
    place = 0
    for name, width in block.inputs.items():
        mask = (1 << width) - 1
        words = [
            word | ((int(x) & mask) << place) for word, x in zip(words, stimuli.values[name], strict=True)
        ]
        place += width
    return "".join(f"{int(time)} {word:x}\n" for time, word in zip(stimuli.times, words, strict=True))


def _unpacked(block: Block, lines: Sequence[str]) -> dict[str, list[int | None]]:
    found: dict[str, list[int | None]] = {}
    place = 0
    for name, width in block.outputs.items():
        values: list[int | None] = []
        for line in lines:
            text = line[len(line) - place - width : len(line) - place]
            if set(text) <= {"0", "1"}:
                value = int(text, 2)
                values.append(value - (1 << width) if name in block.signed and text[0] == "1" else value)
            else:
                values.append(UNKNOWN)
        found[name] = values
        place += width
    return found
