"""ngspice as an engine of the runner. Its exit status is 0 after many failures, so its messages count."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from . import child
from .copied import with_copied_libraries
from .engine import RELAXED_OPTIONS, Engine, Job
from .errors import SimulationError, TechnologyError
from .rawfile import Waveforms, read_raw
from .status import INSTALL_NGSPICE, SIGNS, Status
from .workspace import workspace

SPICEINIT = "set num_threads=1\n"
"""Content of the .spiceinit file. ngspice's BSIM4 starts OpenMP threads that OMP_NUM_THREADS does not limit;
for small circuits they only consume time."""

VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "LC_ALL": "C",
    "SPICE_ASCIIRAWFILE": "0",
    "SPICE_USERINIT_DIR": None,
    "NGSPICE_INPUT_DIR": None,
}
"""Environment variables of the simulator; None removes one. An inherited SPICE_ASCIIRAWFILE would make the
raw file a text file, SPICE_USERINIT_DIR would replace the .spiceinit file, and NGSPICE_INPUT_DIR would be
searched for files. ngspice crashes without HOME."""

_COMPILED = re.compile(r"^\.hdl\s", re.IGNORECASE | re.MULTILINE)
"""Lines of `Technology.header` that load compiled modules."""

VERSION_TIMEOUT = 20.0
"""Time limit of `ngspice --version`, s; it takes milliseconds."""


@dataclass(frozen=True)
class _Ngspice(Engine):
    """The ngspice on PATH."""

    name: str = "ngspice"
    signs: Sequence[tuple[Status, re.Pattern[str]]] = SIGNS
    relaxed: tuple[dict[str, str], ...] = RELAXED_OPTIONS

    def find(self) -> Path:
        found = shutil.which("ngspice")
        if found is None:
            raise SimulationError(f"ngspice was not found on PATH; {INSTALL_NGSPICE}")
        return Path(found)

    def version(self) -> str:
        return _version_of(self.find())

    def prepare(self, netlist: str) -> Job:
        executable = self.find()
        if _COMPILED.search(netlist):
            raise TechnologyError(
                "the technology names compiled Verilog-A modules (`modules`), which only VACASK is given; "
                "use --simulator vacask"
            )
        copied, place = with_copied_libraries(netlist)

        def read(folder: Path) -> tuple[Waveforms, ...]:
            return read_raw(folder / "deck.raw")

        # ngspice ignores a last line (.end) without a newline.
        files = {".spiceinit": SPICEINIT, "deck.cir": copied.rstrip() + "\n"}
        command = [str(executable), "-b", "-r", "deck.raw", "deck.cir"]
        return Job(files, command, VARIABLES, read, place)


NGSPICE = _Ngspice()
"""The engine."""


def find_ngspice() -> Path:
    """Path of the ngspice executable on PATH.

    Raises:
        SimulationError: there is none; the message says how to install it.
    """
    return NGSPICE.find()


def ngspice_version() -> str:
    """Version of the ngspice on PATH, such as `39`.

    Raises:
        SimulationError: there is none, or it does not say its version.
    """
    return NGSPICE.version()


@lru_cache
def _version_of(executable: Path) -> str:
    with tempfile.TemporaryDirectory(
        prefix="run-", dir=workspace().folder, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        log = folder / "log"
        try:
            command = [str(executable), "--version"]
            child.run(command, folder, log, VERSION_TIMEOUT, {**VARIABLES, "HOME": name})
        except subprocess.TimeoutExpired:
            raise SimulationError(
                f"{executable} --version gave no answer within {VERSION_TIMEOUT:g} s; {INSTALL_NGSPICE}"
            ) from None
        except OSError as error:
            raise SimulationError(
                f"{executable} cannot be started ({error.strerror or error}); {INSTALL_NGSPICE}"
            ) from None
        text = log.read_text(errors="replace")
    match = re.search(r"ngspice-([\w.+-]+)", text)
    if match is None:
        raise SimulationError(f"{executable} --version does not say its version; {INSTALL_NGSPICE}")
    return match[1]
