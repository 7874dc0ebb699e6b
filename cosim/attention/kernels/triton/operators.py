"""Triton: operators of `torch.library`, which launch the kernels."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from .backward import cells_kernel, pulses_kernel
from .description import has_large_shared_memory
from .forward import forward_kernel
from .operands import ArrayOperands, CircuitOperands, Sizes

BUSY_PROGRAMS = 256
"""Number of programs that keep a GPU busy; with fewer, the sub-tiles of a query are split among programs."""
LAUNCH = {"num_warps": 8, "num_stages": 1}
"""Launch options. More warps or more stages leave a program too few registers or too little shared memory."""
INTEGERS = ("window", "columns", "key_start", "exponential", "linear_index")
"""Names of the operators' argument `integers`, in order."""


@dataclass(frozen=True)
class OperatorArguments:
    """Arguments of the operators, as documented in `sums`."""

    pulses: Tensor
    edges: Tensor | None
    keys: Tensor
    values: Tensor
    first: list[Tensor | None]
    second: list[Tensor | None]
    position: Tensor
    integers: list[int]
    scalars: list[float]

    @property
    def sizes(self) -> tuple[int, ...]:
        """B, H, T, S, rows of the first array, outputs of the second."""
        return (*self.pulses.shape[:3], self.keys.shape[3], self.pulses.shape[3], self.values.shape[4])

    @property
    def blocks(self) -> dict[str, int]:
        """Block sizes: powers of two (required by Triton), at least 16 (required by its matrix product)."""
        rows, outputs = _block_size(self.pulses.shape[3]), _block_size(self.values.shape[4])
        # The memory of a program grows with the head dimension, so larger heads get fewer queries.
        most = 4096 // max(64, rows, outputs) // (1 if has_large_shared_memory(self.pulses) else 2)
        queries = min(max(16, most), _block_size(self.pulses.shape[2]))
        keys = _block_size(self.named["columns"])
        return {"QUERIES": queries, "KEYS": keys, "ROWS": rows, "OUTPUTS": outputs}

    @property
    def named(self) -> dict[str, int]:
        """The integers by name."""
        return dict(zip(INTEGERS, self.integers, strict=True))

    @property
    def runs(self) -> int:
        """Upper bound of the number of runs: whole sub-tiles, those that a lap's end cuts, and both ends."""
        keys = self.keys.shape[3]
        return keys // self.named["columns"] + keys // self.named["window"] + 3

    def operands(self) -> tuple[CircuitOperands, Sizes]:
        """Arguments of the kernels."""
        named, (edge, swap_efficiency, steps) = self.named, self.scalars
        _, heads, queries, keys, rows, outputs = self.sizes
        exponential, linear_index = bool(named["exponential"]), named["linear_index"]
        circuit = CircuitOperands(
            _array(self.keys, self.first, exponential, 0.0, linear_index),
            _array(self.values, self.second, exponential, edge, linear_index),
            swap_efficiency or None,
            steps or None,
        )
        sizes = Sizes(
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
        return circuit, sizes


def _block_size(size: int) -> int:
    return max(16, triton.next_power_of_2(size))


def _precision(like: Tensor) -> str:
    """Precision of float32 matrix products.

    TF32 has ten mantissa bits, too few for the counter's steps, so tensor cores compute three TF32 products
    for one of single precision.
    """
    if like.is_cuda and torch.version.hip is None and torch.cuda.get_device_capability(like.device)[0] >= 8:
        return "tf32x3"
    return "ieee"


def _array(
    cells: Tensor, numbers: list[Tensor | None], exponential: bool, edge: float, linear_index: int
) -> ArrayOperands:
    """Operands of one array; `cells` stacks terms, loading and linear cell; linear_index -1 means none."""
    column, spline, deviation, factors = numbers
    has_linear, stride = linear_index >= 0, cells[0].numel()
    number = len(cells) - (column is not None) - has_linear
    return ArrayOperands(
        terms=cells,
        number=number,
        stride=stride,
        factors=factors,
        factor_ages=0 if factors is None else factors.shape[1],
        exponential=tl.constexpr(exponential),
        column=column,
        order=tl.constexpr(0 if column is None else int((column.numel() - 5) ** 0.5)),
        spline=spline,
        halvings=tl.constexpr(0 if spline is None else len(spline).bit_length() - 1),
        deviation=deviation,
        edge=edge or None,
        acting_offset=(len(cells) - 1) * stride if has_linear else 0,
        acting_number=1 if has_linear else number,
        acting_first=max(linear_index, 0),
        precision=tl.constexpr(_precision(cells)),
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
    integers: list[int],
    scalars: list[float],
) -> Tensor:
    """Sum of the sub-tiles' counted read-outs.

    Charges are in full scales of the converter after their array; tensors are float32 and contiguous.

    Args:
        pulses: pulse widths, shape (B, H, T, R), fraction of T_max.
        edges: charge that the pulses' edges add to every key, shape (B, H, phases, T); None: 0.
        keys: terms of the first array, shape (terms, B, Hkv, S, R), then the loading if there is a column
            model, then the linear cell's charge if linear_index is not -1.
        values: as `keys`, of the second array, shape (terms, B, Hkv, S, C).
        first: column model, converter, deviation and decay factors of the first array; see `ArrayOperands`.
        second: as `first`, of the second array.
        position: positions of the queries, shape (B or 1, T), in tokens.
        integers: window, ring columns in a sub-tile, position of the first key, 1 if every decay factor is
            exponential, and index of the term that stands for the linear cell (-1: exact gradient).
        scalars: charge of a pulse's edges in the second array, swap efficiency and counter steps; 0: none.

    Returns:
        Sum, shape (B, H, T, C), float32, each read-out in [-1, 1].
    """
    arguments = OperatorArguments(pulses, edges, keys, values, first, second, position, integers, scalars)
    batch, heads, queries, key_count, _, outputs = arguments.sizes
    blocks = arguments.blocks
    grid = (batch * heads, triton.cdiv(queries, blocks["QUERIES"]))
    tiles = min(key_count, arguments.named["window"]) // arguments.named["columns"] + 2
    splits = max(1, min(BUSY_PROGRAMS // max(1, grid[0] * grid[1]), tiles))
    out = pulses.new_empty(splits, batch, heads, queries, outputs)
    if out.numel():
        with _device_of(pulses):
            forward_kernel[(*grid, splits)](
                pulses, edges, out, *arguments.operands(), splits, **blocks, **LAUNCH
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
    integers: list[int],
    scalars: list[float],
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the pulses, keys and values.

    Args:
        gradient: gradient of the result of `sums`, shape (B, H, T, C).
        pulses: as in `sums`, like all further arguments.

    Returns:
        Gradients in the shapes of `pulses`, `keys` and `values`.
    """
    arguments = OperatorArguments(pulses, edges, keys, values, first, second, position, integers, scalars)
    batch, heads, queries, _, _, _ = arguments.sizes
    blocks, operands = arguments.blocks, arguments.operands()
    gradient = gradient.contiguous()
    d_pulses, d_keys, d_values = (torch.zeros_like(x) for x in (pulses, keys, values))
    if pulses.numel():
        grid = (batch * heads, triton.cdiv(queries, blocks["QUERIES"]))
        runs = (batch * keys.shape[2], arguments.runs)
        with _device_of(pulses):
            pulses_kernel[grid](pulses, edges, gradient, d_pulses, *operands, **blocks, **LAUNCH)
            cells_kernel[runs](pulses, edges, gradient, d_keys, d_values, *operands, **blocks, **LAUNCH)
    return d_pulses, d_keys, d_values


def _device_of(x: Tensor) -> Any:
    """Context in which kernels launch on the device of x: Triton launches on the current device."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


@sums.register_fake
def _(pulses, edges, keys, values, first, second, position, integers, scalars):
    return pulses.new_empty(*pulses.shape[:3], values.shape[4])


@gradients.register_fake
def _(gradient, pulses, edges, keys, values, first, second, position, integers, scalars):
    return torch.empty_like(pulses), torch.empty_like(keys), torch.empty_like(values)
