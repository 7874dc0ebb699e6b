"""The published surrogate gradient: the slope of the linear cell in place of the cell curve's derivative."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ..circuits.errors import HardwareError
from ..models import Hardware, Polynomial

Gradient = Literal["exact", "fixed-slope"]
"""Derivative of a cell's charge by its stored voltage: its curve's, or the slope of the cell "linear"."""


def require_gradient(gradient: str, hardware: Hardware) -> None:
    """Raise `ValueError` for a gradient that does not exist, `HardwareError` for one the hardware lacks."""
    if gradient not in ("exact", "fixed-slope"):
        raise ValueError(f"gradient={gradient!r} must be 'exact' or 'fixed-slope'")
    if gradient == "fixed-slope" and hardware.kind == "gain-cell":
        line_of(hardware)


def line_of(hardware: Hardware) -> Polynomial:
    """The cell "linear"; raises `HardwareError` where there is none."""
    line = hardware.cells.get("linear")
    if not isinstance(line, Polynomial):
        raise HardwareError(
            f"hardware {hardware.name!r} has no polynomial cell 'linear' whose slope gradient='fixed-slope' "
            f"could take; its cells are {', '.join(sorted(hardware.cells))}; use gradient='exact'"
        )
    return line


def with_fixed_slope(
    terms: list[tuple[Tensor, Tensor | None]], volts: Tensor, hardware: Hardware, decay: bool
) -> list[tuple[Tensor, Tensor | None]]:
    """Terms of the cells' charge (see `signals.Terms`) whose derivative by `volts` is the slope of the line.

    Of a decaying polynomial, the first power has it, which ages as the stored deviation does (Leroux et al.
    2025, Methods); otherwise the first term. The others have none.
    """
    line = line_of(hardware)(volts)
    by_power = decay and hardware.cell not in hardware.aging and hardware.decay_per_token is not None
    bearer = 1 if by_power and len(terms) > 1 else 0
    return [
        # The bracket is exactly zero.
        (response.detach() + (line - line.detach()) if i == bearer else response.detach(), factor)
        for i, (response, factor) in enumerate(terms)
    ]
