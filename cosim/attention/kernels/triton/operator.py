"""Triton: the operators of `torch.library`, and how they launch the kernels."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from .backward import cells_kernel, pulses_kernel
from .description import roomy
from .forward import forward_kernel
from .operands import Array, Circuit, Extent

ENOUGH = 256
"""Programs that keep a GPU busy; where queries give fewer, their sub-tiles are shared out."""
LAUNCH = {"num_warps": 8, "num_stages": 1}
"""More warps, or more products in flight, leave a program too few registers or too little shared memory."""
SHAPE = ("window", "columns", "key_start", "exponential", "bearer")
"""Order of an operation's whole numbers."""


@dataclass(frozen=True)
class Operation:
    """The arguments of the operators, see `sums`."""

    pulses: Tensor
    edges: Tensor | None
    keys: list[Tensor]
    values: list[Tensor]
    first: list[Tensor | None]
    second: list[Tensor | None]
    position: Tensor
    shape: list[int]
    scalars: list[float]
    """Charge of a pulse's edges in the second array, what is retained between phases, counter; 0 for none."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """B, H, T, S, rows, outputs."""
        return (*self.pulses.shape[:3], self.keys.shape[3], self.pulses.shape[3], self.values.shape[4])

    @property
    def blocks(self) -> dict[str, int]:
        """Edges of the blocks: powers of two, as Triton wants them, and 16 at least, as its products do."""
        rows, outputs = _power(self.pulses.shape[3]), _power(self.values.shape[4])
        # What a program holds grows with the head dimension.
        most = 4096 // max(64, rows, outputs) // (1 if roomy(self.pulses) else 2)
        queries = min(max(16, most), _power(self.pulses.shape[2]))
        return {"QUERIES": queries, "KEYS": _power(self.named["columns"]), "ROWS": rows, "OUTPUTS": outputs}

    @property
    def named(self) -> dict[str, int]:
        return dict(zip(SHAPE, self.shape, strict=True))

    @property
    def runs(self) -> int:
        """Runs of keys at most: whole sub-tiles, those that the end of a lap cuts, and those at both ends."""
        keys = self.keys.shape[3]
        return keys // self.named["columns"] + keys // self.named["window"] + 3

    def operands(self) -> tuple[Circuit, Extent]:
        """As the kernels take them."""
        named, (edge, retained, steps) = self.named, self.scalars
        _, heads, queries, keys, rows, outputs = self.sizes
        exponential, linear_index = bool(named["exponential"]), named["bearer"]
        circuit = Circuit(
            _array(self.keys, self.first, exponential, 0.0, linear_index),
            _array(self.values, self.second, exponential, edge, linear_index),
            retained or None,
            steps or None,
            tl.constexpr(_precision(self.pulses)),
        )
        extent = Extent(
            query_position=self.position,
            batch_stride=0 if len(self.position) == 1 else queries,
            key_start=named["key_start"],
            queries=queries,
            keys=keys,
            heads=heads,
            group=heads // self.keys.shape[2],
            rows=rows,
            outputs=outputs,
            window=named["window"],
            columns=named["columns"],
            tiles=0 if self.second[2] is None else self.second[2].shape[1],
            ages=keys,
        )
        return circuit, extent


def _power(size: int) -> int:
    return max(16, triton.next_power_of_2(size))


def _precision(like: Tensor) -> str:
    """Of products of float32: a counter's step must not hinge on the ten bits of TF32. Three TF32 products
    make up one of single precision where tensor cores have them."""
    if like.is_cuda and torch.version.hip is None and torch.cuda.get_device_capability(like.device)[0] >= 8:
        return "tf32x3"
    return "ieee"


def _array(
    cells: Tensor, numbers: list[Tensor | None], exponential: bool, edge: float, linear_index: int
) -> Array:
    column, spline, deviation, factors = numbers
    has_line, stride = linear_index >= 0, cells[0].numel()
    return Array(
        terms=cells,
        number=len(cells) - (column is not None) - has_line,
        stride=stride,
        factors=factors,
        longer=0 if factors is None else factors.shape[1],
        exponential=tl.constexpr(exponential),
        column=column,
        order=tl.constexpr(0 if column is None else int((column.numel() - 5) ** 0.5)),
        spline=spline,
        halvings=tl.constexpr(0 if spline is None else len(spline).bit_length() - 1),
        deviation=deviation,
        edge=edge or None,
        linear_index=linear_index if has_line else None,
        line=(len(cells) - 1) * stride if has_line else None,
    )


@torch.library.custom_op("gaincell::triton_attention", mutates_args=())
def sums(
    pulses: Tensor,
    edges: Tensor | None,
    keys: Tensor,
    values: Tensor,
    first: list[Tensor | None],
    second: list[Tensor | None],
    position: Tensor,
    shape: list[int],
    scalars: list[float],
) -> Tensor:
    """Sum of the sub-tiles' counted read-outs (B, H, T, C), float32.

    pulses: (B, H, T, R); edges: (B, H, phases, T) charge that their edges add to every key. keys, values:
    terms of both arrays, (terms, B, Hkv, S, R) and (terms, B, Hkv, S, C), then the loading where there is a
    column model, then the linear cell's charge where the gradient takes it for the terms (`linear_index` is
    not -1). first, second: column model, converter, deviation, factors by age; see `Array`. position:
    (B or 1, T) of the queries. All in full scales, float32, contiguous.
    """
    operation = Operation(pulses, edges, keys, values, first, second, position, shape, scalars)
    batch, heads, queries, held, _, outputs = operation.sizes
    blocks = operation.blocks
    grid = (batch * heads, triton.cdiv(queries, blocks["QUERIES"]))
    tiles = min(held, operation.named["window"]) // operation.named["columns"] + 2
    splits = max(1, min(ENOUGH // max(1, grid[0] * grid[1]), tiles))
    out = pulses.new_empty(splits, batch, heads, queries, outputs)
    if out.numel():
        with _on(pulses):
            forward_kernel[(*grid, splits)](
                pulses, edges, out, *operation.operands(), splits, **blocks, **LAUNCH
            )
    return out[0] if splits == 1 else out.sum(0)


@torch.library.custom_op("gaincell::triton_attention_backward", mutates_args=())
def gradients(
    gradient: Tensor,
    pulses: Tensor,
    edges: Tensor | None,
    keys: Tensor,
    values: Tensor,
    first: list[Tensor | None],
    second: list[Tensor | None],
    position: Tensor,
    shape: list[int],
    scalars: list[float],
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of pulses, keys and values from that of `sums`' result."""
    operation = Operation(pulses, edges, keys, values, first, second, position, shape, scalars)
    batch, heads, queries, _, _, _ = operation.sizes
    blocks, operands = operation.blocks, operation.operands()
    gradient = gradient.contiguous()
    of_pulses, of_keys, of_values = (torch.zeros_like(x) for x in (pulses, keys, values))
    if pulses.numel():
        grid = (batch * heads, triton.cdiv(queries, blocks["QUERIES"]))
        runs = (batch * keys.shape[2], operation.runs)
        with _on(pulses):
            pulses_kernel[grid](pulses, edges, gradient, of_pulses, *operands, **blocks, **LAUNCH)
            cells_kernel[runs](pulses, edges, gradient, of_keys, of_values, *operands, **blocks, **LAUNCH)
    return of_pulses, of_keys, of_values


def _on(x: Tensor) -> Any:
    """Kernels go to the current device, which need not be the tensors'."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


@sums.register_fake
def _(pulses, edges, keys, values, first, second, position, shape, scalars):
    return pulses.new_empty(*pulses.shape[:3], values.shape[4])


@gradients.register_fake
def _(gradient, pulses, edges, keys, values, first, second, position, shape, scalars):
    return torch.empty_like(pulses), torch.empty_like(keys), torch.empty_like(values)


def _keep(ctx, inputs, output) -> None:
    *tensors, first, second, position, ctx.shape, ctx.scalars = inputs
    ctx.save_for_backward(*tensors, *first, *second, position)


def _backward(ctx, gradient):
    *tensors, position = ctx.saved_tensors
    numbers = (tensors[4:8], tensors[8:], position, ctx.shape, ctx.scalars)
    of_pulses, of_keys, of_values = gradients(gradient, *tensors[:4], *numbers)
    return of_pulses, None, of_keys, of_values, None, None, None, None, None


sums.register_autograd(_backward, setup_context=_keep)
