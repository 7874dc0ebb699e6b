"""Waveforms as files: pictures, an interactive page, and the formats of other tools."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.output import LIBRARY, portable
from ....circuits.errors import PlanError
from ....circuits.files import write_atomically
from ....circuits.library import copied_bytes
from ....circuits.rawwriter import raw_bytes
from ..figures import FIGURE_SUFFIXES, write_figure
from .recording import Recording

WAVE_SUFFIXES = (*FIGURE_SUFFIXES, "csv", "raw", "vcd", "cir")
"""Suffixes that `export` writes."""
_TIME_SCALES = {"fs": 1e-15, "ps": 1e-12, "ns": 1e-9, "us": 1e-6}


def export(recording: Recording, path: Path) -> None:
    """Write a recording to a file; its suffix names the format. The file is whole or not there.

    csv and vcd: the simulator's own time points, SI units. raw: binary, for ngspice, gaw and others. cir: the
    netlist as simulated, with the technology's library in `library/` beside it, so that both can be moved.

    Raises:
        PlanError: a suffix that is not in WAVE_SUFFIXES.
        GaincellError: html without plotly.
    """
    suffix = require_format(path)
    if suffix in FIGURE_SUFFIXES:
        context = recording.context
        where = f"{context.technology.name}, {context.corner}, {context.temperature:g} °C"
        write_figure(recording.figure, path, subtitle=where)
        return
    writers: dict[str, Callable[[], bytes]] = {
        "csv": lambda: _csv(recording).encode(),
        "raw": lambda: raw_bytes(recording.waveforms, recording.operation.title),
        "vcd": lambda: _vcd(recording).encode(),
        "cir": lambda: _netlist(recording).encode(),
    }
    if suffix == "cir":
        technology = recording.context.technology
        for file, content in zip(technology.copies, copied_bytes(technology.copies), strict=True):
            write_atomically(path.parent / LIBRARY / file.place, content)
        for module in technology.modules.values():
            write_atomically(path.parent / LIBRARY / module.name, module.read_bytes())
    write_atomically(path, writers[suffix]())


def require_format(path: Path) -> str:
    """The format that a file's suffix names; PlanError when there is no such format."""
    suffix = path.suffix[1:].lower()
    if suffix not in WAVE_SUFFIXES:
        known = ", ".join(f".{name}" for name in WAVE_SUFFIXES)
        raise PlanError(f"cannot write {path.name!r}: give a file name that ends in one of {known}")
    return suffix


def _netlist(recording: Recording) -> str:
    deck = portable(recording.netlist, recording.context.technology)
    return deck.replace(f'"../{LIBRARY}/', f'"{LIBRARY}/').rstrip() + "\n"


def _csv(recording: Recording) -> str:
    waves = recording.waveforms
    table = pd.DataFrame({waves.axis_name: waves.axis, **waves.signals})
    return table.to_csv(index=False, lineterminator="\n")


def _vcd(recording: Recording) -> str:
    """IEEE 1364 value change dump with real variables, at the finest time scale that 63 bits can count."""
    waves = recording.waveforms
    unit = next(name for name, length in _TIME_SCALES.items() if waves.axis[-1] / length < 2**62)
    out = io.StringIO()
    out.write(
        f"$comment {recording.operation.title} $end\n$timescale 1 {unit} $end\n$scope module gaincell $end\n"
    )
    codes = [f"s{i}" for i in range(len(waves.signals))]
    for code, name in zip(codes, waves.signals, strict=True):
        out.write(f"$var real 64 {code} {name} $end\n")
    out.write("$upscope $end\n$enddefinitions $end\n")
    values = np.column_stack(list(waves.signals.values()))
    times = np.rint(waves.axis / _TIME_SCALES[unit]).astype(np.int64)
    # Points that a time scale cannot tell apart are one: the last of them counts.
    last = np.append(np.diff(times) > 0, True)
    before = np.full(len(codes), np.nan)
    for time, row in zip(times[last], values[last], strict=True):
        changed = np.flatnonzero(row != before)
        if changed.size:
            out.write(f"#{time}\n" + "".join(f"r{row[i]:.17g} {codes[i]}\n" for i in changed))
        before = row
    return out.getvalue()
