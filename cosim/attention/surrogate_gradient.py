"""The published surrogate gradient: that of the linear cell in place of the cell's own, in both products.

The publication's training code computes the products sum_i w_i f(x_i) with its nonlinear cell f, and takes
their derivatives from its linear cell l(x) = 19.3 x: w_i l' by the stored voltage, l(x_i) by the width, both
aged as the linear cell is. Everything else, bit-line loading and converters, has its own derivative.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ...circuits.errors import HardwareError
from ...models import Hardware, Polynomial

Gradient = Literal["exact", "fixed-slope"]
"""Derivatives of a cell's charge by its stored voltage and by its pulse's width: its own, or those of the
cell "linear", whose slope is fixed."""


def require_gradient(gradient: str, hardware: Hardware) -> None:
    """Raise `ValueError` for a gradient that does not exist, `HardwareError` for one the hardware lacks."""
    if gradient not in ("exact", "fixed-slope"):
        raise ValueError(f"gradient={gradient!r} must be 'exact' or 'fixed-slope'")
    if gradient == "fixed-slope" and hardware.kind == "gain-cell":
        linear_cell(hardware)


def linear_cell(hardware: Hardware) -> Polynomial:
    """The cell "linear"; raises `HardwareError` where there is none."""
    line = hardware.cells.get("linear")
    if not isinstance(line, Polynomial):
        raise HardwareError(
            f"hardware {hardware.name!r} has no polynomial cell 'linear' whose slope gradient='fixed-slope' "
            f"could take; its cells are {', '.join(sorted(hardware.cells))}; use gradient='exact'"
        )
    return line


def linear_term(hardware: Hardware, decay: bool, terms: int) -> int:
    """Which of the terms of a cell's charge (see `signals.Terms`) stands for the linear cell, with its age.

    Of a decaying polynomial the first power, which ages as the stored deviation does (Leroux et al. 2025,
    Methods); otherwise the first term.
    """
    by_power = decay and hardware.cell not in hardware.aging and hardware.decay_per_token is not None
    return 1 if by_power and terms > 1 else 0


def with_fixed_slope(
    terms: list[tuple[Tensor, Tensor | None]], volts: Tensor, hardware: Hardware, decay: bool
) -> list[tuple[Tensor, Tensor | None]]:
    """Terms of the cells' charge whose derivative by `volts` is that of the linear cell, borne by one term.

    The derivative by the pulses is for who multiplies them: see `surrogates`.
    """
    line = linear_cell(hardware)(volts)
    linear_index = linear_term(hardware, decay, len(terms))
    return [
        # The bracket is exactly zero.
        (response.detach() + (line - line.detach()) if i == linear_index else response.detach(), factor)
        for i, (response, factor) in enumerate(terms)
    ]


def surrogates(line: Tensor, linear_index: int, terms: int) -> list[Tensor]:
    """What the gradient by the pulses takes for each of the terms: the linear cell's charge, or nothing."""
    nothing = line.new_zeros(()).expand_as(line)
    return [line if i == linear_index else nothing for i in range(terms)]


def product(pulses: Tensor, response: Tensor, surrogate: Tensor | None = None) -> Tensor:
    """pulses @ response with the gradient of pulses @ surrogate by the pulses; None: the response itself."""
    if surrogate is None or not pulses.requires_grad:
        return pulses @ response
    # The bracket is exactly zero.
    return pulses.detach() @ response + (pulses - pulses.detach()) @ surrogate.detach()
