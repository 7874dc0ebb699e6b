"""Published surrogate gradient: the derivative of the linear cell in place of the nonlinear cell's.

The publication's training code computes the products sum_i w_i f(x_i) with its nonlinear cell f, and takes
their derivatives from its linear cell l(x) = 19.3 x: w_i l' with respect to the stored voltage, l(x_i) with
respect to the pulse width, both aged as the linear cell is. All other steps, bit-line loading and converters,
keep their own derivatives.

Source: N. Leroux et al., Nature Computational Science 5, 813-824 (2025), Methods.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ...circuits.errors import HardwareError
from ...models import Hardware, Polynomial

Gradient = Literal["exact", "fixed-slope"]
"""Derivative of a cell's charge with respect to its stored voltage and to its pulse width: its own ("exact"),
or that of the cell "linear", whose slope is fixed."""


def require_gradient(gradient: str, hardware: Hardware) -> None:
    """Check that a gradient exists and that the hardware can provide it.

    Args:
        gradient: name of the gradient.
        hardware: cells of the hardware.

    Raises:
        ValueError: a name that is not a `Gradient`.
        HardwareError: "fixed-slope" on hardware without a polynomial cell "linear".
    """
    if gradient not in ("exact", "fixed-slope"):
        raise ValueError(f"gradient={gradient!r} must be 'exact' or 'fixed-slope'")
    if gradient == "fixed-slope" and hardware.kind == "gain-cell":
        linear_cell(hardware)


def linear_cell(hardware: Hardware) -> Polynomial:
    """The hardware's cell "linear": stored voltage (V) -> charge of a full-width pulse.

    Args:
        hardware: cells of the hardware.

    Raises:
        HardwareError: there is no polynomial cell of that name.
    """
    cell = hardware.cells.get("linear")
    if not isinstance(cell, Polynomial):
        raise HardwareError(
            f"hardware {hardware.name!r} has no polynomial cell 'linear' whose slope gradient='fixed-slope' "
            f"could take; its cells are {', '.join(sorted(hardware.cells))}; use gradient='exact'"
        )
    return cell


def linear_term(hardware: Hardware, decay: bool, terms: int) -> int:
    """Index of the term of a cell's charge (`stages.Terms`) that stands for the linear cell.

    The linear cell ages with that term's factor. For a polynomial that decays it is the first power, which
    ages as the stored deviation does (Leroux et al. 2025, Methods); otherwise the first term.

    Args:
        hardware: cell in use and its aging.
        decay: whether stored charge decays.
        terms: number of terms.
    """
    by_power = decay and hardware.cell not in hardware.aging and hardware.decay_per_token is not None
    return 1 if by_power and terms > 1 else 0


def with_fixed_slope(
    terms: list[tuple[Tensor, Tensor | None]], volts: Tensor, hardware: Hardware, decay: bool
) -> list[tuple[Tensor, Tensor | None]]:
    """Terms with the same values whose derivative with respect to `volts` is the linear cell's.

    One term (`linear_term`) carries the whole derivative. The derivative with respect to the pulses is the
    caller's part: see `surrogates` and `product`.

    Args:
        terms: separable parts of the cells' charge, as `stages.Terms`.
        volts: stored voltages, shape (B, Hkv, S, D), V.
        hardware: cells of the hardware.
        decay: whether stored charge decays.
    """
    linear = linear_cell(hardware)(volts)
    linear_index = linear_term(hardware, decay, len(terms))
    return [
        # The bracket is exactly zero.
        (response.detach() + (linear - linear.detach()) if i == linear_index else response.detach(), factor)
        for i, (response, factor) in enumerate(terms)
    ]


def surrogates(linear: Tensor, linear_index: int, terms: int) -> list[Tensor]:
    """Response of each term that the gradient with respect to the pulses uses.

    Args:
        linear: charge of the linear cell, shape (B, Hkv, S, D).
        linear_index: index of the term that stands for the linear cell.
        terms: number of terms.

    Returns:
        `linear` at `linear_index`, zeros of the same shape elsewhere.
    """
    zeros = linear.new_zeros(()).expand_as(linear)
    return [linear if i == linear_index else zeros for i in range(terms)]


def product(pulses: Tensor, response: Tensor, surrogate: Tensor | None = None) -> Tensor:
    """pulses @ response, with the gradient of pulses @ surrogate with respect to the pulses.

    Args:
        pulses: pulse widths, shape (..., T, R), fraction of T_max.
        response: charge of a full-width pulse, shape (..., R, S).
        surrogate: charge that the gradient uses, shape (..., R, S); None: `response`.
    """
    if surrogate is None or not pulses.requires_grad:
        return pulses @ response
    # The bracket is exactly zero.
    return pulses.detach() @ response + (pulses - pulses.detach()) @ surrogate.detach()
