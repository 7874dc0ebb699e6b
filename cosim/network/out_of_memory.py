"""Memory that does not suffice: recognised on every device, and the largest batch that fits."""

from __future__ import annotations

from collections.abc import Callable

import torch

CPU_MESSAGES = ("can't allocate memory", "not enough memory")
"""In the messages of torch's CPU allocator, whose error is a plain RuntimeError."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice, on a GPU or a CPU.

    Args:
        error: what a computation raised.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in CPU_MESSAGES)


def largest_batch(attempt: Callable[[int], object], below: int) -> int:
    """The largest batch for which an attempt does not run out of memory; 0 if none does.

    Args:
        attempt: computes with a batch of this size.
        below: size that does not fit.
    """
    fits, over = 0, below
    while over - fits > 1:
        middle = (fits + over) // 2
        if _succeeds(attempt, middle):
            fits = middle
        else:
            over = middle
    return fits


def _succeeds(attempt: Callable[[int], object], size: int) -> bool:
    try:
        attempt(size)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return True
