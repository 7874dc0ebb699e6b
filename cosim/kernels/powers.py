"""Operands of polynomial cells whose deviation decays exponentially, forward and backward by hand.

What `operands.py` does for every hardware takes some forty passes over each element; here it is a dozen, most
of them in place. `plain_powers` says where it applies; a compiler fuses the general form by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..options import with_complements, with_normaliser
from ..signals import Conditions, chip_of, noise_of
from ..slope import line_of
from .fading import Fading
from .operands import edges_of, folded_queries, unfolded_queries
from .stages import clip_slope

Operands = tuple[Tensor, ...]
Back = Callable[[Operands], Tensor]


def plain_powers(now: Conditions, fading: Fading) -> bool:
    """Whether the cells hold what is written, and their charge is a sum of powers that all decay."""
    acting = (now.effects.write and now.hardware.write is not None) or chip_of(now) or noise_of(now)
    powers = fading.constant is not None and fading.rows is not None and not fading.tabled
    straight = now.gradient == "exact" or line_of(now.hardware).order == 1
    return powers and straight and not acting and not torch.compiler.is_compiling()


def stored_powers(
    x: Tensor, array: int, now: Conditions, fading: Fading, scale: float
) -> tuple[Operands, Back]:
    """`stored_of(x, ..).tensors()`, and the way from the gradient by these to that by x (b, h, S, D)."""
    hardware = now.hardware
    full_scale = hardware.q_sat_1 if array == 1 else hardware.q_sat_2
    coefficients = [float(c) * scale / full_scale for c in hardware.transfer.coefficients]
    deviation = _deviation(x, array, now, hardware.transfer.center).flatten(0, 1)
    keys, depth = deviation.shape[1:]
    edged = array == 1 and edges_of(now) is not None
    wide = deviation.new_empty(deviation.shape[0], keys, len(fading.keys) * depth + 1 + edged)
    power = deviation
    for i, share in enumerate(fading.keys):
        power = power * deviation if i == 1 else power.mul_(deviation) if i else power
        torch.mul(power, share * coefficients[i + 1], out=wide[..., i * depth : (i + 1) * depth])
    wide[..., len(fading.keys) * depth] = coefficients[0]
    if edged:
        wide[..., -1] = 1.0

    def back(grads: Operands) -> Tensor:
        parts = [grads[0][..., i * depth : (i + 1) * depth] for i in range(len(fading.keys))]
        grad = _by_deviation(parts, deviation, fading.keys, coefficients)
        return _by_target(grad.view(*x.shape[:2], keys, depth), x, array, now)

    return (wide,), back


def stored_line(
    x: Tensor, array: int, now: Conditions, fading: Fading, scale: float
) -> tuple[Operands, Back]:
    """The same of the linear cell's charge, aged as `fading` says."""
    hardware, line = now.hardware, line_of(now.hardware)
    full_scale = hardware.q_sat_1 if array == 1 else hardware.q_sat_2
    constant, slope = (float(c) * scale / full_scale for c in line.coefficients)
    deviation = _deviation(x, array, now, line.center).flatten(0, 1)
    depth, edged = deviation.shape[2], array == 1 and edges_of(now) is not None
    wide = deviation.new_empty(*deviation.shape[:2], depth + edged)
    torch.mul(deviation.mul_(slope).add_(constant), fading.keys[0], out=wide[..., :depth])
    if edged:
        wide[..., -1] = 1.0

    def back(grads: Operands) -> Tensor:
        grad = grads[0][..., :depth] * (fading.keys[0] * slope)
        return _by_target(grad.view(*x.shape[:2], -1, depth), x, array, now)

    return (wide,), back


def _deviation(x: Tensor, array: int, now: Conditions, center: float) -> Tensor:
    """Stored deviation from a polynomial's centre (b, h, S, R), V: what `stored_volts` gives, in place."""
    hardware = now.hardware
    low, high = hardware.v_min, hardware.v_max
    levels = hardware.levels.key if array == 1 else hardware.levels.value
    volts = (x if array == 1 else with_normaliser(x, hardware)).clamp(low, high)
    if now.effects.quantise:
        span, steps = high - low, levels - 1
        volts = volts if low == 0 else volts.sub_(low)
        volts.div_(span).mul_(steps).round_().div_(steps).mul_(span)
        volts = volts if low == 0 else volts.add_(low)
    if array == 1:
        volts = with_complements(volts, hardware)
    return volts.sub_(center)


def _by_deviation(
    grads: list[Tensor], deviation: Tensor, shares: tuple[Tensor | None, ...], coefficients: list[float]
) -> Tensor:
    """Gradient by the deviation, from those by each power's term: sum_i i c_i share_i x^(i - 1) g_i."""
    total = None
    for i in reversed(range(len(grads))):
        slope = shares[i] * ((i + 1) * coefficients[i + 1])
        total = grads[i] * slope if total is None else total.mul_(deviation).addcmul_(grads[i], slope)
    return total


def _by_target(grad: Tensor, x: Tensor, array: int, now: Conditions) -> Tensor:
    """Gradient by what is to be written, from that by what the rows and columns hold."""
    if array == 1 and now.hardware.signed_query == "mirrored":
        grad = grad[..., : x.shape[3]] - grad[..., x.shape[3] :]
    return clip_slope(grad[..., : x.shape[3]], x, now.hardware.v_min, now.hardware.v_max)


def plain_pulses(now: Conditions) -> bool:
    """Whether queries are unsigned, so that a pulse is a clipped query."""
    return now.hardware.signed_query is None


def powers_of_pulses(q: Tensor, now: Conditions, fading: Fading, rows: Tensor) -> tuple[Operands, Back]:
    """`wide` and `plain` of the single phase, and the way from the gradient by `wide` to that by q."""
    widths = q.clamp(0, 1)
    if now.effects.quantise:
        steps = now.hardware.levels.query - 1
        widths.mul_(steps).round_().div_(steps)
    plain = folded_queries(widths, now.kv_heads)
    depth, count, edge = plain.shape[2], rows.shape[2], edges_of(now)
    summed = fading.constant is not None
    wide = plain.new_empty(*plain.shape[:2], count * depth + summed + (edge is not None))
    for i in range(count):
        torch.mul(plain, rows[..., i : i + 1], out=wide[..., i * depth : (i + 1) * depth])
    if summed:
        wide[..., count * depth] = plain.sum(-1)
    if edge is not None:
        wide[..., -1] = (plain > 0).sum(-1) * edge

    def back(grads: Operands) -> Tensor:
        grad = grads[0][..., :depth] * rows[..., :1]
        for i in range(1, count):
            grad.addcmul_(grads[0][..., i * depth : (i + 1) * depth], rows[..., i : i + 1])
        if summed:
            grad += grads[0][..., count * depth : count * depth + 1]
        grad = unfolded_queries(grad, q.shape[0], now.kv_heads, q.shape[2])
        return clip_slope(grad, q, 0.0, 1.0)

    return (wide, plain), back
