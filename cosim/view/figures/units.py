"""SI prefixes for axes and for numbers in running text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_PLAIN = ("", "°C")
"""Units that take no prefix."""
_SMALLEST = {"V": 0.1}
"""Smallest number that is written without going down a prefix; 0.8 for other units."""


@dataclass(frozen=True)
class Scale:
    """Multiply a value in SI units by `factor` to read it in `unit`."""

    factor: float
    unit: str


def scale_of(unit: str, largest: float) -> Scale:
    """The prefix under which a magnitude reads as 0.8 to 800; percent for units like `% of T_max`."""
    if unit.startswith("%"):
        return Scale(100.0, unit)
    if unit in _PLAIN or not math.isfinite(largest) or largest <= 0:
        return Scale(1.0, unit)
    exponent = min(
        max(3 * math.floor(math.log10(largest / _SMALLEST.get(unit, 0.8) * (1 + 1e-9)) / 3), -18), 12
    )
    return Scale(10.0**-exponent, PREFIXES[exponent] + unit)


def quantity(value: float | None, unit: str = "", digits: int = 3) -> str:
    """A number for people: `6.15 nJ`, `0.42 %`, `27 °C`; a dash for None and NaN."""
    if value is None or not math.isfinite(value):
        return "∞" if value == math.inf else "–"
    scale = scale_of(unit, abs(value))
    number = value * scale.factor
    if number and not 1e-4 <= abs(number) < 1e6:
        text = f"{number:.{digits - 1}e}"
    else:
        text = _significant(number, digits)
    return f"{text} {scale.unit}".strip().replace("-", "−")


def quantities(values: Sequence[float], unit: str) -> list[str]:
    """Values of one kind as legend entries: one prefix for all, no trailing zeros."""
    largest = max(map(abs, values), default=0.0)
    scale = scale_of(unit, largest)
    # A zero that came out of arithmetic is still a zero.
    numbers = (0.0 if abs(value) < 1e-9 * largest else value * scale.factor for value in values)
    return [f"{number:.4g} {scale.unit}".strip().replace("-", "−") for number in numbers]


def _significant(number: float, digits: int) -> str:
    if number == 0:
        return "0"
    exponent = int(f"{number:.{digits - 1}e}".partition("e")[2])
    decimals = max(digits - 1 - exponent, 0)
    return f"{number:,.{decimals}f}"
