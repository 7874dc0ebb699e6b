"""How a simulation ended, and the messages of ngspice by which failures are told apart."""

from __future__ import annotations

import re
from enum import StrEnum

APT_NGSPICE = "sudo apt-get install ngspice"
PIP_VACASK = "pip install 'gaincell[vacask]'"

INSTALL_NGSPICE = f"install it with: {APT_NGSPICE}"
"""Remedy in the messages about a missing simulator."""


class Status(StrEnum):
    """How a simulation ended; every failure has a remedy."""

    OK = "ok"
    NONCONVERGED = "nonconverged"
    MISSING_MODEL = "missing-model"
    SYNTAX = "syntax"
    INCOMPLETE = "incomplete"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    NOT_FINITE = "not-finite"
    MISSING_SIMULATOR = "missing-simulator"
    UNSUPPORTED = "unsupported"

    @property
    def remedy(self) -> str:
        """Advice to the user, one sentence; empty for OK."""
        return _REMEDIES[self]


_REMEDIES = {
    Status.OK: "",
    Status.NONCONVERGED: "Relax reltol or the time step, soften ideal edges, or start it with .ic.",
    Status.MISSING_MODEL: (
        "Check the model names, the library path and the .lib section of the technology, and that its models "
        "have bins for the widths and lengths in `designs`."
    ),
    Status.SYNTAX: "Correct the netlist line that the simulator names.",
    Status.INCOMPLETE: "It ended before its last point: relax reltol, or check the .tran/.dc limits.",
    Status.TIMEOUT: "Raise the timeout, enlarge the time step, or put fewer points in one netlist.",
    Status.CRASHED: "Run the netlist by hand, as with `ngspice -b`; if it crashes there too, simplify it.",
    Status.NOT_FINITE: "Run the netlist by hand, as with `ngspice -b`, and check the simulator itself.",
    Status.MISSING_SIMULATOR: f"Install it: ngspice with {APT_NGSPICE}, VACASK with {PIP_VACASK}.",
    Status.UNSUPPORTED: "Use --simulator ngspice for this netlist.",
}

# The order matters: ngspice calls a missing model also "Error on line", a missing library "fatal error".
SIGNS: tuple[tuple[Status, re.Pattern[str]], ...] = (
    (
        Status.MISSING_MODEL,
        re.compile(
            r"could not find a valid modelname|unknown subckt|unable to find definition of model"
            r"|could not find (?:library|include) file|library file .* not found"
            r"|section definition .* not found",
            re.IGNORECASE,
        ),
    ),
    (
        Status.NONCONVERGED,
        re.compile(
            r"timestep too small|singular matrix|iteration limit reached|no convergence"
            r"|source stepping failed|gmin step(?:ping)? failed",
            re.IGNORECASE,
        ),
    ),
    (
        Status.SYNTAX,
        re.compile(
            r"error on line|undefined parameter|expression err|unknown parameter|circuit not parsed"
            r"|cannot compute substitute|mal formed|syntax error|fatal error in ngspice|no circuits? loaded"
            r"|no job list|incomplete or empty netlist|no simulations run",
            re.IGNORECASE,
        ),
    ),
)
"""Statuses of failed runs, and the messages that show them, in the order of the test."""
