"""Attention in C++ for CPUs: `src/*.h`, compiled for this machine at first use.

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
import tempfile
from functools import lru_cache
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from ...levels import volts_of
from ...signed_query import normalised
from ...stages import OperationContext, chip_of, query_widths
from ..description import cells_of, describe_circuit
from .description import KNOWN, register_circuit, stacked, surrogate_of

SOURCES = Path(__file__).parent / "src"
FLAGS = ["-O3", "-march=native", "-std=c++20", "-fopenmp", "-fno-math-errno", "-fno-trapping-math"]
if platform.machine() in ("x86_64", "AMD64"):
    FLAGS.append("-mprefer-vector-width=512")


def unavailable(op: OperationContext, q: Tensor) -> str | None:
    """Why it cannot compute this, as the end of a sentence; None where it can."""
    if q.device.type != "cpu":
        return f"it runs on CPUs, and the queries are on {q.device}"
    if q.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"it computes in single precision, and the queries are {q.dtype}"
    if op.effects.noise:
        return "it has no noise"
    return failure()


@torch.compiler.assume_constant_result
def failure() -> str | None:
    """Compile and load the operators, once per process. Why that failed; None where it did not."""
    return _failure()


@lru_cache(maxsize=1)
def _failure() -> str | None:
    if shutil.which("c++") is None and "CXX" not in os.environ:
        return "there is no C++ compiler (`apt-get install g++`, or set CXX)"
    search = os.environ.get("PATH", "")
    try:
        # The package `ninja` lies beside the interpreter, which need not be on the path.
        os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), search])
        _load()
    except (RuntimeError, OSError, ImportError) as error:
        return f"compiling it failed ({str(error).strip().splitlines()[0]})"
    finally:
        os.environ["PATH"] = search
    _register_fakes()
    return None


def builds() -> Path:
    """The folder of built libraries."""
    from torch.utils import cpp_extension

    return Path(os.environ.get("TORCH_EXTENSIONS_DIR") or cpp_extension.get_default_build_root())


def _load() -> None:
    """Load the library, which one process builds for all that have the same folder of builds."""
    from torch.utils import cpp_extension

    library = builds() / f"{_name()}.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    # The system takes the lock from a process that dies. The loader's own is a file, which would stay.
    with FileLock(library.with_suffix(".lock")):
        if library.exists():
            torch.ops.load_library(library)
            return
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            cpp_extension.load(
                name=_name(),
                sources=[str(SOURCES / "operators.cpp")],
                extra_cflags=FLAGS,
                build_directory=folder,
                is_python_module=False,
            )
            os.replace(Path(folder) / library.name, library)


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
    def _(q, k, v, position, deviation_1, deviation_2, line_1, line_2, circuit, window, key_start, flagged):
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


def attention(q: Tensor, k: Tensor, v: Tensor, op: OperationContext) -> Tensor:
    """Output (B, H, T, D) in q's dtype; k and v (B, Hkv, S, D) are packed, volts or levels; autocast is off.

    Quantised elements of a nominal circuit are looked up by their level; where nothing is quantised, or every
    cell differs, the terms are computed here and read as they are. Elements that come as levels are read as
    they are to decode, and turned into volts for anything else.
    """
    positions, chip = op.positions, chip_of(op)
    by_level = op.effects.quantise and chip is None
    circuit = register_circuit(op, by_level)
    if k.dtype == torch.uint8 and not _decodes(q, circuit):
        k, v = volts_of(k, 1, op.hardware), volts_of(v, 2, op.hardware)
    deviations: tuple[Tensor | None, ...] = (None, None)
    lines: tuple[Tensor | None, ...] = (None, None)
    dtype = q.dtype
    if not by_level:
        keys, values = cells_of(k.float(), 1, op), cells_of(v.float(), 2, op)
        q, k, v = query_widths(q.float(), op), stacked(keys), stacked(values)
        lines = surrogate_of(keys, k), surrogate_of(values, v)
    if chip is not None:
        stages = describe_circuit(op, v.shape[-1], v.device)
        deviations = stages.first.deviation, stages.second.deviation
    window = 0 if positions.window is None else positions.window
    arguments = (positions.query_position, *deviations, *lines, circuit, window, positions.key_start, False)
    out = torch.ops.gaincell.attention.default(q, k, v, *arguments)[0]
    return normalised(out, op.hardware).to(dtype)


def _decodes(q: Tensor, circuit: int) -> bool:
    """Whether this is a decode step that reads levels."""
    return q.shape[2] == 1 and KNOWN[circuit].few_levels and not (torch.is_grad_enabled() and q.requires_grad)
