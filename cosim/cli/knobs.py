"""Design sizes on the command line: `--set cell.c_store=10f --set levels.key=16`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import typer

from .quantities import parse_quantity

_WORDS: dict[str, bool | None] = {"true": True, "yes": True, "false": False, "no": False, "none": None}


def parse_knobs(settings: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Parse design sizes.

    Args:
        settings: texts of the form `circuit.size=value`; numbers may have a SPICE suffix.

    Returns:
        Circuit -> size -> value, SI units.

    Raises:
        typer.BadParameter: a text is not of that form (exit status 2).
    """
    found: dict[str, dict[str, Any]] = {}
    for text in settings:
        path, sign, value = text.partition("=")
        circuit, dot, size = path.strip().partition(".")
        if not (sign and dot and circuit and size and value.strip()):
            raise typer.BadParameter(f"{text!r} is not circuit.size=value, such as cell.c_store=10f")
        found.setdefault(circuit, {})[size] = size_value(value.strip())
    return found


def merged(plan: Mapping[str, Mapping[str, Any]], knobs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Designs of a plan, in which the sizes of the command line replace those of the same name."""
    return {name: {**plan.get(name, {}), **knobs.get(name, {})} for name in {**plan, **knobs}}


def size_value(text: str) -> Any:
    """Value of a size: a number with or without a SPICE suffix, true, false, none, or the text itself.

    Args:
        text: what stands behind the sign.
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text[0].isdigit() or text[0] in "+-.":
        return parse_quantity(text, "")
    return text
