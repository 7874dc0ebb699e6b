"""Figures that are not schematics: the two-array chain and the phases of one operation."""

from __future__ import annotations

import re

from sheet import BLUE, GREY, SMALL, Point, Sheet

from gaincell.circuits.designs import Designs
from gaincell.circuits.testbench.schedule import EDGE, Schedule

ORANGE = "#b8560f"
SHOWN = 4
"""Rows and columns of an array that the block diagram draws."""


def chain() -> Sheet:
    """Query pulses, K array, ReLU converters, V array, signed converters; colours mark ideal parts."""
    sheet = Sheet()
    rows = [9.5 - r for r in range(SHOWN)]
    columns = [6 + 1.2 * c for c in range(SHOWN)]
    sheet.text((0.6, rows[0] + 1.1), "query pulses", color=ORANGE)
    for d, y in enumerate(rows):
        _pulse(sheet, (0.2, y), (0.9, 0.5, 0.3, 0.7)[d])
        sheet.text((-0.15, y), f"q{d}", "right", color=ORANGE)
        _driver(sheet, (2, y))
    _array(sheet, rows, columns, "K array", "rows: dimensions d, columns: stored keys s")
    phi = [1.2 - 1.0 * c for c in range(SHOWN)]
    for token, x in enumerate(columns):
        _box(sheet, (x - 0.5, 3.9), (x + 0.5, 4.9), "ReLU")
        sheet.line((x, rows[-1] - 0.6), (x, 4.9))
        sheet.line((x, 3.9), (x, phi[token]), (11.6, phi[token]))
        sheet.text((11.1, phi[token] + 0.28), f"phi{token}", size=SMALL, color=BLUE)
        _driver(sheet, (11.6, phi[token]))
    values = [15.6 + 1.6 * c for c in range(SHOWN)]
    _array(sheet, phi, values, "V array", "rows: stored values s, columns: dimensions d")
    for x in values:
        sheet.line((x, phi[-1] - 0.6), (x, -3.4))
        _box(sheet, (x - 0.65, -4.4), (x + 0.65, -3.4), "signed")
        for side in (-0.2, 0.2):
            sheet.line((x + side, -4.4), (x + side, -5.8))
    sheet.text((values[0] - 0.4, -5.1), "sign, out", "right", SMALL, BLUE)
    _box(sheet, (14.6, -7), (21.4, -5.8), "counters, digital sum over sub-tiles", dashed=True)
    clocks = "on  rst  ramp  win  v_ref  bias"
    for y, left, right, lines in ((4.4, 0.5, 5.5, clocks), (-3.9, 9.1, 14.95, clocks + "  smp")):
        sheet.line((left, y), (right, y), color=ORANGE)
        sheet.text((left, y + 0.32), lines, "left", SMALL, ORANGE)
    _legend(sheet, (-0.6, -5.2))
    return sheet


def _legend(sheet: Sheet, at: Point) -> None:
    x, y = at
    for i, (text, color) in enumerate(
        (
            ("ideal sources; stored voltages are initial conditions", ORANGE),
            ("transistors, with RC wires", "black"),
            ("not simulated", GREY),
        )
    ):
        sheet.line((x, y - 0.7 * i), (x + 0.8, y - 0.7 * i), color=color, width=2.4, dashed=color == GREY)
        sheet.text((x + 1.1, y - 0.7 * i), text, "left", color=color)


def _array(sheet: Sheet, rows: list[float], columns: list[float], title: str, note: str) -> None:
    """Draw horizontal word lines, vertical bit lines and a cell at every crossing."""
    left, right, top, low = columns[0] - 0.9, columns[-1] + 0.9, rows[0] + 0.6, rows[-1] - 0.6
    for y in rows:
        sheet.line((left - 1.1, y), (columns[-1] + 0.6, y), width=1.0)
    for x in columns:
        sheet.line((x, top - 0.2), (x, low), width=1.0)
        for y in rows:
            _box(sheet, (x + 0.12, y - 0.42), (x + 0.52, y - 0.1), "")
    sheet.line((left, low), (right, low), (right, top), (left, top), (left, low))
    sheet.text((left, top + 0.85), title, "left")
    sheet.text((left, top + 0.35), note, "left", SMALL, GREY)


def _driver(sheet: Sheet, at: Point) -> None:
    """Draw a row driver to the right of a point; its triangle stands for both word-line polarities."""
    x, y = at
    sheet.line((x - 0.8, y), (x, y))
    sheet.line((x, y - 0.36), (x, y + 0.36), (x + 0.75, y), (x, y - 0.36))
    sheet.line((x + 0.75, y), (x + 2, y), width=1.0)


def _pulse(sheet: Sheet, at: Point, width: float) -> None:
    x, y = at
    low, high = y - 0.18, y + 0.22
    corners = [(x, low), (x + 0.1, low), (x + 0.1, high), (x + 0.1 + width * 0.8, high)]
    sheet.line(*corners, (x + 0.1 + width * 0.8, low), (x + 1, low), color=ORANGE)


