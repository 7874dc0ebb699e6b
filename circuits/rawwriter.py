"""Writer of ngspice's binary raw files, which ngspice itself, gaw and other viewers load.

Apart from the reader (`rawfile`), because the reader's source is part of every cache key.
"""

from __future__ import annotations

import numpy as np

from .rawfile import Waveforms

_KINDS = {"v": "voltage", "i": "current"}


def raw_bytes(waves: Waveforms, title: str) -> bytes:
    """One real-valued plot as a binary raw file; `title` is its first line."""
    names = [waves.axis_name or "index", *waves.signals]
    table = "".join(f"\t{i}\t{name}\t{_kind(name)}\n" for i, name in enumerate(names))
    header = (
        f"Title: {title}\nPlotname: {waves.plot}\nFlags: real\nNo. Variables: {len(names)}\n"
        f"No. Points: {len(waves.axis)}\nVariables:\n{table}Binary:\n"
    )
    values = np.column_stack([waves.axis, *waves.signals.values()])
    return header.encode() + values.astype("<f8").tobytes()


def _kind(name: str) -> str:
    return "time" if name == "time" else _KINDS.get(name[0], "voltage") if "(" in name else "notype"
