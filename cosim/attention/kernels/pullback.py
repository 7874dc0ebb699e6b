"""Derivative of a function of tensors, in eager mode and to a compiler."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def pullback(
    function: Callable[..., tuple[Tensor, ...]], *inputs: Tensor, learns: bool = True
) -> tuple[tuple[Tensor, ...], Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]]:
    """Values of a function, and the function from gradients by its values to those by its inputs.

    learns: gradients are wanted; without them the second function is not to be called.
    """
    if not learns:
        return function(*inputs), lambda grads: ()
    if torch.compiler.is_compiling():
        return torch.func.vjp(function, *inputs)
    # Eager mode draws a chip's patterns with numpy, which `vjp` rejects; dynamo cannot trace `autograd.grad`.
    with torch.enable_grad():
        leaves = tuple(x.detach().requires_grad_() for x in inputs)
        values = function(*leaves)

    def back(grads: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        pairs = [(y, grad) for y, grad in zip(values, grads, strict=True) if y.requires_grad]
        own, by_own = zip(*pairs, strict=True)
        return torch.autograd.grad(own, leaves, by_own, materialize_grads=True)

    return tuple(y.detach() for y in values), back
