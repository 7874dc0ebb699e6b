"""What follows the cells of one block: from summed charges (in full scales) to pulses and to the read-out.

Ideal converters are clips, done in place. Everything else goes through the functions of `signals.py`, whose
derivative comes from `torch.func.vjp`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...stages import OperationContext, column_of, converted, count, integrated, integrated_twice, noise_of

BEYOND = 1e-30
"""Makes the derivative of a clip one at its ends, as `torch.clamp` has it."""
SPARE = {dtype: torch.finfo(dtype).eps for dtype in (torch.float32, torch.float64)}


def is_ideal(array: int, op: OperationContext) -> bool:
    """Whether nothing but a clip follows the sums of array 1 or 2."""
    hardware = op.hardware
    converter = hardware.phi if array == 1 else hardware.readout
    fitted = op.effects.converter and converter is not None
    edged = array == 2 and op.effects.edge and hardware.edge is not None
    return not fitted and not edged and column_of(array, op) is None and noise_of(op) is None


def clip_slope(grad: Tensor, x: Tensor, low: float, high: float) -> Tensor:
    """`grad` where low <= x <= high, 0 elsewhere."""
    return torch.ops.aten.hardtanh_backward(grad, x, *_around(x.dtype, low, high))


def clip_slope_(grad: Tensor, x: Tensor, low: float, high: float, out: Tensor | None = None) -> Tensor:
    """`clip_slope` in `out`, or in place of `grad`."""
    if torch.compiler.is_compiling():
        return clip_slope(grad, x, low, high)
    out = grad if out is None else out
    return torch.ops.aten.hardtanh_backward.grad_input(grad, x, *_around(x.dtype, low, high), grad_input=out)


def clip_tellingly_(x: Tensor, low: float, high: float) -> Tensor:
    """A clip in place, to the nearest numbers outside: `clip_slope` is the same before and after."""
    return x.clamp_(*_around(x.dtype, low, high))


def clips(charge: Tensor, full_scale: float) -> bool:
    """Whether a converter of this full scale clips any of it."""
    low, high = (float(x) for x in charge.aminmax())
    # Not a number clips, for all that is known.
    return not (-low <= full_scale and high <= full_scale)


def _around(dtype: torch.dtype, low: float, high: float) -> tuple[float, float]:
    """The nearest numbers outside."""
    spare = SPARE[dtype]
    return low - (spare * abs(low) or BEYOND), high + (spare * abs(high) or BEYOND)


def first_pulses(charges: tuple[Tensor, ...], loads: tuple[Tensor, ...], op: OperationContext) -> Tensor:
    """Pulse widths / T_max into the second array, from the sums (b, h, rows, keys) of each phase.

    now: conditions of the run's own keys, with the h arrays as heads.
    """
    full_scale = op.hardware.q_sat_1
    used = torch.ones((1, 1, 1, 1), dtype=torch.bool, device=charges[0].device)
    scaled = tuple(charge * full_scale for charge in charges)
    load = loads or (None,) * len(charges)
    if len(charges) == 2:
        node = integrated_twice(scaled, load, used, op)
    else:
        node = integrated(scaled[0], load[0], 1, used, op)
    return converted(node, 1, used, op)


def second_width(charge: Tensor, loads: tuple[Tensor, ...], op: OperationContext, tile: int) -> Tensor:
    """Counted read-out of a sub-tile in [-1, 1], from its sums (b, h, rows, C)."""
    used = torch.ones((1, 1, 1, 1), dtype=torch.bool, device=charge.device)
    load = loads[0] if loads else None
    node = integrated(charge * op.hardware.q_sat_2, load, 2, used, op)
    width = converted(node, 2, used, op, tile)
    return count(width, op.hardware.levels.output) if op.effects.quantise else width


def edge_of_pulses(pulses: Tensor, op: OperationContext) -> Tensor | float:
    """Charge of the pulses' edges (..., 1) on the second array's bit lines, in full scales."""
    if not op.effects.edge or op.hardware.edge is None:
        return 0.0
    edges = op.hardware.edge / op.hardware.q_sat_2
    return edges * (pulses > 0).sum(-1, keepdim=True).to(pulses.dtype)
