"""Numbers with suffixes on the command line: `10n`, `10ns`, `1e-8` are the same time; counts take k and M."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import typer

_PREFIXES = {
    "": 0,
    "f": -15,
    "p": -12,
    "n": -9,
    "u": -6,
    "µ": -6,
    "m": -3,
    "k": 3,
    "meg": 6,
    "g": 9,
}
"""Suffix -> power of ten."""
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Zµ]*)")


def quantity_in(unit: str) -> Callable[[str], float]:
    """A typer parser of numbers in an SI unit, written plainly or with a suffix."""

    def parse(text: str) -> float:
        return parse_quantity(text, unit)

    parse.__name__ = unit  # typer shows it as the option's metavar
    return parse


def parse_quantity(text: str, unit: str) -> float:
    """Parse a number with a suffix.

    Args:
        text: number such as `10n`, `10ns` or `1e-8`.
        unit: unit that may follow, such as `s`.

    Returns:
        The number in SI units: the float nearest to the decimal that was written.

    Raises:
        typer.BadParameter: the text cannot be read (exit status 2).
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a number; write for example 10n, 10n{unit} or 1e-8")
    number, suffix = match[1], match[2].removesuffix(unit)
    if suffix == "M":
        raise typer.BadParameter(f"{text!r}: M is milli in SPICE; write {number}m or {number}meg")
    if suffix not in _PREFIXES:
        known = ", ".join(filter(None, _PREFIXES))
        raise typer.BadParameter(f"{text!r}: unknown suffix {match[2]!r}; use one of {known}, or {unit}")
    mantissa, _, exponent = number.lower().partition("e")
    # A product of floats would make 5f another number than 5e-15, and every netlist another one.
    power = int(exponent or 0) if len(exponent) < 6 else math.inf
    value = float(f"{mantissa}e{power + _PREFIXES[suffix]}") if math.isfinite(power) else math.inf
    if not math.isfinite(value):
        raise typer.BadParameter(f"{text!r} is out of range")
    return value


_COUNTS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
"""Suffix of a count -> factor."""


def parse_count(text: str) -> int:
    """Parse a count such as `200k`, `1M` or `20480`, in which M is a million.

    Args:
        text: what was written.

    Raises:
        typer.BadParameter: the text cannot be read, or is no whole number.
    """
    match = _NUMBER.fullmatch(str(text).strip().replace("_", "").replace(",", ""))
    if match is None or match[2] not in _COUNTS:
        raise typer.BadParameter(f"{text!r} is not a count; write for example 20480, 200k or 1M")
    value = float(match[1]) * _COUNTS[match[2]]
    if not (0 <= value < 2**53 and value.is_integer()):
        raise typer.BadParameter(f"{text!r} is not a whole number of at least 0")
    return int(value)


parse_count.__name__ = "count"


def parse_limit(text: str) -> tuple[str, float]:
    """Parse how long a stage lasts, such as `160k` (tokens), `200steps` or `10min`.

    Args:
        text: what was written.

    Returns:
        "tokens", "steps" or "minutes", and its number.

    Raises:
        typer.BadParameter: the text cannot be read.
    """
    text = str(text).strip()
    if text.endswith("min"):
        return "minutes", _minutes(text.removesuffix("min"))
    if text.endswith("steps"):
        return "steps", parse_count(text.removesuffix("steps"))
    return "tokens", parse_count(text.removesuffix("tokens"))


parse_limit.__name__ = "limit"


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 <= minutes <= 100_000:
        raise typer.BadParameter(f"{text!r}min is not a time; write for example 160k, 200steps or 10min")
    return minutes
