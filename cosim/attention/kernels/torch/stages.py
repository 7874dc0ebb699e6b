"""What follows the cells of one product, on charges in full scales: column, converter, counter.

Everything here is differentiable, except that the counter is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...row_tiles import summed
from ...stages import jittered
from ..converter_curve import Curve, value_at
from ..description import Circuit, ScaledColumn, Stage


def is_ideal(stage: Stage) -> bool:
    """Whether nothing but a clip follows the charges; those of pulses' edges are the caller's."""
    plain = stage.column is None and stage.knots is None
    return plain and stage.noise == stage.jitter == 0


def first_is_ideal(circuit: Circuit) -> bool:
    """Whether nothing but a clip follows the charges of the first product."""
    return circuit.row_tiles == 1 and is_ideal(circuit.first)


def first_pulses(
    circuit: Circuit,
    curve: Curve | None,
    deviation: Tensor | None,
    charges: Sequence[Tensor],
    loads: Sequence[Tensor],
) -> Tensor:
    """Pulse widths into the second array, fraction of T_max.

    Args:
        circuit: both stages.
        curve: of the first converter.
        deviation: as `deviations_of`, broadcastable with the charges; None: nominal converters.
        charges: sum over the cells in every phase, each (..., keys).
        loads: bit-line loading in every phase; empty without a column model.
    """
    stage = circuit.first
    nodes = list(charges)
    if circuit.row_tiles > 1:
        own = zip(charges, loads or (None,) * len(charges), strict=True)
        return _from_row_tiles(circuit, curve, deviation, list(own))
    if stage.column is not None:
        nodes[0] = _delivered(stage.column, charges[0], loads[0])
        if circuit.swap_efficiency is not None:
            # As `two_phase_charge`: the first phase's charge is left on the bit line, with the other sign.
            swapped = circuit.swap_efficiency * nodes[0]
            nodes = [_delivered(stage.column, charges[1] + swapped * loads[1], loads[1]) - swapped]
    return _converted(nodes[0], stage, curve, deviation)


def _from_row_tiles(
    circuit: Circuit, curve: Curve | None, deviation: Tensor | None, nodes: list[tuple[Tensor, Tensor | None]]
) -> Tensor:
    """Pulse widths into the second array from the charge and the loading of every integration."""
    passes, widths = len(nodes) // circuit.row_tiles, []
    for i, (charge, load) in enumerate(nodes):
        own = None if deviation is None else deviation[..., i // passes * 4 :][..., :4]
        widths.append(second_widths(circuit.first, curve, own, charge, load))
    return summed(widths, circuit.output_steps, circuit.query_steps, passes)


def second_widths(
    stage: Stage, curve: Curve | None, deviation: Tensor | None, charge: Tensor, load: Tensor | None
) -> Tensor:
    """Signed read-out of a sub-tile before it is counted, fraction of T_max; arguments as `first_pulses`."""
    if stage.column is not None and load is not None:
        charge = _delivered(stage.column, charge, load)
    return _converted(charge, stage, curve, deviation)


def _delivered(column: ScaledColumn, charge: Tensor, load: Tensor) -> Tensor:
    """Charge that a column delivers, see `ColumnModel`."""
    a, u = (charge * column.charge_scale).clamp(*column.a_box), load.clamp(*column.u_box)
    correction = _horner([_horner(row, u) for row in column.coefficients], a)
    if isinstance(correction, Tensor):
        return torch.addcmul(charge, charge, correction)
    return charge + charge * correction


def _horner(coefficients: Sequence[Tensor | float], x: Tensor) -> Tensor | float:
    """sum_j coefficients[j] x^j, a number where all higher ones are zero."""
    value: Tensor | float = 0.0
    for coefficient in reversed(coefficients):
        if isinstance(value, Tensor) and isinstance(coefficient, Tensor):
            value = torch.addcmul(coefficient, value, x)
        elif isinstance(value, Tensor) or value != 0.0:
            product = value * x
            value = product + coefficient if isinstance(coefficient, Tensor) else product.add_(coefficient)
        else:
            value = coefficient
    return value


def _converted(charge: Tensor, stage: Stage, curve: Curve | None, deviation: Tensor | None) -> Tensor:
    if stage.noise:
        charge = charge + stage.noise * torch.randn_like(charge)
    if deviation is not None:
        offset, gain, *negative = deviation.unbind(-1)
        own = (charge - offset) * (1 + gain)
        if negative:
            own = torch.where(charge > 0, own, (charge - negative[0]) * (1 + negative[1]))
        charge = own
    width = (charge if curve is None else value_at(curve, charge)).clamp(-1.0 if stage.signed else 0.0, 1.0)
    return jittered(width, stage.jitter) if stage.jitter else width
