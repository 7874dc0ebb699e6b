"""Errors whose message is for the user: one sentence with the cause and the remedy.

This module imports nothing, so every package can raise and catch them without PySpice, ngspice or torch.
"""


class GaincellError(Exception):
    """Base class of the errors that the command line prints as a message, without a traceback."""

    exit_status = 1
    """Exit status of the command line: 1 for a failed run, 2 for bad usage such as an unknown name."""


class TechnologyError(GaincellError):
    """A technology that is unknown, malformed, or lacks the corner or device asked for."""

    exit_status = 2


class SimulationError(GaincellError):
    """The simulator is missing, or a simulation whose result is needed has failed."""


class UnknownSimulatorError(SimulationError):
    """The name of a simulator that does not exist."""

    exit_status = 2


class DeckError(SimulationError):
    """A card of a deck that cannot be translated for another simulator than ngspice."""

    exit_status = 2


class PlanError(GaincellError):
    """A characterization plan that is unknown or contradicts itself."""

    exit_status = 2


class BackendError(GaincellError):
    """A simulation backend that is unknown, not installed, or does not answer."""


class TableError(GaincellError):
    """A characterization table that is missing, damaged, or unfinished."""


class HardwareError(GaincellError):
    """A hardware bundle that is unknown, malformed, or lacks the part asked for."""


class UnknownHardwareError(HardwareError):
    """A hardware name or key that is neither shipped nor defined."""

    exit_status = 2


class ModelError(GaincellError):
    """A language model that cannot be converted, loaded, or evaluated as asked."""


class ToolError(GaincellError):
    """A tool for digital circuits (Icarus Verilog, Yosys, OpenSTA) that is missing or has failed."""


class HostError(GaincellError):
    """A digital host that is unknown, not installed, or cannot be measured."""
