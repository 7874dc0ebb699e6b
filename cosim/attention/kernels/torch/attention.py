"""Attention in plain PyTorch without (T, S) tensors, for every device and without a compiler.

Only q, k and v are saved for the backward pass, which computes every block again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...levels import volts_of
from ...operation import OperationContext, full_precision, noise_of
from ...signed_query import normalised
from .decode import decode, decodes
from .layout import parts_of
from .operands import description_of


def unavailable(op: OperationContext, q: Tensor) -> str | None:
    """Why it cannot compute this: None, for it can compute everything."""
    return None


def attention(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
    """Output (B, H, T, D) in q's dtype; k and v (B, Hkv, S, D) are packed, volts or levels; no autocast."""
    if 0 in q.shape:
        return q.clone()
    dtype = torch.promote_types(q.dtype, torch.float32)
    op = replace(op, kv_heads=k.shape[1])
    described = description_of(op, q.new_empty(0, dtype=dtype))
    if k.dtype == torch.uint8 and described.levels is None:
        k, v = volts_of(k, 1, op.hardware, dtype), volts_of(v, 2, op.hardware, dtype)
    learns = torch.is_grad_enabled() and any(x.requires_grad for x in (q, k, v))
    if not learns and decodes(q, op, described):
        out = decode(q, k, v, op, described)
    else:
        out = BlockWise.apply(q, k, v, op)
    return normalised(out, op.hardware).to(q.dtype)


class BlockWise(torch.autograd.Function):
    """Sum of all read-outs (B, H, T, C), before the division by a normalising column."""

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.op, ctx.state = op, None if noise_of(op) is None else _random_state(q.device)
        # The surrogate gradient does not change the value.
        op = replace(op, gradient="exact")
        normalises = op.hardware.normaliser is not None
        dtype = torch.promote_types(q.dtype, torch.float32)
        out = q.new_empty((*q.shape[:3], v.shape[3] + normalises), dtype=dtype if normalises else q.dtype)
        for part in parts_of(q, k, op, description_of(op, q.new_empty(0, dtype=dtype))):
            part.of_queries(out).copy_(part.outputs(q, k, v))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v = ctx.saved_tensors
        described = description_of(ctx.op, q.new_empty(0, dtype=torch.promote_types(q.dtype, torch.float32)))
        by_q, by_k, by_v = (torch.empty_like(x, memory_format=torch.contiguous_format) for x in (q, k, v))
        noise = nullcontext() if ctx.state is None else _same_noise(ctx.state, grad.device)
        with full_precision(grad.device.type), noise:
            for part in parts_of(q, k, ctx.op, described):
                own = part.gradients(grad, q, k, v)
                part.of_queries(by_q).copy_(own[0])
                part.of_keys(by_k).copy_(own[1])
                part.of_keys(by_v).copy_(own[2])
        return by_q, by_k, by_v, None


def _random_state(device: torch.device) -> Tensor:
    if device.type == "cpu":
        return torch.get_rng_state()
    return torch.get_device_module(device).get_rng_state(device)


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
