"""Clocks of one operation as the sequencer's Verilog makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....circuits.digital.waves import traces
from ....circuits.errors import TableError
from .axes import PlotAxis
from .style import CYCLE
from .values import Figure, Panel, Series

FILE = "sequencer.vcd"
"""File that `gaincell periphery` writes."""


def sequencer(folder: Path) -> Figure:
    """Clocks of one operation, from the simulation of the sequencer's Verilog.

    Args:
        folder: folder of `gaincell periphery --out`.

    Raises:
        TableError: there is no dump, or it cannot be read.
    """
    path = Path(folder) / FILE
    try:
        return clocks(path.read_text())
    except (OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read ({error}); `gaincell periphery --out` writes it") from None


def clocks(dump: str) -> Figure:
    """Clocks of one operation.

    Args:
        dump: text of `sequencer_dump`.

    Raises:
        ValueError: the text is no such dump.
    """
    found = traces(dump)
    # Before the reset the lines are unknown; the operation begins with the first line that rises.
    lines = [trace for name, trace in found.items() if name != "clk"]
    start = min(times[levels == 1].min(initial=np.inf) for times, levels in lines)
    end = max(times[-1] for times, _ in lines)
    layers: list = []
    for place, (times, levels) in enumerate(found.values()):
        edges = np.concatenate([times, [end]])
        x = np.minimum(np.repeat(edges, 2)[1:-1], end) - start
        y = np.repeat(levels, 2) * 0.7 - place
        shown = x >= -1e-9
        layers.append(Series(x[shown], y[shown], "", CYCLE[place % len(CYCLE)], width=1.0))
    ticks = tuple((0.35 - place, name) for place, name in enumerate(found))
    axis = PlotAxis("", limits=(-len(found) + 0.6, 1.1), ticks=ticks, grid=False)
    return Figure(
        "sequencer",
        "Clocks of one operation, from the Verilog of the sequencer",
        (Panel(PlotAxis("time", "s"), axis, tuple(layers), height=2.0),),
    )
