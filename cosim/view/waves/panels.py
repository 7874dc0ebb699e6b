"""Which signals of an operation are looked at together.

Currents are drawn in the direction a reader thinks in (out of a supply, out of the bit line), the opposite
of SPICE's into-the-source, and as their mean over each time step: the trapezoidal rule makes them ring from
point to point, and these means are free of it and keep the charge. Exported numbers stay as SPICE gave them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ....characterization.procedure import Context
from ....circuits.rawfile import Waveforms
from ....circuits.testbench import ReadTiming, Schedule, WriteTiming
from ..figures import PALETTE, Figure, Panel, PlotAxis, Rule, Series, Span, ordered
from ..figures.style import CYCLE
from ..figures.units import quantities, quantity

TIME = PlotAxis("time", "s")
LINES = 0.55
"""Height of a panel of control lines."""


def clock_lines(signed: bool) -> tuple[str, ...]:
    """Vectors of a converter's control lines."""
    return ("v(rst)", "v(on)", "v(ramp)", "v(win)", *(("v(smp)",) if signed else ()))


def cell_read(context: Context, points: pd.DataFrame, waves: Waveforms) -> Figure:
    """Word lines, storage nodes, bit-line and supply currents of a read."""
    labels = [f"stored {text}" for text in quantities(points["v_store"], "V")]
    colours = ordered(len(labels))
    timing = ReadTiming(float(points["t_pulse"].iloc[0]))
    pulse = Span(timing.start, timing.start + timing.t_pulse, "pulse")
    copies = range(len(points))
    stored = [waves[f"v(sn{i})"] for i in copies]
    if len(points) > 1:
        storage = PlotAxis("storage node, shift", "V")
        stored = [node - node[0] for node in stored]
    else:
        storage = PlotAxis("storage node", "V")
    return Figure(
        "cell-read",
        "Read of a gain cell",
        (
            _lines(waves, "word lines", {"v(rwl)": "rwl", "v(rwlb)": "rwlb"}),
            _panel(waves, storage, stored, labels, colours),
            _currents(waves, "from bit line", [f"i(vbl{i})" for i in copies], labels, colours),
            _currents(waves, "from supply", [f"i(vdd{i})" for i in copies], labels, colours),
        ),
        caption=f"Bit line clamped at {quantity(points['v_bl'].iloc[0], 'V')}; the pulse is "
        f"{quantity(timing.t_pulse, 's')} wide. The charge that a cell takes from the bit line is the area "
        "under the third panel.",
        share_x=True,
        spans=(pulse,),
    )


def cell_write(context: Context, points: pd.DataFrame, waves: Waveforms) -> Figure:
    """Word lines, write bit lines, storage nodes and the current through the write device."""
    labels = [f"target {text}" for text in quantities(points["v_target"], "V")]
    colours = ordered(len(labels))
    timing = WriteTiming(context.condition.designs.cell.t_write)
    opened = Span(timing.start, timing.start + timing.t_write, "write pulse")
    nodes = {name: name[2:-1] for name in ("v(wwl)", "v(wwlb)") if name in waves.signals}
    copies = range(len(points))
    return Figure(
        "cell-write",
        "Write of a gain cell",
        (
            _lines(waves, "word lines", nodes),
            _panel(
                waves,
                PlotAxis("write bit line", "V"),
                [waves[f"v(wbl{i})"] for i in copies],
                labels,
                colours,
                0.7,
            ),
            _panel(
                waves, PlotAxis("storage node", "V"), [waves[f"v(sn{i})"] for i in copies], labels, colours
            ),
            _currents(waves, "from write driver", [f"i(vwbl{i})" for i in copies], labels, colours),
        ),
        caption=f"Write device: {points['write_device'].iloc[0]}; the cell held "
        f"{quantity(points['v_before'].iloc[0], 'V')} before.",
        share_x=True,
        spans=(opened,),
    )


def conversion(context: Context, points: pd.DataFrame, waves: Waveforms) -> Figure:
    """Control lines, integration nodes, output pulses and supply currents of converters."""
    signed = bool(points["signed"].iloc[0])
    order = np.argsort(points["charge"].to_numpy(), kind="stable")
    labels = quantities(points["charge"], "C")
    shades = ordered(len(labels))
    colours = [shades[int(np.flatnonzero(order == i)[0])] for i in range(len(labels))]
    copies = range(len(points))
    rest = Rule(context.condition.v_mid)
    panels = [
        _clock(waves, signed),
        _panel(
            waves,
            PlotAxis("integration node", "V"),
            [waves[f"v(int{i})"] for i in copies],
            labels,
            colours,
            1.1,
            rest,
        ),
        _digital(waves, "output pulse", [f"v(out{i})" for i in copies], labels, colours, 0.8),
    ]
    if signed:
        panels.append(_digital(waves, "sign latch", [f"v(sign{i})" for i in copies], labels, colours))
    panels.append(_currents(waves, "from supply", [f"i(vdd{i})" for i in copies], labels, colours, 0.8))
    return Figure(
        "signed-conversion" if signed else "conversion",
        f"{'Signed' if signed else 'ReLU'} conversion of charge to pulse width",
        tuple(panels),
        caption="An ideal current brings the charge during the integration; the ramp then takes it away at a "
        "constant rate, and the pulse lasts as long as that takes.",
        share_x=True,
        spans=phases(context, signed),
    )