def _box(sheet: Sheet, low: Point, high: Point, text: str, dashed: bool = False) -> None:
    (x0, y0), (x1, y1) = low, high
    color = GREY if dashed else "black"
    sheet.line((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0), dashed=dashed, color=color)
    if text:
        sheet.text(((x0 + x1) / 2, (y0 + y1) / 2), text, size=SMALL, color=color)


PER_NS = 0.42
"""Grid units of the timing diagram per nanosecond."""
PITCH = 1.25
"""Grid units between two of its signals."""


def timing() -> Sheet:
    """Clocks and pulses of one operation with the default sizes, at the times of `Schedule`."""
    designs = Designs()
    schedule, longest = Schedule.of(designs), designs.clocking.t_pulse_max
    end, off, off_2 = schedule.end, schedule.window_end + 4 * EDGE, schedule.window_2_end + 4 * EDGE
    reset_2 = (schedule.ramp - designs.clocking.t_reset, schedule.ramp)
    levels = {
        "rst (first)": [(0.0, schedule.reset)],
        "on (first)": [(0.0, schedule.reset), (schedule.wake, off)],
        "ramp (first)": [(schedule.ramp, off)],
        "win (first)": [(schedule.window, schedule.window_end)],
        "rst (second)": [reset_2],
        "on (second)": [reset_2, (schedule.wake_2, off_2)],
        "smp": [(0.0, schedule.sample)],
        "ramp (second)": [(schedule.ramp_2, off_2)],
        "win (second)": [(schedule.window_2, schedule.window_2_end)],
    }
    spans = {
        "query pulses": schedule.integrate,
        "phi pulses": schedule.window,
        "out pulses": schedule.window_2,
    }
    first = ("rst (first)", "on (first)", "query pulses", "ramp (first)", "win (first)", "phi pulses")
    second = ("rst (second)", "on (second)", "smp", "ramp (second)", "win (second)", "out pulses")
    sheet, depth = Sheet(), -PITCH * len(first + second)
    _phases(sheet, schedule, depth)
    for i, name in enumerate(first + second):
        base = -PITCH * (i + 1)
        sheet.text((-0.3, base + 0.3), name, "right", color=BLUE if name in spans else ORANGE)
        if name in spans:
            _span(sheet, base, spans[name], longest, end)
        else:
            _level(sheet, base, levels[name], end)
    return sheet


def _phases(sheet: Sheet, schedule: Schedule, depth: float) -> None:
    """Draw the boundaries of the phases, their names and lengths, and the time axis."""
    start = 0.0
    for title, seconds in schedule.phases:
        middle = _x(start + seconds / 2)
        # Titles have the form "a and b" or "a: b"; split over two lines they fit the column.
        lines = re.split(r"(?: and|:) (?!count)", title, maxsplit=1)
        for i, text in enumerate((*lines, f"{seconds * 1e9:.2f} ns")):
            sheet.text(
                (middle, 1.75 - 0.5 * i), text, size=SMALL, color=GREY if text.endswith("ns") else "black"
            )
        start += seconds
        sheet.line((_x(start), 2.0), (_x(start), depth - 0.3), color="#b9c2cc", width=0.8, dashed=True)
    sheet.line((0, depth - 0.3), (_x(schedule.end) + 0.4, depth - 0.3), color=GREY, width=1.0)
    for ns in range(0, int(schedule.end * 1e9) + 1, 10):
        sheet.line((ns * PER_NS, depth - 0.3), (ns * PER_NS, depth - 0.5), color=GREY, width=1.0)
        sheet.text((ns * PER_NS, depth - 0.85), f"{ns}" if ns else "0 ns", size=SMALL, color=GREY)


def _level(sheet: Sheet, base: float, high: list[tuple[float, float]], end: float) -> None:
    """Draw a clock that is high during the given times, s."""
    points: list[Point] = []
    for on, off in high:
        points += [(_x(on), base), (_x(on), base + 0.7), (_x(off), base + 0.7), (_x(off), base)]
    ends = ([] if high[0][0] == 0.0 else [(0.0, base)], [(_x(end), base)])
    sheet.line(*ends[0], *points[high[0][0] == 0.0 :], *ends[1], color=ORANGE)


def _span(sheet: Sheet, base: float, start: float, longest: float, end: float) -> None:
    """Draw pulses of several widths up to the longest, s, with a common start."""
    stop = start + longest
    sheet.line((0, base), (_x(start), base), (_x(start), base + 0.7), (_x(stop), base + 0.7), color=BLUE)
    sheet.line((_x(stop), base + 0.7), (_x(stop), base), (_x(end), base), color=BLUE)
    for fraction in (0.25, 0.5, 0.75):
        x = _x(start + fraction * longest)
        sheet.line((x, base), (x, base + 0.7), color=BLUE, width=0.8, dashed=True)
    sheet.text((_x(stop) + 0.3, base + 0.35), "0 to t_pulse_max", "left", SMALL, GREY)


def _x(seconds: float) -> float:
    return seconds * 1e9 * PER_NS
