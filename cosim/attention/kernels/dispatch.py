"""Choice of the implementation that computes an attention operation."""

from __future__ import annotations

import warnings
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from ....circuits.errors import HardwareError
from ..levels import volts_of
from ..operation import OperationContext
from ..reference import operate
from .cpp import attention as native
from .torch import attention as blockwise
from .triton import attention as triton

Implementation = Literal["auto", "reference", "torch", "native", "triton"]
"""Name of an implementation: "reference", the oracle, with (T, S) tensors; without (T, S) tensors, "torch" in
plain PyTorch, "native" in C++ for CPUs and "triton" for GPUs; "auto" for the fastest that can."""

KNOWN = get_args(Implementation)
"""Names of all implementations, "auto" included."""


class Kernel(Protocol):
    """Interface of the module of a fast implementation."""

    def unavailable(self, op: OperationContext, q: Tensor) -> str | None:
        """Reason why the implementation cannot compute an operation.

        Args:
            op: settings of the operation.
            q: queries, shape (B, H, T, D), fraction of T_max.

        Returns:
            The end of a sentence; None if the implementation can compute it.
        """

    def attention(self, q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
        """Attention of one operation, called with autocast off.

        Args:
            q: queries, shape (B, H, T, D), fraction of T_max.
            k: keys in packed order, shape (B, Hkv, S, D), V; "native" and "torch" also take levels (uint8).
            v: values, as k.
            op: settings of the operation.

        Returns:
            Output, shape (B, H, T, D), in q's dtype.
        """


KERNELS: dict[str, Kernel] = {"torch": blockwise, "native": native, "triton": triton}
"""Fast implementations by name."""


def attend(q: Tensor, k: Tensor, v: Tensor, op: OperationContext, implementation: Implementation) -> Tensor:
    """Attention by the chosen implementation.

    Args:
        q: queries, shape (B, H, T, D), fraction of T_max.
        k: keys in packed order, shape (B, Hkv, S, D), V or levels (uint8).
        v: values in packed order, shape (B, Hkv, S, D), V or levels (uint8).
        op: settings of the operation.
        implementation: name of the implementation, checked by `require_implementation`.

    Returns:
        Output, shape (B, H, T, D), in q's dtype.

    Raises:
        HardwareError: an implementation, named explicitly, that cannot compute the operation.
    """
    name = chosen(q, op) if implementation == "auto" else implementation
    if k.dtype == torch.uint8 and name not in ("native", "torch"):
        dtype = torch.promote_types(q.dtype, torch.float32)
        k, v = volts_of(k, 1, op.hardware, dtype), volts_of(v, 2, op.hardware, dtype)
    if name == "reference":
        return operate(q, k, v, op)[0]
    kernel = KERNELS[name]
    reason = None if implementation == "auto" else kernel.unavailable(op, q)
    if reason is not None:
        raise HardwareError(
            f"implementation={implementation!r} cannot be used: {reason}; use implementation='auto'"
        )
    return kernel.attention(q, k, v, op)


def require_implementation(implementation: str) -> None:
    """Check the name of an implementation.

    Args:
        implementation: the name.

    Raises:
        ValueError: an implementation that does not exist.
    """
    if implementation not in KNOWN:
        raise ValueError(f"implementation={implementation!r} must be one of {', '.join(KNOWN)}")


def chosen(q: Tensor, op: OperationContext) -> str:
    """Name of the implementation that "auto" stands for: the fastest that can compute the operation.

    Warns, once for each reason, if the fastest one for q's device cannot be used.

    Args:
        q: queries, shape (B, H, T, D), fraction of T_max.
        op: settings of the operation.
    """
    if q.dtype == torch.float64 or op.effects.noise:
        return "torch"
    fastest = "triton" if q.is_cuda else "native"
    reason = KERNELS[fastest].unavailable(op, q)
    if reason is None:
        return fastest
    _warn_once(
        f"gain-cell attention runs slower than it could: no {fastest!r} implementation, since {reason}"
    )
    return "torch"


_warned: set[str] = set()
MOST_WARNINGS = 64
"""Number of messages remembered, after which all are forgotten and may be shown again."""


# Dynamo cannot trace `warnings.warn`; a constant result is computed while it traces.
@torch.compiler.assume_constant_result
def _warn_once(message: str) -> None:
    """Warn unless the message has been shown. Python's own filter forgets after every `catch_warnings`."""
    if message in _warned:
        return
    if len(_warned) >= MOST_WARNINGS:
        _warned.clear()
    _warned.add(message)
    warnings.warn(message, RuntimeWarning, stacklevel=2)
