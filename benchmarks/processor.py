"""The option `--instructions`, and what a benchmark states about the processor."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated

import typer

from gaincell.models.processor import VARIABLE, apply_instruction_limit, processor_class


def limit(instructions: str) -> str:
    """Limit torch, oneDNN, MKL and our kernels as --instructions asks, before anything is computed."""
    if instructions not in ("native", "avx2"):
        raise typer.BadParameter(f"unknown {instructions!r}; use native or avx2")
    if instructions == "avx2":
        os.environ[VARIABLE] = instructions
        apply_instruction_limit()
    return instructions


Instructions = Annotated[
    str, typer.Option(callback=limit, help="native, or avx2: as on a processor without AVX-512 and AMX.")
]


def processor() -> dict[str, str]:
    """Name of the processor, and the class of instructions in use."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "class": processor_class(),
    }
