"""One conversion and the counter that measures its pulse, in one deck of transistors."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization import liberty
from ....characterization.procedure import Context
from ....circuits.digital import Periphery, blocks
from ....circuits.digital.liberty import Library
from ....circuits.digital.mixed import count_stimuli, counted_conversion_deck
from ....circuits.digital.simulation import Stimuli
from ....circuits.digital.synthesis import Netlist, synthesise
from ....circuits.digital.transistors import output_word
from ....circuits.errors import SimulationError
from ....circuits.rawfile import Waveforms
from ....circuits.runner import Simulation
from ....circuits.testbench import Schedule
from ..figures import PALETTE, Figure, Panel, PlotAxis, Rule, Series
from ..figures.style import CYCLE
from ..figures.units import quantity
from . import panels
from .recording import RecordedOperation

LIBRARY = Path(liberty.__file__).with_name("shipped") / "generic28_tt_27c_0v9.lib"
"""Cells that the read-out is mapped onto."""
AFTER = 2
"""Clocks of the counter after the window."""
LEVEL = 0.7
"""Height of a line of a signal in a panel of several."""


def operation(context: Context, charge: float) -> RecordedOperation:
    """The operation of one charge.

    Args:
        context: technology, sizes and conditions.
        charge: charge taken from the integration node, C.
    """
    netlist, _ = _read_out(context)
    (pulse,), (clock,) = netlist.ports["pulse"], netlist.ports["clk"]
    return RecordedOperation(
        "counted-conversion",
        "Signed conversion and the counter of its pulse",
        "converter",
        pd.DataFrame({"signed": [True], "charge": [charge]}),
        ("v(int)", "v(ramp)", "v(win)", f"v({clock})", f"v({pulse})"),
        draw,
        measure,
        simulation,
        {"count": "-: count that the latches hold", "e_count": "J: from the counter's supply"},
    )


@cache
def _netlist(periphery: Periphery) -> Netlist:
    """The read-out of one column; every technology has the cells of the shipped library's names."""
    return synthesise(blocks(periphery)["readout_gray"], Library.read(LIBRARY))


def _read_out(context: Context) -> tuple[Netlist, Stimuli]:
    """Netlist of one column, and its clock, clear and window."""
    periphery = Periphery(context.condition.designs, depth=1)
    schedule = Schedule.single(context.condition.designs, True)
    end = schedule.window_end + AFTER * periphery.count_clock
    window = (schedule.window, schedule.window_end)
    return _netlist(periphery), count_stimuli(window, [], periphery.counts, end)


def simulation(context: Context, points: pd.DataFrame) -> Simulation:
    """Deck of the converter and the counter.

    Args:
        context: technology, sizes and conditions.
        points: one charge, C.
    """
    return counted_conversion_deck(context.condition, *_read_out(context), float(points["charge"].iloc[0]))


def measure(context: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
    """Pulse width (s), sign, count and energies (J) of the conversion.

    Raises:
        SimulationError: an output of the counter is between the levels at the end.
    """
    netlist, stimuli = _read_out(context)
    vdd, (pulse,) = context.condition.vdd, netlist.ports["pulse"]
    code = output_word(waves, netlist, "magnitude", vdd, stimuli.end * 1e-15 - 1e-12)
    if code is None:
        raise SimulationError("the counter's outputs have not settled at the end of the simulation")
    high = (waves[f"v({pulse})"] > vdd / 2).astype(float)
    width = float(np.trapezoid(high, waves.axis))
    sign = 1 if waves.at("v(sign)", waves.axis[-1]) > vdd / 2 else -1
    return pd.DataFrame(
        {
            "point": [0],
            "t_out": [sign * width],
            "count": [from_gray(code)],
            "e_convert": [-vdd * waves.integrate("i(vconv)")],
            "e_count": [-vdd * waves.integrate("i(vcore)")],
        }
    )


def from_gray(code: int) -> int:
    """Number of a Gray code.

    Args:
        code: the code.
    """
    number = 0
    while code:
        number ^= code
        code >>= 1
    return number


def draw(context: Context, points: pd.DataFrame, waves: Waveforms) -> Figure:
    """Integration node, and under it the pulse, the clock and the bits that follow a Gray counter."""
    netlist, _ = _read_out(context)
    (pulse,), (clock,) = netlist.ports["pulse"], netlist.ports["clk"]
    vdd = context.condition.vdd
    bits = {f"bit {place}": f"v({net})" for place, net in enumerate(netlist.ports["magnitude"])}
    lines = {"window": "v(win)", "clock": f"v({clock})", "pulse": f"v({pulse})"} | bits
    layers = tuple(
        Series(waves.axis, waves[vector] / vdd * LEVEL - place, "", CYCLE[place % len(CYCLE)], width=1.0)
        for place, vector in enumerate(lines.values())
    )
    ticks = tuple((LEVEL / 2 - place, name) for place, name in enumerate(lines))
    lanes = PlotAxis("", limits=(-len(lines) + 0.6, 1.1), ticks=ticks, grid=False)
    row = measure(context, points, waves).iloc[0]
    node = Series(waves.axis, waves["v(int)"], "", PALETTE["simulated"])
    return Figure(
        "counted-conversion",
        "Signed conversion and the counter of its pulse",
        (
            Panel(panels.TIME, PlotAxis("integration node", "V"), (node, Rule(context.condition.v_mid))),
            Panel(panels.TIME, lanes, layers, height=1.8),
        ),
        caption=f"{quantity(points['charge'].iloc[0], 'C')} become a pulse of "
        f"{quantity(abs(row['t_out']), 's')}, counted as {row['count']:.0f} of "
        f"{Periphery(context.condition.designs, depth=1).counts}. While the pulse is high, the column's bits "
        "follow a Gray counter that the sub-tile shares; then they keep its code. Before the clear they "
        "hold an arbitrary one.",
        share_x=True,
        spans=panels.phases(context, True),
    )
