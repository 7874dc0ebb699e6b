"""Attention in Triton for CUDA GPUs: block by block over sub-tiles, without (T, S) memory.

Plain PyTorch computes what is elementwise in q, k and v (the pulses and the terms of both arrays, see
`circuit.py`), and Triton the products and all between them: `forward.py`, `backward.py`. Saved
for the backward pass are q, k and v; the rest is computed again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import Tensor

from ...signed_query import normalised, phases_of
from ...stages import OperationContext, query_widths
from ...surrogate_gradient import linear_term
from ..description import Cells, cells_of
from .description import Constants, are_exponential, constants_of, factors_of, linear_phases, roomy

ENDLESS = 1 << 30
"""Window of a ring that is never overwritten: no position reaches it."""

Operands = tuple[Tensor, Tensor, Tensor]


def _version() -> tuple[int, int] | None:
    """Major and minor version of the package triton; None where it is not installed."""
    try:
        major, minor, *_ = version("triton").split(".")
    except PackageNotFoundError:
        return None
    return int(major), int(minor)


TRITON = _version()
WIDEST = 128
"""Rows or columns of which 16 queries' blocks fit any GPU."""
OLDEST = (3, 7)
"""Oldest version whose compiler and interpreter both take the kernels."""


def _dotted(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))


def unavailable(op: OperationContext, q: Tensor) -> str | None:
    """Why it cannot compute this, as the end of a sentence; None where it can."""
    if TRITON is None or TRITON < OLDEST:
        what = "is not installed" if TRITON is None else f"is {_dotted(TRITON)}, older than {_dotted(OLDEST)}"
        return f"the package triton {what} (`pip install 'gaincell[triton]'`)"
    if q.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"it computes in single precision, and the queries are {q.dtype}"
    if op.effects.noise:
        return "it has no noise"
    if not q.is_cuda and not _interpreted():
        return f"it runs on CUDA GPUs, and the queries are on {q.device}"
    if _widest(op, q.shape[3]) > WIDEST and not roomy(q):
        return f"blocks for heads of {q.shape[3]} do not fit this GPU's shared memory"
    return None


def _widest(op: OperationContext, depth: int) -> int:
    """Rows of the first array or columns of the second, whichever are more."""
    mirrored = op.hardware.signed_query == "mirrored"
    return max(2 * depth if mirrored else depth, depth + (op.hardware.normaliser is not None))


@torch.compiler.assume_constant_result
def _interpreted() -> bool:
    """Whether TRITON_INTERPRET=1 asks for Triton's interpreter, and did when the kernels were imported."""
    from triton import knobs

    kernels = sys.modules.get(f"{__package__}.stages")
    return knobs.runtime.interpret and (kernels is None or kernels.INTERPRETED)


def attention(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
    """Output (B, H, T, D) in q's dtype; k and v (B, Hkv, S, D) are packed, autocast is off."""
    return _Attention.apply(q, k, v, op)


class _Attention(torch.autograd.Function):
    """Saves q, k and v, and with a normalising column the result and its divisor."""

    @staticmethod
    def forward(ctx, q, k, v, op):
        from .operator import sums

        # What the gradient takes for the cells is of no concern here.
        plain = replace(op, gradient="exact")
        total = sums(*_arguments(_operands(q, k, v, plain), plain))
        out = normalised(total, op.hardware).to(q.dtype)
        ctx.op = op
        if op.hardware.normaliser is None:
            ctx.save_for_backward(q, k, v)
        else:
            ctx.save_for_backward(q, k, v, out, total[..., -1:])
        return out

    @staticmethod
    def backward(ctx, gradient):
        from .operator import gradients

        q, k, v, *result = ctx.saved_tensors
        op = ctx.op
        operands, pull = _with_pullback(q, k, v, op)
        gradient = _before_division(gradient.float(), *result, op=op)
        found = gradients(gradient, *_arguments(tuple(x.detach() for x in operands), op))
        return *pull(found), None


def _with_pullback(
    q: Tensor, k: Tensor, v: Tensor, op: OperationContext
) -> tuple[Operands, Callable[[Operands], tuple[Tensor, ...]]]:
    """The operands, and what takes gradients of them to gradients of q, k and v."""
    if torch.compiler.is_compiling():
        return torch.func.vjp(lambda q, k, v: _operands(q, k, v, op), q, k, v)
    # A chip's patterns come from numpy, which is not for `vjp`; `grad` in turn is not for `torch.compile`.
    with torch.enable_grad():
        inputs = tuple(x.detach().requires_grad_() for x in (q, k, v))
        operands = _operands(*inputs, op)
    return operands, lambda found: torch.autograd.grad(operands, inputs, found)


def _before_division(
    gradient: Tensor, out: Tensor | None = None, total: Tensor | None = None, *, op: OperationContext
) -> Tensor:
    """Gradient (B, H, T, C) of the sums from that of the result `out`; see `normalised`."""
    if out is None or total is None:
        return gradient
    half_count = 0.5 / (op.hardware.levels.output // 2 - 1)
    gradient = gradient / total.clamp(min=half_count)
    of_total = -(gradient * out).sum(-1, keepdim=True)
    return torch.cat([gradient, of_total * (total >= half_count)], dim=-1)


def _operands(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Operands:
    """Pulses (B, H, T, R), and all of `Cells` of keys and of values, stacked; float32."""
    pulses = query_widths(q.float(), op)
    if linear_phases(op):
        negative, positive = phases_of(pulses, op.hardware)
        pulses = positive - negative
    return pulses.contiguous(), _stacked(cells_of(k.float(), 1, op)), _stacked(cells_of(v.float(), 2, op))


def _stacked(cells: Cells) -> Tensor:
    parts = cells.terms if cells.loading is None else (*cells.terms, cells.loading)
    # The gradient by the stored voltage is that of the terms.
    parts = parts if cells.linear is None else (*parts, cells.linear.detach())
    return torch.stack(torch.broadcast_tensors(*parts)).contiguous()


def _arguments(operands: Operands, op: OperationContext) -> tuple:
    """The operators' arguments."""
    pulses, keys, values = operands
    positions = op.positions
    constants, factors = constants_of(op, values.shape[4], pulses.device), factors_of(op, pulses.device)
    window = positions.window or ENDLESS
    shape = [window, positions.columns, positions.key_start, int(are_exponential(op)), _bearer(op, len(keys))]
    scalars = [constants.edge_2, constants.retained, constants.steps]
    numbers = (
        [*constants.first, factors],
        [*constants.second, factors],
        positions.query_position.contiguous(),
        shape,
        scalars,
    )
    return pulses, _edges(pulses, constants), keys, values, *numbers


def _bearer(op: OperationContext, stacked: int) -> int:
    """The term whose factor the surrogate gradient's line has; -1 for the exact gradient."""
    if op.gradient == "exact":
        return -1
    return linear_term(op.hardware, op.effects.decay, stacked - 1)


def _edges(pulses: Tensor, constants: Constants) -> Tensor | None:
    """(B, H, phases, T) charge that the edges of a query's pulses add to every key."""
    if not constants.edge_1:
        return None
    risen, fallen = (pulses > 0).sum(-1), (pulses < 0).sum(-1)
    counts = torch.stack([fallen, risen], dim=2) if constants.retained else (risen - fallen)[:, :, None]
    return constants.edge_1 * counts.float()
