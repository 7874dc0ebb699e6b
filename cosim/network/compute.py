"""Where a network runs and how precisely: what the machine computes natively, recorded in every result."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn

from ...circuits.errors import ModelError
from ...circuits.files import cache_folder, write_json
from ...models.processor import computes_bfloat16, processor_class, processor_flags

Device = Literal["auto", "cpu", "cuda"]
"""auto: the GPU where torch sees one, else the CPU."""
Precision = Literal["auto", "float32", "bfloat16"]
"""Matrix products of the digital network. auto: bfloat16 where the device computes it natively, else float32.
Attention through the arrays, losses and weights are float32 in either case."""

TIMED_SIZE = 1024
"""Rows and columns of the product that confirms bfloat16."""


@dataclass(frozen=True)
class Compute:
    """Device and precision of one run."""

    device: str = "cpu"
    """Name of a torch device."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Matrix products of the digital network."""

    def autocast(self) -> AbstractContextManager:
        """Context in which the digital network multiplies at this precision."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bfloat16")

    def record(self) -> dict[str, str]:
        """What a result states about the machine: device, processor class or GPU name, precision."""
        cuda = self.device == "cuda"
        processor = torch.cuda.get_device_name() if cuda else processor_class()
        return {"device": self.device, "processor": processor, "precision": self.precision}


FLOAT32 = Compute()
"""The CPU at float32, which gives the same numbers on every machine up to rounding."""


def choose_compute(device: Device = "auto", precision: Precision = "auto") -> Compute:
    """Device and precision for this machine.

    Args:
        device: "auto", "cpu" or "cuda".
        precision: "auto", "float32" or "bfloat16".

    Returns:
        The choice, which is the same for every run on this machine.

    Raises:
        ModelError: an unknown word, or "cuda" where torch sees no GPU.
    """
    for name, word, known in (("device", device, Device), ("precision", precision, Precision)):
        if word not in get_args(known):
            raise ModelError(f"{name}={word!r} must be one of {', '.join(get_args(known))}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("device='cuda', but torch sees no GPU; use --device auto, or install torch for CUDA")
    chosen = "cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu"
    if precision == "auto":
        precision = "bfloat16" if has_native_bfloat16(chosen) else "float32"
    return Compute(chosen, precision)


def device_of(model: nn.Module) -> torch.device:
    """Device of a model's parameters."""
    return next(model.parameters()).device


def has_native_bfloat16(device: str) -> bool:
    """Whether bfloat16 products are computed by instructions of their own and faster than float32 ones.

    The processor's flags are asked first: without such instructions oneDNN falls back to one thread and 8 to
    20 times the time of float32. A timed product confirms them; its answer is cached per processor and torch.
    """
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not computes_bfloat16():
        return False
    parts = [torch.__version__, torch.backends.cpu.get_cpu_capability(), *sorted(processor_flags())]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    path = cache_folder() / "bfloat16.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(known, dict) and isinstance(known.get(key), bool):
            return known[key]
    except (OSError, ValueError):
        known = {}
    answer = product_seconds(torch.bfloat16) < product_seconds(torch.float32)
    with suppress(OSError):  # a folder that cannot be written costs the next run the timing
        write_json(path, {key: answer})
    return answer


def product_seconds(dtype: torch.dtype) -> float:
    """Shortest of five timed products of two square matrices of `TIMED_SIZE`, s."""
    a = torch.ones(TIMED_SIZE, TIMED_SIZE, dtype=dtype)
    a @ a
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return min(seconds)
