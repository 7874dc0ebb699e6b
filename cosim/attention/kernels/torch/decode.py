"""One query, as a decoding step asks: all elements of a key have one age, so its terms make one table."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...operation import OperationContext
from ..level_tables import levels_in_array
from .blocks import Sizes
from .forward import Arrays, read_outs
from .layout import Frame, Part, operands_of, parts_of
from .operands import Description, factors_of

AT_ONCE = 2**17
"""Elements of the keys that are computed at once, about, so that they stay in a core's cache."""


def decode(q: Tensor, k: Tensor, v: Tensor, op: OperationContext, described: Description) -> Tensor:
    """Sum of all read-outs, (B, H, 1, C), for one query (B, H, 1, D), by a description with levels."""
    positions = op.positions
    if positions.stored is None and positions.window is not None and positions.keys > positions.window:
        first = positions.keys - positions.window
        k, v = k[:, :, first:], v[:, :, first:]
        op = replace(op, positions=positions.of_keys(first, positions.keys))
    most = max(1, AT_ONCE // (k.shape[2] * k.shape[3])) if q.device.type == "cpu" else k.shape[0] * k.shape[1]
    sizes, outs, tables = Sizes(1, op.positions.keys + op.positions.columns), [], {}
    for part in parts_of(q, k, op, described, sizes, most):
        if part.frame not in tables:
            tables = {part.frame: [_by_key(part.frame, array) for array in (1, 2)]}
        outs.append(_outputs(part, tables[part.frame], q, k, v))
    return torch.cat(outs).view(*q.shape[:2], 1, -1)


def _by_key(frame: Frame, array: int) -> tuple[Tensor, Tensor]:
    """Response of every key's elements at every level, (S levels,), and where each key's begin, (S, 1)."""
    positions, levels = frame.op.positions, frame.described.levels[array - 1].table
    age = (positions.query_position[0] - positions.key_position).clamp(0, positions.ages - 1)
    factors = factors_of(frame.described, age)
    responses = factors @ levels[: factors.shape[1]].double()
    start = torch.arange(0, responses.numel(), levels.shape[1], dtype=torch.int32, device=age.device)
    return responses.to(levels.dtype).flatten(), start[:, None]


def _outputs(part: Part, tables: list[tuple[Tensor, Tensor]], q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Sum of all read-outs of a part, (n G, C)."""
    frame, described = part.frame, part.frame.described
    terms, loads = [], []
    for array, x in ((1, part.of_keys(k)), (2, part.of_keys(v))):
        level = levels_in_array(x if x.dtype == torch.uint8 else x.to(described.like.dtype), array, frame.op)
        level, (responses, start) = level.flatten(0, 1), tables[array - 1]
        rows = described.levels[array - 1].table
        loaded = len(rows) > len(described.order)
        loads.append(rows[-1].index_select(0, level.flatten()).view(level.shape) if loaded else None)
        terms.append([responses.index_select(0, level.add_(start).flatten()).view(level.shape)])
    constants = *described.constants, described.circuit.first.edge
    operands = operands_of(frame.ring, terms, loads, (0,), 1, None, constants)
    phases = part.phases(part.of_queries(q).to(described.like.dtype))
    arrays = Arrays(described, (None, None), operands, tuple(operands.pulses(x) for x in phases))
    total = 0.0
    for block in frame.blocks:
        total = total + read_outs(arrays, block).sum(0)
    if not frame.blocks:
        return q.new_zeros(phases[0].shape[0] * part.per_array, operands.depth)
    steps = described.circuit.output_steps
    return (total if steps is None else total / steps).flatten(0, 1)
