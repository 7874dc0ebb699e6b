"""Triton: attention on CUDA GPUs, block by block over sub-tiles, without (T, S) memory.

Plain PyTorch computes the elementwise steps on q, k and v (pulses and terms of both arrays,
`kernels/description.py`). Triton computes the products and everything between them (`forward.py`,
`backward.py`). Only q, k and v are saved for the backward pass; the rest is computed again.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import Tensor

from ...operation import OperationContext
from ...signed_query import least_divisor, normalised
from ..description import Cells, cells_of, deviations_of, row_pulses
from ..pullback import pullback
from .description import Constants, constants_of, has_large_shared_memory

NO_WINDOW = 1 << 30
"""Window of a ring that is never overwritten, larger than any position."""

Operands = tuple[Tensor, Tensor, Tensor]
"""Pulses, cells of the keys and cells of the values, as the operators take them."""


def _version() -> tuple[int, int] | None:
    """Major and minor version of the package triton; None if it is not installed."""
    try:
        major, minor, *_ = version("triton").split(".")
    except PackageNotFoundError:
        return None
    return int(major), int(minor)


TRITON = _version()
"""Major and minor version of the package triton; None if it is not installed."""
MAX_WIDTH = 128
"""Number of rows or columns at which blocks of 16 queries fit the shared memory of any GPU."""
OLDEST_TRITON = (3, 7)
"""Oldest version of triton whose compiler and interpreter both accept the kernels."""


def _dotted(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))


def unavailable(op: OperationContext, q: Tensor) -> str | None:
    """Reason why the kernels cannot compute an operation.

    Args:
        op: settings of the operation.
        q: queries, shape (B, H, T, D), fraction of T_max.

    Returns:
        The end of a sentence; None if the kernels can compute it.
    """
    if TRITON is None:
        return "the package triton is not installed (`pip install 'gaincell[triton]'`)"
    if TRITON < OLDEST_TRITON:
        return (
            f"the package triton is {_dotted(TRITON)}, older than {_dotted(OLDEST_TRITON)} "
            "(`pip install 'gaincell[triton]'`)"
        )
    if q.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"it computes in single precision, and the queries are {q.dtype}"
    if op.effects.noise:
        return "it has no noise"
    if op.row_tiles > 1:
        return f"heads of {q.shape[3]} are spread over {op.row_tiles} row tiles"
    if not q.is_cuda and not _interpreted():
        return f"it runs on CUDA GPUs, and the queries are on {q.device}"
    if _largest_side(op, q.shape[3]) > MAX_WIDTH and not has_large_shared_memory(q):
        return f"blocks for heads of {q.shape[3]} do not fit this GPU's shared memory"
    return None


def _largest_side(op: OperationContext, depth: int) -> int:
    """The larger of the number of rows of the first array and of columns of the second."""
    mirrored = op.hardware.signed_query == "mirrored"
    return max(2 * depth if mirrored else depth, depth + (op.hardware.normaliser is not None))


@torch.compiler.assume_constant_result
def _interpreted() -> bool:
    """Whether TRITON_INTERPRET=1 selects Triton's interpreter, now and at the import of the kernels."""
    from triton import knobs

    kernels = sys.modules.get(f"{__package__}.stages")
    return knobs.runtime.interpret and (kernels is None or kernels.INTERPRETED)


def attention(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
    """Attention of one operation, called with autocast off.

    Args:
        q: queries, shape (B, H, T, D), fraction of T_max.
        k: keys in packed order, shape (B, Hkv, S, D), V.
        v: values in packed order, shape (B, Hkv, S, D), V.
        op: settings of the operation.

    Returns:
        Output, shape (B, H, T, D), in q's dtype.
    """
    return _Attention.apply(q, k, v, op)


class _Attention(torch.autograd.Function):
    """Saves q, k and v; with a normalising column also the output and its divisor."""

    @staticmethod
    def forward(ctx, q, k, v, op):
        from .operators import sums

        # The surrogate gradient does not change the value, so its operand is not computed here.
        exact = replace(op, gradient="exact")
        total = sums(*_arguments(_operands(q, k, v, exact), exact))
        out = normalised(total, op.hardware).to(q.dtype)
        ctx.op = op
        if op.hardware.normaliser is None:
            ctx.save_for_backward(q, k, v)
        else:
            ctx.save_for_backward(q, k, v, out, total[..., -1:])
        return out

    @staticmethod
    def backward(ctx, gradient):
        from .operators import gradients

        q, k, v, *result = ctx.saved_tensors
        op = ctx.op
        operands, back = pullback(partial(_operands, op=op), q, k, v)
        gradient = _gradient_of_sums(gradient.float(), *result, op=op)
        return *back(gradients(gradient, *_arguments(operands, op))), None


def _gradient_of_sums(
    gradient: Tensor, out: Tensor | None = None, divisor: Tensor | None = None, *, op: OperationContext
) -> Tensor:
    """Gradient (B, H, T, C) of the sums over sub-tiles, from that of the output (B, H, T, D)."""
    if out is None or divisor is None:
        return gradient
    half_count = least_divisor(op.hardware)
    gradient = gradient / divisor.clamp(min=half_count)  # (B, H, T, D)
    d_divisor = -(gradient * out).sum(-1, keepdim=True)  # (B, H, T, 1)
    return torch.cat([gradient, d_divisor * (divisor >= half_count)], dim=-1)


def _operands(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Operands:
    """Pulses (B, H, T, R) and the stacked cells of keys and values, float32."""
    pulses = row_pulses(q.float(), op, constants_of(op, q.device).circuit).contiguous()
    return pulses, _stacked(cells_of(k.float(), 1, op)), _stacked(cells_of(v.float(), 2, op))


def _stacked(cells: Cells) -> Tensor:
    """Terms, loading and linear cell, those that exist, shape (parts, B, Hkv, S, R)."""
    parts = cells.terms if cells.loading is None else (*cells.terms, cells.loading)
    # Detached: the terms already carry the gradient with respect to the stored voltage.
    parts = parts if cells.linear is None else (*parts, cells.linear.detach())
    return torch.stack(torch.broadcast_tensors(*parts)).contiguous()


def _arguments(operands: Operands, op: OperationContext) -> tuple:
    """Arguments of the operators, see `operators.sums`."""
    pulses, keys, values = operands
    positions, constants = op.positions, constants_of(op, pulses.device)
    circuit = constants.circuit
    deviations = deviations_of(op, values.shape[4], pulses.new_empty(0))
    first, second = (
        [constants.columns[i], constants.splines[i], deviations[i], constants.factors] for i in (0, 1)
    )
    swap_efficiency = circuit.swap_efficiency if circuit.loaded_phases else 0.0
    kind = int(constants.exponential), constants.linear_index
    return (
        pulses,
        _edges(pulses, constants),
        keys,
        values,
        first,
        second,
        positions.query_position.contiguous(),
        [positions.window or NO_WINDOW, circuit.columns, positions.key_start, *kind],
        [circuit.second.edge, swap_efficiency, float(circuit.output_steps or 0)],
    )


def _edges(pulses: Tensor, constants: Constants) -> Tensor | None:
    """Charge that the edges of a query's pulses add to every key, (B, H, phases, T)."""
    edge = constants.circuit.first.edge
    if not edge:
        return None
    positive, negative = (pulses > 0).sum(-1), (pulses < 0).sum(-1)  # (B, H, T)
    if constants.circuit.loaded_phases:
        counts = torch.stack([negative, positive], dim=2)
    else:
        counts = (positive - negative)[:, :, None]
    return edge * counts.float()