def column(context: Context, points: pd.DataFrame, waves: Waveforms) -> Figure:
    """How many word lines are high, the bit line, the output pulse and the currents of a column."""
    signed = bool(points["signed"].iloc[0])
    vdd = context.condition.vdd
    rows = len(points["v_store"].iloc[0])
    high = sum(waves[f"v(rwl{row})"] for row in range(rows)) / vdd
    out = {"v(out)": "output pulse"} | ({"v(sign)": "sign"} if signed else {})
    return Figure(
        "column",
        f"Column of {rows} gain cells with its {'signed' if signed else 'ReLU'} converter",
        (
            _clock(waves, signed),
            _panel(waves, PlotAxis("word lines high"), [high], [""], [PALETTE["simulated"]], 0.7),
            _panel(
                waves,
                PlotAxis("bit line", "V"),
                [waves["v(bl)"]],
                [""],
                [PALETTE["simulated"]],
                1.0,
                Rule(vdd / 2),
            ),
            _lines(waves, "converter", out),
            _currents(waves, "from supply", ["i(vvdd)", "i(vddc)"], ["cells", "converter"], CYCLE, 0.8),
        ),
        caption="Random contents and pulse widths; the cells pull on one passive bit line, which is the "
        "converter's integration node.",
        share_x=True,
        spans=phases(context, signed),
    )


def chain(context: Context, points: pd.DataFrame, waves: Waveforms) -> Figure:
    """Queries, both banks of bit lines and pulses, and the supply currents of the two-array chain."""
    size = len(points["t_query"].iloc[0])
    tokens, dims = [f"token {t}" for t in range(size)], [f"dimension {d}" for d in range(size)]
    colours = ordered(size)
    schedule = Schedule.of(context.condition.designs)
    rest = Rule(context.condition.v_mid)
    names = {
        "K cells": "dk",
        "K drivers": "dk_drv",
        "ReLU converters": "dc1",
        "V cells": "dv",
        "V drivers": "dv_drv",
        "signed converters": "dc2",
    }
    if size > 4:
        tokens = dims = [""] * size

    def vectors(stem: str) -> list[str]:
        return [f"v({stem}{i})" for i in range(size)]

    def bit_lines(stem: str, label: str, labels: list[str]) -> Panel:
        signals = [waves[vector] for vector in vectors(stem)]
        return _panel(waves, PlotAxis(label, "V"), signals, labels, colours, 1.0, rest)

    spans = (
        Span(0.0, schedule.reset, "reset"),
        Span(schedule.reset, schedule.ramp, "first product"),
        Span(schedule.ramp, schedule.ramp_2, "second product"),
        Span(schedule.ramp_2, schedule.end, "read-out"),
    )
    return Figure(
        "chain",
        f"Two-array chain of {size} x {size} cells: one attention operation",
        (
            _digital(waves, "queries", vectors("q"), dims, colours),
            bit_lines("bl1_", "K bit lines", tokens),
            _digital(waves, "φ(S)", vectors("phi"), tokens, colours),
            bit_lines("bl2_", "V bit lines", dims),
            _digital(waves, "read-out", vectors("out"), dims, colours),
            _currents(waves, "from supplies", [f"i(v{n})" for n in names.values()], list(names), CYCLE, 0.9),
        ),
        caption="Queries drive the K array, its bit lines become pulses, the pulses drive the V array, and "
        "the signed converters turn its bit lines into pulses for the counters.",
        share_x=True,
        spans=spans,
    )


def _lines(waves: Waveforms, label: str, names: dict[str, str]) -> Panel:
    colours = (PALETTE["simulated"], PALETTE["grey"], PALETTE["gold"], PALETTE["purple"], PALETTE["green"])
    return _digital(waves, label, list(names), list(names.values()), colours)


def _digital(
    waves: Waveforms, label: str, vectors: list[str], labels, colours, height: float = LINES
) -> Panel:
    """Signals that switch between the rails; a line that never moves must not be blown up to its noise."""
    signals = [waves[vector] for vector in vectors]
    low, high = min(s.min() for s in signals), max(s.max() for s in signals)
    low, high = min(low, 0.0), max(high, 0.5)
    margin = 0.08 * (high - low)
    axis = PlotAxis(label, "V", limits=(low - margin, high + margin))
    return _panel(waves, axis, signals, labels, colours, height)


def _currents(
    waves: Waveforms, label: str, vectors: list[str], labels, colours, height: float = 1.0
) -> Panel:
    time = (waves.axis[:-1] + waves.axis[1:]) / 2
    series = tuple(
        Series(time, -(waves[vector][:-1] + waves[vector][1:]) / 2, text, colour)
        for vector, text, colour in zip(vectors, labels, colours, strict=False)
    )
    return Panel(TIME, PlotAxis(label, "A"), series, height=height)


def _clock(waves: Waveforms, signed: bool) -> Panel:
    names = {
        "v(rst)": "reset",
        "v(on)": "comparator on",
        "v(smp)": "sign sample",
        "v(ramp)": "ramp",
        "v(win)": "window",
    }
    return _lines(waves, "control", {vector: names[vector] for vector in clock_lines(signed)})


def _panel(
    waves: Waveforms, axis: PlotAxis, signals, labels, colours, height: float = 1.0, *rules: Rule
) -> Panel:
    series = tuple(
        Series(waves.axis, signal, label, colour)
        for signal, label, colour in zip(signals, labels, colours, strict=False)
    )
    return Panel(TIME, axis, (*series, *rules), height=height)


def phases(context: Context, signed: bool) -> tuple[Span, ...]:
    """Reset, integration and conversion of one conversion, as in `Schedule.single`."""
    schedule = Schedule.single(context.condition.designs, signed)
    return (
        Span(0.0, schedule.reset, "reset"),
        Span(schedule.reset, schedule.ramp, "integrate"),
        Span(schedule.ramp, schedule.end, "convert"),
    )
