"""The processor's instruction set: what it offers, and the switch that limits every library to AVX2.

`GAINCELL_INSTRUCTIONS=avx2` makes torch, oneDNN, MKL and our own kernels run as on a processor without
AVX-512 and AMX. It stands for the three variables in `LIMITS` and for `-march=x86-64-v3`.
"""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from pathlib import Path
from typing import Literal

from ..circuits.errors import GaincellError

Instructions = Literal["native", "avx2"]
"""native: whatever the processor has; avx2: at most AVX2 and FMA (x86-64-v3)."""

VARIABLE = "GAINCELL_INSTRUCTIONS"
LIMITS = {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
"""Environment variables of oneDNN, MKL and torch that limit each of them to AVX2."""


def instructions() -> Instructions:
    """The instruction sets that kernels may use, from `GAINCELL_INSTRUCTIONS`.

    Raises:
        GaincellError: the variable holds another word.
    """
    chosen = os.environ.get(VARIABLE) or "native"
    if chosen not in ("native", "avx2"):
        raise GaincellError(f"{VARIABLE}={chosen!r} must be 'native' or 'avx2'")
    return chosen


def apply_instruction_limit() -> None:
    """Pass the limit of `GAINCELL_INSTRUCTIONS` on to torch, oneDNN and MKL, which read theirs at first use.

    Raises:
        GaincellError: the variable holds another word.
        GaincellError: torch has already chosen wider instructions in this process.
    """
    if instructions() == "native":
        return
    os.environ.update(LIMITS)
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    if capability.startswith("AVX512"):
        raise GaincellError(
            f"torch already computes with {capability}; set {VARIABLE} before the process first uses torch"
        )


@lru_cache(maxsize=1)
def processor_flags() -> frozenset[str]:
    """Instruction-set flags as Linux names them; empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    words = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return frozenset(words.partition(":")[2].split())


def processor_class() -> str:
    """Widest instruction set in use, which times must be quoted with: AMX, AVX-512, AVX2 or the machine's."""
    flags = processor_flags()
    if instructions() == "avx2":
        return "AVX2"
    for flag, name in (("amx_bf16", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2")):
        if flag in flags:
            return name
    return platform.machine()


def computes_bfloat16() -> bool:
    """Whether the processor has instructions that multiply bfloat16."""
    if instructions() == "avx2":
        return False
    return not processor_flags().isdisjoint({"amx_bf16", "avx512_bf16", "avx10_2", "bf16"})
