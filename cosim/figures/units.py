"""SI prefixes for axes and for numbers in running text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_PLAIN = ("", "°C")
"""Units that take no prefix."""


@dataclass(frozen=True)
class Scale:
    """Multiply a value in SI units by `factor` to read it in `unit`."""

    factor: float
    unit: str


def scale_of(unit: str, largest: float) -> Scale:
    """The prefix under which a magnitude reads as 0.5 to 500; percent for the unit `%`."""
    if unit == "%":
        return Scale(100.0, "%")
    if unit in _PLAIN or not math.isfinite(largest) or largest <= 0:
        return Scale(1.0, unit)
    exponent = min(max(3 * math.floor(math.log10(largest / 0.5) / 3), -18), 12)
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
    scale = scale_of(unit, max(map(abs, values), default=0.0))
    return [f"{value * scale.factor:.4g} {scale.unit}".strip().replace("-", "−") for value in values]


def _significant(number: float, digits: int) -> str:
    if number == 0:
        return "0"
    decimals = max(digits - 1 - math.floor(math.log10(abs(number))), 0)
    return f"{number:,.{decimals}f}"
