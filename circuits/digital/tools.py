"""Icarus Verilog, Yosys and OpenSTA: programs on PATH, run in a temporary folder with a time limit."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import child
from ..errors import ToolError
from ..workspace import workspace

PACKAGES = {"iverilog": "iverilog", "vvp": "iverilog", "yosys": "yosys", "sta": "opensta"}
"""Debian package of each program."""


@contextmanager
def run_folder() -> Iterator[Path]:
    """Temporary folder of one run of the tools."""
    with tempfile.TemporaryDirectory(prefix="digital-", dir=workspace().folder) as name:
        yield Path(name)


def find(program: str) -> str:
    """Path of a program.

    Args:
        program: a key of `PACKAGES`.

    Raises:
        ToolError: it is not installed.
    """
    found = shutil.which(program)
    if found is None:
        raise ToolError(
            f"{program} was not found on PATH; install it with: apt-get install {PACKAGES[program]}"
        )
    return found


def run(program: str, *arguments: str, folder: Path, timeout: float = 600.0) -> str:
    """Run a program in a folder.

    Args:
        program: a key of `PACKAGES`.
        arguments: its arguments.
        folder: working directory.
        timeout: wall-clock limit, s.

    Returns:
        Standard output and errors.

    Raises:
        ToolError: it is not installed, exceeds the limit, or exits with a status other than 0; the message
            has its first complaint.
    """
    command = [find(program), *arguments]
    log = folder / f"{program}.log"
    # Yosys calls ABC by a shell, and cannot do so with a space in the name of the folder for temporary files.
    own = {"LC_ALL": "C", "HOME": str(folder), "TMPDIR": "."}
    try:
        status, _ = child.run(command, folder, log, timeout, own)
    except subprocess.TimeoutExpired:
        raise ToolError(f"{program} gave no result within {timeout:g} s; raise the time limit") from None
    text = log.read_text(errors="replace")
    if status != 0:
        raise ToolError(f"{program} failed with status {status}: {_complaint(text)}")
    return text


def _complaint(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower()]
    return (wrong or lines or ["no message"])[0][:300]
