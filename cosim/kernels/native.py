"""Attention in C++ for CPUs: `native/*.h`, compiled for this machine at first use.

The extension loader of torch builds it into its own cache (TORCH_EXTENSIONS_DIR or ~/.cache/torch_extensions)
under a name that stands for the sources, the compiler's flags and the processor, so that a home directory
shared between machines is safe.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from ..levels import volts_of
from ..options import normalised
from ..signals import Conditions, chip_of, query_widths
from .circuit import cells_of
from .circuit import circuit_of as full_scales
from .numbers import KNOWN, circuit_of, stacked

SOURCES = Path(__file__).parent / "native"
FLAGS = ["-O3", "-march=native", "-std=c++20", "-fopenmp", "-fno-math-errno", "-fno-trapping-math"]
if platform.machine() in ("x86_64", "AMD64"):
    FLAGS.append("-mprefer-vector-width=512")


def unavailable(now: Conditions, q: Tensor) -> str | None:
    """Why it cannot compute this, as the end of a sentence; None where it can."""
    if q.device.type != "cpu":
        return f"it runs on CPUs, and the queries are on {q.device}"
    if q.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"it computes in single precision, and the queries are {q.dtype}"
    if now.effects.noise:
        return "it has no noise"
    if chip_of(now) is not None and (why := chip_refused(now)) is not None:
        return why
    if now.gradient == "fixed-slope" and (not now.effects.quantise or chip_of(now) is not None):
        return "it has the surrogate gradient for quantised elements of nominal circuits only"
    return failure()


def chip_refused(now: Conditions) -> str | None:
    """A chip's deviations are added to the cells' term that does not age; without one there is no room."""
    aged = now.effects.decay and all(term.factor is not None for term in now.hardware.aged_transfer().terms)
    return "every term of this hardware's cells ages, and a chip's deviations do not" if aged else None


@torch.compiler.assume_constant_result
def failure() -> str | None:
    """Compile and load the operators, once per process. Why that failed; None where it did not."""
    return _failure()


@lru_cache(maxsize=1)
def _failure() -> str | None:
    if shutil.which("c++") is None and "CXX" not in os.environ:
        return "there is no C++ compiler (`apt-get install g++`, or set CXX)"
    from torch.utils import cpp_extension

    search = os.environ.get("PATH", "")
    try:
        # The package `ninja` lies beside the interpreter, which need not be on the path.
        os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), search])
        cpp_extension.load(
            name=_name(),
            sources=[str(SOURCES / "operators.cpp")],
            extra_cflags=FLAGS,
            is_python_module=False,
        )
    except (RuntimeError, OSError, ImportError) as error:
        return f"compiling it failed ({str(error).strip().splitlines()[0]})"
    finally:
        os.environ["PATH"] = search
    _register_fakes()
    return None


def _name() -> str:
    """Name of the build: another for other sources, flags, torch or processor."""
    parts = [path.read_text() for path in sorted(SOURCES.iterdir())]
    parts += [*FLAGS, torch.__version__, sys.version, platform.machine(), _processor()]
    return "gaincell_native_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _processor() -> str:
    """What `-march=native` depends on, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.lower().startswith(("flags", "features"))), "")


def _register_fakes() -> None:
    @torch.library.register_fake("gaincell::attention")
    def _(q, k, v, position, deviation_1, deviation_2, circuit, window, key_start, flagged):
        numbers = KNOWN[circuit]
        depth = numbers.depth(v.shape[-1])
        out = q.new_empty((*q.shape[:3], depth), dtype=torch.float32)
        wanted = flagged and deviation_2 is None
        tiles = numbers.flag_tiles(k.shape[-2], window, key_start) if wanted else 0
        flags = (*q.shape[:3], tiles, -(-depth // 32) * 4 if tiles else 0)
        return out, q.new_empty(flags, dtype=torch.uint8)

    @torch.library.register_fake("gaincell::attention_backward")
    def _(grad, flags, q, k, v, *rest):
        return tuple(torch.empty_like(x, memory_format=torch.contiguous_format) for x in (q, k, v))


def attention(q: Tensor, k: Tensor, v: Tensor, now: Conditions) -> Tensor:
    """Output (B, H, T, D) in q's dtype; k and v (B, Hkv, S, D) are packed, volts or levels; autocast is off.

    Quantised elements of a nominal circuit are looked up by their level; where nothing is quantised, or every
    cell differs, the terms are computed here and read as they are. Elements that come as levels are read as
    they are to decode, and turned into volts for anything else.
    """
    places, chip = now.places, chip_of(now)
    by_level = now.effects.quantise and chip is None
    circuit = circuit_of(now, by_level)
    if k.dtype == torch.uint8 and not _decodes(q, circuit):
        k, v = volts_of(k, 1, now.hardware), volts_of(v, 2, now.hardware)
    deviations: tuple[Tensor | None, ...] = (None, None)
    if not by_level:
        keys, values = cells_of(k.float(), 1, now), cells_of(v.float(), 2, now)
        q, k, v, dtype = query_widths(q.float(), now), stacked(keys), stacked(values), q.dtype
    else:
        dtype = q.dtype
    if chip is not None:
        stages = full_scales(now, v.shape[-1], v.device)
        deviations = stages.first.deviation, stages.second.deviation
    window = 0 if places.window is None else places.window
    arguments = (places.query_position, *deviations, circuit, window, places.key_start, False)
    out = torch.ops.gaincell.attention.default(q, k, v, *arguments)[0]
    return normalised(out, now.hardware).to(dtype)


def _decodes(q: Tensor, circuit: int) -> bool:
    """Whether this is a decode step that reads levels."""
    return q.shape[2] == 1 and KNOWN[circuit].few_levels and not (torch.is_grad_enabled() and q.requires_grad)
