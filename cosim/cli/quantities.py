"""Numbers with SPICE-like suffixes on the command line: `10n`, `10ns`, `1e-8` are the same time."""

from __future__ import annotations

import re
from collections.abc import Callable

import typer

_PREFIXES = {
    "": 1.0,
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "meg": 1e6,
    "g": 1e9,
}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Zµ]*)")


def quantity_in(unit: str) -> Callable[[str], float]:
    """A typer parser of numbers in an SI unit, written plainly or with a suffix."""

    def parse(text: str) -> float:
        return parse_quantity(text, unit)

    parse.__name__ = unit  # typer shows it as the option's metavar
    return parse


def parse_quantity(text: str, unit: str) -> float:
    """The number in SI units; typer.BadParameter (exit status 2) when it cannot be read."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a number; write for example 10n, 10n{unit} or 1e-8")
    number, suffix = match[1], match[2].removesuffix(unit)
    if suffix == "M":
        raise typer.BadParameter(f"{text!r}: M is milli in SPICE; write {number}m or {number}meg")
    if suffix not in _PREFIXES:
        known = ", ".join(filter(None, _PREFIXES))
        raise typer.BadParameter(f"{text!r}: unknown suffix {match[2]!r}; use one of {known}, or {unit}")
    return float(number) * _PREFIXES[suffix]
