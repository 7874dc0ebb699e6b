"""Attention in plain PyTorch without (T, S) tensors: some arrays at a time, sub-tile by sub-tile.

Saved for the backward pass are q, k and v, from which it computes everything again, and which blocks clipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...signed_query import normalised
from ...stages import OperationContext, full_precision, noise_of
from . import lean, pairs
from .decode import attention_of_one
from .gradients import widened, zeros
from .parts import Part
from .plans import planned
from .stages import is_ideal

FEW = 1 << 16
"""Elements of the keys up to which one query takes them all at once."""


def unavailable(op: OperationContext, q: Tensor) -> str | None:
    """Nothing keeps it from computing anything."""
    return None


def attention(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
    """Output (B, H, T, D) in q's dtype; k and v (B, Hkv, S, D) are packed, autocast is off."""
    if 0 in q.shape:
        return q.clone()
    # Many keys are better taken through the cache of a processor core part by part.
    few = torch.compiler.is_compiling() or k.numel() <= FEW
    if q.shape[2] == 1 and few:
        out = attention_of_one(q, k, v, op)
    else:
        out = BlockWise.apply(q, k, v, op, torch.is_grad_enabled())
    return normalised(out, op.hardware).to(q.dtype)


class BlockWise(torch.autograd.Function):
    """Sum of all read-outs (B, H, T, C), before the division by a normalising column."""

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, op: OperationContext, learns: bool) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.op, ctx.state = op, None if noise_of(op) is None else _random_state(q.device)
        normalises = op.hardware.normaliser is not None
        dtype = torch.promote_types(q.dtype, torch.float32) if normalises else q.dtype
        out = q.new_empty((*q.shape[:3], v.shape[3] + normalises), dtype=dtype)
        # A compiler cannot look at values, and noise is not the same where a block is left out.
        watch = is_ideal(2, op) and not torch.compiler.is_compiling()
        watch = watch and learns and any(ctx.needs_input_grad)
        # What the gradient takes for the cells is of no concern here.
        ctx.threads = 1 if torch.compiler.is_compiling() else torch.get_num_threads()
        with planned(q, k, replace(op, gradient="exact"), ctx.threads, back=False) as parts:
            ctx.clipped = [_forward(out, q, k, v, part, watch) for part in parts]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        inputs = ctx.saved_tensors
        grads = tuple(torch.empty_like(x, memory_format=torch.contiguous_format) for x in inputs)
        noise = nullcontext() if ctx.state is None else _same_noise(ctx.state, grad.device)
        with (
            full_precision(grad.device.type),
            noise,
            planned(*inputs[:2], ctx.op, ctx.threads, back=True) as parts,
        ):
            for part, clipped in zip(parts, ctx.clipped, strict=True):
                _backward(grads, grad, inputs, part, clipped)
        return *grads, None, None


def _forward(out: Tensor, q: Tensor, k: Tensor, v: Tensor, part: Part, watch: bool) -> list[list[bool]]:
    """Write one part's output; which blocks of every stretch clipped, none of it unless that is watched."""
    group, clipped = part.group(q, k, v), []
    shape = (part.arrays, part.queries * part.per_array, group.depth)
    total = zeros("total", shape, group.pulses[0].wide, group.scratch)
    add_blocks = lean.add_blocks if lean.is_lean(group) else pairs.add_blocks
    for i, blocks in enumerate(part.stretches):
        group.write(i)
        clipped.append(add_blocks(total, group, i, blocks, watch))
    part.put(out, 0, total, 1 / group.full_scale)
    return clipped


def _backward(
    grads: tuple[Tensor, ...],
    grad: Tensor,
    inputs: tuple[Tensor, ...],
    part: Part,
    clipped: list[list[bool]],
) -> None:
    """Write one part's gradients by q, k and v; clipped: as `_forward` gives it."""
    taped = part.taped(inputs, grads)
    group, line, own = taped.group, taped.line, part.folded(0, grad)
    rows, scale = (0, part.queries), 1 / group.full_scale
    if lean.is_lean(group):
        add, wide = lean.add_all_gradients, widened(own, line, rows, "all widened", scale)
    else:
        add, own = pairs.add_all_gradients, own * scale
        wide = widened(own, line, rows, "all widened") if is_ideal(2, group.op) else own
    for i, (blocks, flags) in enumerate(zip(part.stretches, clipped, strict=True)):
        group.write(i)
        # What was not watched may have.
        add(own, wide, flags or [True] * len(blocks), group, line, i, blocks, taped.sums)
        taped.collect(i)
    taped.back()


def _random_state(device: torch.device) -> Tensor:
    return (
        torch.get_rng_state()
        if device.type == "cpu"
        else torch.get_device_module(device).get_rng_state(device)
    )


@contextmanager
def _same_noise(state: Tensor, device: torch.device) -> Iterator[None]:
    """Within the context, random numbers follow from `state`; after it, from where they were."""
    cpu = device.type == "cpu"
    with torch.random.fork_rng(devices=[] if cpu else [device], device_type="cuda" if cpu else device.type):
        if cpu:
            torch.set_rng_state(state)
        else:
            torch.get_device_module(device).set_rng_state(state, device)
        yield
