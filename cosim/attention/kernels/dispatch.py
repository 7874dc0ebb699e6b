"""Who computes an attention operation: the implementation asked for, or the fastest that can."""

from __future__ import annotations

import warnings
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from ....circuits.errors import HardwareError
from ..levels import volts_of
from ..reference import operate
from ..stages import OperationContext
from .cpp import attention as native
from .torch import attention as blockwise
from .triton import attention as triton

Implementation = Literal["auto", "reference", "torch", "native", "triton"]
"""reference: the oracle, with (T, S) tensors. The others need none: plain PyTorch, C++ for CPUs, Triton for
GPUs."""

KNOWN = get_args(Implementation)


class Kernel(Protocol):
    """What the module of a fast implementation offers."""

    def unavailable(self, op: OperationContext, q: Tensor) -> str | None:
        """Why it cannot compute this, as the end of a sentence; None where it can."""

    def attention(self, q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
        """Output (B, H, T, D) in q's dtype; k and v (B, Hkv, S, D) are packed, autocast is off.

        "native" takes k and v as levels, too.
        """


KERNELS: dict[str, Kernel] = {"torch": blockwise, "native": native, "triton": triton}
"""Fast implementations by name."""


def attend(q: Tensor, k: Tensor, v: Tensor, op: OperationContext, implementation: Implementation) -> Tensor:
    """Output (B, H, T, D); k and v (B, Hkv, S, D) are packed, in volts or as levels.

    Raises `ValueError` for an implementation that does not exist, `HardwareError` for one that cannot compute
    this.
    """
    require_implementation(implementation)
    name = chosen(q, op) if implementation == "auto" else implementation
    if k.dtype == torch.uint8 and name != "native":
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
    """Raise `ValueError` for an implementation that does not exist."""
    if implementation not in KNOWN:
        raise ValueError(f"implementation={implementation!r} must be one of {', '.join(KNOWN)}")


def chosen(q: Tensor, op: OperationContext) -> str:
    """Name of the implementation that "auto" stands for. Says once why the fastest was passed over."""
    if q.dtype == torch.float64 or op.effects.noise:
        return "torch"
    fastest = "triton" if q.is_cuda else "native"
    reason = KERNELS[fastest].unavailable(op, q)
    if reason is None:
        return fastest
    _say(f"gain-cell attention is slower than it could be: no {fastest!r} implementation, since {reason}")
    return "torch"


_said: set[str] = set()


def _say(message: str) -> None:
    """A warning, once per process."""
    if message not in _said:
        _said.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=2)
