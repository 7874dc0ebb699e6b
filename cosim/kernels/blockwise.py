"""Attention in plain PyTorch without (T, S) tensors: some arrays at a time, sub-tile by sub-tile.

Saved for the backward pass are q, k and v, from which it computes everything again, and which blocks clipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..options import normalised
from ..signals import Conditions, noise_of
from . import lean, pairs
from .gradients import widened, zeros
from .operands import folded_queries, unfolded_queries
from .parts import Part, parts_of
from .single import attention_of_one
from .stages import is_ideal

FEW = 1 << 16
"""Elements of the keys up to which one query takes them all at once."""


def unavailable(now: Conditions, q: Tensor) -> str | None:
    """Nothing keeps it from computing anything."""
    return None


def attention(q: Tensor, k: Tensor, v: Tensor, now: Conditions) -> Tensor:
    """Output (B, H, T, D) in q's dtype; k and v (B, Hkv, S, D) are packed, autocast is off."""
    if 0 in q.shape:
        return q.clone()
    # Many keys are better taken through the cache of a processor core part by part.
    few = torch.compiler.is_compiling() or k.numel() <= FEW
    if q.shape[2] == 1 and few:
        out = attention_of_one(q, k, v, now)
    else:
        out = BlockWise.apply(q, k, v, now, torch.is_grad_enabled())
    return normalised(out, now.hardware).to(q.dtype)


class BlockWise(torch.autograd.Function):
    """Sum of all read-outs (B, H, T, C), before the division by a normalising column."""

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, now: Conditions, learns: bool) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.now, ctx.state = now, None if noise_of(now) is None else _random_state(q.device)
        normalises = now.hardware.normaliser is not None
        dtype = torch.promote_types(q.dtype, torch.float32) if normalises else q.dtype
        out = q.new_empty((*q.shape[:3], v.shape[3] + normalises), dtype=dtype)
        # A compiler cannot look at values, and noise is not the same where a block is left out.
        watch = is_ideal(2, now) and not torch.compiler.is_compiling()
        watch = watch and learns and any(ctx.needs_input_grad)
        # What the gradient takes for the cells is of no concern here.
        ctx.threads = 1 if torch.compiler.is_compiling() else torch.get_num_threads()
        parts = parts_of(q, k, replace(now, gradient="exact"), ctx.threads)
        ctx.clipped = [_forward(out, q, k, v, part, watch) for part in parts]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        inputs = ctx.saved_tensors
        grads = tuple(torch.empty_like(x, memory_format=torch.contiguous_format) for x in inputs)
        parts = parts_of(*inputs[:2], ctx.now, ctx.threads)
        if ctx.state is None:
            for part, clipped in zip(parts, ctx.clipped, strict=True):
                _backward(grads, grad, inputs, part, clipped)
        else:
            with _same_noise(ctx.state, grad.device):
                for part, clipped in zip(parts, ctx.clipped, strict=True):
                    _backward(grads, grad, inputs, part, clipped)
        return *grads, None, None


def _forward(out: Tensor, q: Tensor, k: Tensor, v: Tensor, part: Part, watch: bool) -> list[bool] | None:
    """Write one part's output; which blocks clipped, if that is watched."""
    q, k, v = part.of(q, k, v)
    group = part.group(q, k, v)
    shape = (group.batch * group.now.kv_heads, q.shape[2] * group.per_array, group.depth)
    total = zeros("total", shape, q, group.scratch)
    if lean.is_lean(group):
        clipped = lean.add_blocks(total, group, part.blocks, watch)
    else:
        clipped = pairs.add_blocks(total, group, part.blocks, watch)
    total = unfolded_queries(total, group.batch, group.now.kv_heads, q.shape[2])
    if torch.compiler.is_compiling() or out.dtype != total.dtype:
        out[part.sequences, part.heads] = total / group.full_scale
    else:
        torch.mul(total, 1 / group.full_scale, out=out[part.sequences, part.heads])
    return clipped if watch else None


def _backward(
    grads: tuple[Tensor, ...],
    grad: Tensor,
    inputs: tuple[Tensor, ...],
    part: Part,
    clipped: list[bool] | None,
) -> None:
    """Write one part's gradients by q, k and v."""
    q, k, v = part.of(*inputs)
    group, line, sums, back = part.taped(q, k, v)
    own = folded_queries(grad[part.sequences, part.heads].to(q.dtype), group.now.kv_heads)
    own = torch.mul(own, 1 / group.full_scale, out=group.scratch.take("by read-out", own.shape))
    wide = widened(own, line, (0, q.shape[2]), "all widened") if is_ideal(2, group.now) else own
    add = lean.add_all_gradients if lean.is_lean(group) else pairs.add_all_gradients
    add(own, wide, clipped, group, line, part.blocks, sums)
    for total, heads, result in zip(grads, part.heads_of_inputs, back(), strict=True):
        total[part.sequences, heads] = result


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
