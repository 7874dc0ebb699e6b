"""Compiles the C++ operators of `src/` for this processor, once for all processes.

The library lies in TORCH_EXTENSIONS_DIR, or ~/.cache/torch_extensions, under a name that stands for the
sources, the compiler's flags, torch and the processor, so that a home directory shared between machines is
safe.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock

from .....models.processor import instructions, processor_flags

SOURCES = Path(__file__).parent / "src"
UNITS = {"prefill": "-O3", "decode": "-O3", "operators": "-O1"}
"""Translation unit -> optimisation. Only `operators.cpp` includes torch's headers; it computes nothing."""
STANDARD = ["-std=c++20", "-fPIC", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]
SECONDS = 15
"""Time that a build takes on a processor of 2023, s of one core."""
ABANDONED = 86400.0
"""Age at which another machine's temporary folder counts as left behind, s."""
PREFIX = "gaincell_build"

SUPERVISED = """
exec 3<&0
{ cat <&3 >/dev/null; kill -9 0; } &
watch=$!
"$@" </dev/null 3<&-
code=$?
kill -9 $watch
exit $code
"""
"""Runs a command until it ends or standard input is closed, which the system does for a process that dies.

Started as the leader of a process group, `kill -9 0` ends the command and everything that it started.
"""


def is_x86() -> bool:
    """Whether this is a 64-bit x86 processor."""
    return platform.machine() in ("x86_64", "AMD64")


def machine_flags() -> list[str]:
    """Compiler flags that choose the instruction set, as `GAINCELL_INSTRUCTIONS` limits it."""
    if not is_x86():
        return ["-march=native"]
    if instructions() == "avx2":
        return ["-march=x86-64-v3"]
    return ["-march=native", "-mprefer-vector-width=512"]


def compiler() -> list[str]:
    """The C++ compiler's command: CXX, which may have arguments, or c++."""
    return shlex.split(os.environ.get("CXX") or "c++")


def missing_compiler() -> str | None:
    """Why no C++ compiler can be started, as the end of a sentence; None if one can."""
    command = compiler()
    if shutil.which(command[0]) is not None:
        return None
    return f"there is no C++ compiler {command[0]!r} (`apt-get install g++`, or set CXX)"


def builds() -> Path:
    """The folder of built libraries."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TORCH_EXTENSIONS_DIR") or Path(cache) / "torch_extensions")


def library_path() -> Path:
    """Where the library lies once it is built."""
    parts = [path.read_text() for path in sorted(SOURCES.iterdir())]
    parts += [repr(UNITS), *STANDARD, *machine_flags(), instructions(), *compiler(), torch.__version__]
    parts += [platform.machine(), *(sorted(processor_flags()) or [platform.processor()])]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    return builds() / f"gaincell_native_{digest}.so"


def build(progress: Callable[[str], None] | None = None) -> Path:
    """Compile the operators if no process has done so yet; concurrent calls wait for one build.

    Args:
        progress: called with one line before a compilation starts and one when it is done; None writes
            them to standard error. It is not called if the library is there.

    Returns:
        The library, for `torch.ops.load_library`.

    Raises:
        RuntimeError: compilation failed; the message starts with the compiler's first error.
        OSError: the compiler cannot be started or the folder cannot be written.
    """
    library = library_path()
    library.parent.mkdir(parents=True, exist_ok=True)
    # The system takes the lock from a process that dies.
    with FileLock(library.with_suffix(".lock")):
        if not library.exists():
            _compile_to(library, progress or _to_stderr)
    return library


def _to_stderr(line: str) -> None:
    print(f"gaincell: {line}", file=sys.stderr, flush=True)


def _compile_to(library: Path, progress: Callable[[str], None]) -> None:
    sweep(library.parent)
    progress(f"compiling the attention kernels for this processor (once, about {SECONDS} s) ...")
    started = time.perf_counter()
    prefix = f"{PREFIX}-{socket.gethostname()}-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=library.parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _run([_compile_command(unit, folder) for unit in UNITS], folder)
        _run([_link_command(folder, library.name)], folder)
        os.replace(folder / library.name, library)
    progress(f"compiled the attention kernels in {time.perf_counter() - started:.0f} s")


def _compile_command(unit: str, folder: Path) -> list[str]:
    command = [*compiler(), *STANDARD, *machine_flags(), UNITS[unit]]
    if unit == "operators":
        root = Path(torch.__file__).parent / "include"
        command += ["-isystem", str(root), "-isystem", str(root / "torch/csrc/api/include")]
        command.append(f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}")
    return [*command, "-c", str(SOURCES / f"{unit}.cpp"), "-o", str(folder / f"{unit}.o")]


def _link_command(folder: Path, name: str) -> list[str]:
    objects = [str(folder / f"{unit}.o") for unit in UNITS]
    libraries = [f"-L{Path(torch.__file__).parent / 'lib'}", "-lc10", "-ltorch_cpu"]
    return [*compiler(), "-shared", "-fopenmp", *objects, *libraries, "-o", str(folder / name)]


def _run(commands: list[list[str]], folder: Path) -> None:
    """Run the commands side by side; none of them outlives this call or this process."""
    running: list[subprocess.Popen] = []
    try:
        for number, command in enumerate(commands):
            with (folder / f"output-{number}").open("w") as output:
                supervised = ["/bin/sh", "-c", SUPERVISED, "sh", *command]
                streams = {"stdin": subprocess.PIPE, "stdout": output, "stderr": subprocess.STDOUT}
                running.append(subprocess.Popen(supervised, start_new_session=True, **streams))
        for number, process in enumerate(running):
            if process.wait() != 0:
                raise RuntimeError(_first_error((folder / f"output-{number}").read_text()))
    finally:
        for process in running:
            _end(process)


def _end(process: subprocess.Popen) -> None:
    """Kill the process group if it still runs and release the pipe."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.stdin is not None
    process.stdin.close()


def _first_error(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["the compiler was killed"])[0]


def sweep(folder: Path) -> None:
    """Remove temporary folders of builds whose process has ended."""
    for left in folder.glob(f"{PREFIX}-*-*-*"):
        host, _, rest = left.name.removeprefix(f"{PREFIX}-").rpartition("-")[0].rpartition("-")
        if host == socket.gethostname() and rest.isdigit():
            gone = not _alive(int(rest))
        else:
            gone = time.time() - left.stat().st_mtime > ABANDONED
        if gone:
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main() -> None:
    """Compile the operators where a compiler is installed, so that later processes find them."""
    reason = missing_compiler()
    if reason is not None:
        _to_stderr(f"attention kernels are not compiled: {reason}")
        return
    build()


if __name__ == "__main__":
    main()
