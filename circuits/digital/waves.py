"""Value change dump of an operation's clocks, from the Verilog of the sequencer."""

from __future__ import annotations

import re

import numpy as np

from .blocks import Periphery, blocks
from .drive import sequences
from .sequence import Sequence
from .simulation import simulate

HEADER = "$timescale 1fs $end\n$scope module sequencer $end\n"


def sequencer_dump(periphery: Periphery) -> str:
    """Clock and lines of one operation, simulated, with the names of the lines: a VCD for GTKWave.

    Args:
        periphery: sizes.

    Raises:
        ToolError: Icarus Verilog is missing or fails.
    """
    block = blocks(periphery)["sequencer"]
    drive = sequences(block, periphery, 1)
    recorded = simulate(block, drive.stimuli, dump=True).dump
    names = list(Sequence.of(periphery.designs).lines)
    top = recorded.partition("$scope module dut $end")[2].partition("$scope")[0]
    codes = {name: code for code, name in re.findall(r"\$var \w+ \d+ (\S+) (\w+)", top)}
    lines = [HEADER + "".join(f"$var wire 1 s{i} {name} $end\n" for i, name in enumerate(("clk", *names)))]
    lines.append("$upscope $end\n$enddefinitions $end\n")
    before = {}
    for line in recorded.partition("$enddefinitions")[2].splitlines():
        if line.startswith("#"):
            lines.append(f"{line}\n")
        elif line[1:] == codes["clk"]:
            lines.append(f"{line[0]}s0\n")
        elif line.startswith("b") and line.split()[1] == codes["line"]:
            word = line.split()[0][1:].rjust(len(names), "0" if line[1] in "01" else line[1])
            for i, level in enumerate(reversed(word)):
                if before.get(i) != level:
                    lines.append(f"{level}s{i + 1}\n")
                    before[i] = level
    return "".join(lines)


def traces(dump: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Changes of each one-bit signal of a dump with a time scale of 1 fs.

    Args:
        dump: text of `sequencer_dump`.

    Returns:
        Name -> times (s) and levels from these times on (0, 1, or NaN if unknown), shape (n,) each.

    Raises:
        ValueError: the text is no such dump.
    """
    header, found, body = dump.partition("$enddefinitions $end")
    names = dict(re.findall(r"\$var wire 1 (\S+) (\w+) \$end", header))
    if not found or not names or "$timescale 1fs $end" not in header:
        raise ValueError("it is no value change dump of the sequencer")
    changes: dict[str, list[tuple[float, float]]] = {name: [] for name in names.values()}
    time = 0.0
    for line in body.split():
        if line.startswith("#"):
            time = int(line[1:]) * 1e-15
        elif line[1:] in names:
            changes[names[line[1:]]].append((time, {"0": 0.0, "1": 1.0}.get(line[0], np.nan)))
    return {
        name: (np.array([t for t, _ in rows]), np.array([x for _, x in rows]))
        for name, rows in changes.items()
    }
