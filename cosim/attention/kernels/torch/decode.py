"""One query, as a decoding step asks: both products as sums over powers of the stored levels.

The response at a few levels is a polynomial of the level, f(l) = sum_p c_p z^p with z the level less the
middle one, so sum_d w_d f(l_d) = sum_p c_p sum_d w_d z_d^p. A further power is one pass over the elements,
where a look-up is several, and a key's age changes the coefficients alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from ...operation import OperationContext
from ...quantisers import nearest_level
from ...row_tiles import integrations
from ..description import row_pulses
from .blocks import Ring, ring_of
from .operands import Description, factors_of
from .stages import first_pulses, second_widths

AT_ONCE = 262144
"""Elements of the keys that are computed at once, about, so that they stay in a core's cache."""


def decodes(q: Tensor, op: OperationContext, described: Description) -> bool:
    """Whether `decode` computes this: one query, the last of one sequence, powers, and whole sub-tiles."""
    positions, window = op.positions, op.positions.window
    if q.shape[2] != 1 or positions.stored is not None or described.levels is None:
        return False
    whole = window is None or window % min(window, positions.columns) == 0
    return whole and all(rows.powers is not None for rows in described.levels)


def decode(q: Tensor, k: Tensor, v: Tensor, op: OperationContext, described: Description) -> Tensor:
    """Sum of all read-outs, (B, H, 1, C), for one query (B, H, 1, D)."""
    positions, circuit = op.positions, described.circuit
    if positions.window is not None and positions.keys > positions.window:
        first = positions.keys - positions.window
        k, v = k[:, :, first:], v[:, :, first:]
        op = replace(op, positions=positions.of_keys(first, positions.keys))
    ring, tables = ring_of(op.positions), _by_key(op, described)
    k, v = k.flatten(0, 1), v.flatten(0, 1)
    pulses = row_pulses(q.to(described.like.dtype), op, circuit)
    apart = circuit.loaded_phases or circuit.row_tiles > 1
    phases = integrations(pulses, op) if apart else (pulses,)
    # (n, phases G, R)
    pulses = torch.cat([x.reshape(len(k), -1, x.shape[-1]) for x in phases], 1)
    most = max(1, AT_ONCE // max(1, k[0].numel())) if q.device.type == "cpu" else len(k)
    outs = []
    for first in range(0, len(k), most):
        part = slice(first, first + most)
        charges, *loads = _weighed(_levels(k[part], 1, op, described), pulses[part], tables[0], op)
        if circuit.first.edge:
            charges = charges + circuit.first.edge * pulses[part].sign().sum(-1, keepdim=True)
        by_phase = [x.chunk(len(phases), 1) for x in (charges, *loads)]
        phi = first_pulses(circuit, described.curves[0], None, by_phase[0], by_phase[1] if loads else ())
        outs.append(_read_out(_levels(v[part], 2, op, described), phi, tables[1], ring, described))
    return torch.cat(outs).view(*q.shape[:2], 1, -1)


def _by_key(op: OperationContext, described: Description) -> list[Tensor]:
    """Of each array: coefficients of the powers for every key's charge, then for its loading if any,
    (powers + 1, 1 or 2, S)."""
    positions, found = op.positions, []
    age = (positions.query_position[0] - positions.key_position).clamp_(0, positions.ages - 1)
    factors = factors_of(described, age).T
    for rows, constant in zip(described.levels, described.constants, strict=True):
        charge = rows.powers[: len(factors)].T @ factors
        charge[0] += constant
        loading = [row[:, None].expand_as(charge) for row in rows.powers[len(factors) :]]
        found.append(torch.stack([charge, *loading], 1).to(described.like))
    return found


def _levels(x: Tensor, array: int, op: OperationContext, described: Description) -> Tensor:
    """Levels less the middle one for volts or levels (n, S, D), with the normalising column; NaN for NaN."""
    hardware, dtype = op.hardware, described.like.dtype
    levels = hardware.levels.key if array == 1 else hardware.levels.value
    volts = hardware.v_min, hardware.v_max
    if x.is_floating_point():
        level = nearest_level(x.to(dtype).clamp(*volts), *volts, levels)
    else:
        level = x.to(dtype).masked_fill_(x >= levels, torch.nan)
    if array == 2 and hardware.normaliser is not None:
        column = level.new_full((*level.shape[:-1], 1), hardware.normaliser)
        level = torch.cat([level, nearest_level(column, *volts, levels)], -1)
    return level.sub_((levels - 1) / 2)


def _powers(level: Tensor, count: int) -> Iterator[Tensor]:
    """The powers 1 .. count - 1; each holds until the next one."""
    power = level
    for i in range(1, count):
        power = level if i == 1 else power * level if i == 2 else power.mul_(level)
        yield power


def _weighed(level: Tensor, pulses: Tensor, table: Tensor, op: OperationContext) -> Tensor:
    """First product, charge and loading (1 or 2, n, phases G, S), for levels (n, S, D)."""
    even = odd = pulses
    if op.hardware.signed_query == "mirrored":
        # The complement of a level lies on the other side of the middle.
        plus, minus = pulses.chunk(2, -1)
        even, odd = plus + minus, plus - minus
    coefficients = table[:, :, None, None]
    total = coefficients[0] * even.sum(-1, keepdim=True)
    for i, power in enumerate(_powers(level, len(table)), 1):
        total = torch.addcmul(total, coefficients[i], torch.bmm(odd if i % 2 else even, power.mT))
    return total


def _read_out(level: Tensor, phi: Tensor, table: Tensor, ring: Ring, described: Description) -> Tensor:
    """Sum of all read-outs, (n, G, C), for levels (n, S, C) and pulses (n, G, S)."""
    stage, steps, n = described.circuit.second, described.circuit.output_steps, len(level)

    def by_run(x: Tensor) -> Tensor:
        """Numbers (.., n, rows, S) as (.., n runs, rows, columns)."""
        x = ring.slots(x, -1).unflatten(-1, (ring.runs, ring.columns))
        return x.movedim(-2, -3).flatten(-4, -3)

    # Charge and loading are rows of one product.
    weights = by_run((phi[:, None] * table[:, None, :, None]).flatten(2, 3))
    total = weights[0].sum(-1, keepdim=True)
    slots = ring.slots(level, -2).view(n * ring.runs, ring.columns, -1)
    for i, power in enumerate(_powers(slots, len(table)), 1):
        total = torch.baddbmm(total, weights[i], power)
    charge, *loads = total.view(n, ring.runs, table.shape[1], phi.shape[1], -1).unbind(2)
    if stage.edge:
        edges = stage.edge * by_run(phi.sign()).sum(-1, keepdim=True)
        charge = charge + edges.view(n, ring.runs, phi.shape[1], 1)
    if ring.tiles is not None and ring.runs > ring.tiles:
        # The oldest and the newest run share a sub-tile.
        charge, *loads = (torch.cat([x[:, :1] + x[:, -1:], x[:, 1:-1]], 1) for x in (charge, *loads))
    width = second_widths(stage, described.curves[1], None, charge, loads[0] if loads else None)
    return width.sum(1) if steps is None else width.mul(steps).round_().sum(1).div_(steps)
