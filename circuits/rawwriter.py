"""Writer of ngspice's binary raw files, which ngspice, gaw and other viewers load.

It is separate from the reader (`rawfile`), because the source of the reader is part of every cache key.
"""

from __future__ import annotations

import numpy as np

from .rawfile import Waveforms

_KINDS = {"v": "voltage", "i": "current"}


def raw_bytes(waves: Waveforms, title: str) -> bytes:
    """Encode one real-valued plot as a binary raw file.

    Args:
        waves: the plot; its axis is written as the first vector.
        title: first line of the file.

    Returns:
        Content of the raw file.
    """
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
