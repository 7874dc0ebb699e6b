"""Attention in C++ for CPUs: `src/*.h`, compiled for this machine at first use."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...levels import volts_of
from ...signed_query import normalised
from ...stages import OperationContext, chip_of, query_widths
from ..description import cells_of, deviations_of
from .build import build, missing_compiler
from .description import KNOWN, description_of, stacked, surrogate_of


def unavailable(op: OperationContext, q: Tensor) -> str | None:
    """Why it cannot compute this, as the end of a sentence; None where it can."""
    if q.device.type != "cpu":
        return f"it runs on CPUs, and the queries are on {q.device}"
    if q.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"it computes in single precision, and the queries are {q.dtype}"
    if op.effects.noise:
        return "it has no noise"
    if op.row_tiles > 1:
        return f"heads of {q.shape[3]} are spread over {op.row_tiles} row tiles"
    return failure()


@torch.compiler.assume_constant_result
def failure() -> str | None:
    """Compile and load the operators, once per process. Why that failed; None where it did not."""
    return _failure()


@lru_cache(maxsize=1)
def _failure() -> str | None:
    reason = missing_compiler()
    if reason is not None:
        return reason
    try:
        torch.ops.load_library(build())
    except (RuntimeError, OSError) as error:
        return f"compiling it failed ({str(error).strip().splitlines()[0]})"
    _register_fakes()
    return None


def _register_fakes() -> None:
    @torch.library.register_fake("gaincell::attention")
    def _(q, k, v, position, deviation_1, deviation_2, line_1, line_2, circuit, window, key_start, flagged):
        numbers = KNOWN[circuit]
        depth = numbers.depth(v.shape[-1])
        out = q.new_empty((*q.shape[:3], depth), dtype=torch.float32)
        wanted = flagged and deviation_2 is None
        tiles = numbers.flag_tiles(k.shape[-2], window, key_start) if wanted else 0
        flags = (*q.shape[:3], tiles, -(-depth // 32) * 4 if tiles else 0)
        return out, q.new_empty(flags, dtype=torch.uint8)

    @torch.library.register_fake("gaincell::attention_backward")
    def _(grad, flags, q, k, v, *rest):
        return tuple(torch.empty_like(x, memory_format=torch.contiguous_format) for x in (q, k, v))


class Attention(torch.autograd.Function):
    """The operator `gaincell::attention` with its derivative, `gaincell::attention_backward`."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        position: Tensor,
        deviation_1: Tensor | None,
        deviation_2: Tensor | None,
        line_1: Tensor | None,
        line_2: Tensor | None,
        circuit: int,
        window: int,
        key_start: int,
    ) -> Tensor:
        """Output (B, H, T, D) for the operator's arguments."""
        tensors = q, k, v, position, deviation_1, deviation_2, line_1, line_2
        out, flags = torch.ops.gaincell.attention.default(*tensors, circuit, window, key_start, True)
        ctx.save_for_backward(flags, *tensors)
        ctx.numbers = circuit, window, key_start
        if not torch.compiler.is_compiling():
            ctx.described = KNOWN[circuit]  # keeps the description as long as the graph lives
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of q, k and v."""
        flags, *tensors = ctx.saved_tensors
        found = torch.ops.gaincell.attention_backward.default(grad, flags, *tensors, *ctx.numbers)
        return *found, *8 * (None,)


def attention(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
    """Output (B, H, T, D) in q's dtype; k and v (B, Hkv, S, D) are packed, volts or levels; autocast is off.

    Quantised elements of a nominal circuit are looked up by their level; where nothing is quantised, or every
    cell differs, the terms are computed here and read as they are. Elements that come as levels are read as
    they are to decode, and turned into volts for anything else.
    """
    positions, chip = op.positions, chip_of(op)
    by_level = op.effects.quantise and chip is None
    # Held until the operator has found it.
    described = description_of(op, by_level)
    learns = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    if k.dtype == torch.uint8 and (q.shape[2] > 1 or learns or not described.few_levels):
        k, v = volts_of(k, 1, op.hardware), volts_of(v, 2, op.hardware)
    deviations: tuple[Tensor | None, ...] = (None, None)
    lines: tuple[Tensor | None, ...] = (None, None)
    dtype = q.dtype
    if not by_level:
        keys, values = cells_of(k.float(), 1, op), cells_of(v.float(), 2, op)
        q, k, v = query_widths(q.float(), op), stacked(keys), stacked(values)
        lines = surrogate_of(keys, k), surrogate_of(values, v)
        deviations = deviations_of(op, v.shape[-1], v.new_empty(0))
    window = 0 if positions.window is None else positions.window
    arguments = (q, k, v, positions.query_position, *deviations, *lines, described.number, window)
    if learns:
        out = Attention.apply(*arguments, positions.key_start)
    else:
        out = torch.ops.gaincell.attention.default(*arguments, positions.key_start, False)[0]
    return normalised(out, op.hardware).to(dtype)
