"""Axes of panels: what they show, their prefixes, titles and ticks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .units import Scale, quantity, scale_of


@dataclass(frozen=True)
class PlotAxis:
    """One direction of a panel."""

    label: str
    unit: str = ""
    """SI unit without prefix; `%`, or `% of something`, for fractions; empty for pure numbers."""
    log: bool = False
    limits: tuple[float, float] | None = None
    """Both ends; None fits the axis to what is drawn."""
    ticks: tuple[tuple[float, str], ...] | None = None
    """(value, text) of every tick, for categories; None places ticks at round numbers."""
    reversed: bool = False
    """Whether the values grow to the left, or downwards."""
    grid: bool = True


def axis_scale(axis: PlotAxis, values: Iterable[float]) -> Scale:
    """Prefix of an axis; logarithmic axes stay in the unit itself and put the prefix on each tick.

    Args:
        axis: the axis.
        values: what is drawn along it, SI unit; the axis' own limits come before them.

    Returns:
        Factor to the displayed unit, and that unit.
    """
    if axis.log:
        return Scale(1.0, axis.unit)
    values = np.asarray([*(axis.limits or values)], float)
    return scale_of(axis.unit, float(np.nanmax(np.abs(values), initial=0.0)))


def log_ticks(axis: PlotAxis, ends: tuple[float, float]) -> list[tuple[float, str]]:
    """Ticks of a logarithmic axis: every decade, or every third if there are many, or 1, 2, 5 if few.

    Args:
        axis: the axis; pure numbers far from 1 are written as powers of ten.
        ends: smallest and largest value, SI unit.

    Returns:
        (value, text) of every tick.
    """
    low, high = ends
    first, last = int(np.ceil(np.log10(low) - 1e-3)), int(np.floor(np.log10(high) + 1e-3))
    if last - first < 2:
        every = [m * 10.0**k for k in range(first - 1, last + 1) for m in (1, 2, 5)]
        values = [value for value in every if low / 1.002 <= value <= high * 1.002]
    else:
        step = 1 if last - first <= 8 else 3
        values = [10.0**k for k in range(first + (-first) % step, last + 1, step)]
    exponents = [round(np.log10(value)) for value in values]
    if not axis.unit and not all(-4 < exponent < 6 for exponent in exponents):
        return [(10.0**exponent, _power(exponent)) for exponent in dict.fromkeys(exponents)]
    if axis.unit == "s" and max(exponents, default=0) >= 3:  # kiloseconds are hard to read
        return [(10.0**exponent, f"{_power(exponent)} s") for exponent in dict.fromkeys(exponents)]
    return [(value, quantity(value, axis.unit, 1)) for value in values]


def axis_limits(axis: PlotAxis, ends: tuple[float, float]) -> tuple[float, float] | None:
    """Limits of an axis, both renderers' own choice (None) for a linear axis that states none.

    Args:
        axis: the axis.
        ends: smallest and largest value that is drawn, SI unit, above zero if the axis is logarithmic.

    Returns:
        Lower and upper end, SI unit; a logarithmic axis reaches 4 % beyond what is drawn.
    """
    if axis.limits or not axis.log:
        return axis.limits
    margin = (ends[1] / ends[0]) ** 0.04 if ends[1] > ends[0] else 10**0.5
    return ends[0] / margin, ends[1] * margin


def axis_title(axis: PlotAxis, scale: Scale) -> str:
    """Label with its unit in brackets, unless the unit is on every tick."""
    return axis.label if axis.log or not scale.unit else f"{axis.label} ({scale.unit})"


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
