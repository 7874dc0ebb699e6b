"""Errors that reach the user: one sentence that says what is wrong and what mends it.

This module imports nothing, so every room can raise and catch these without PySpice, ngspice or torch.
"""


class GaincellError(Exception):
    """Base of every error whose message is meant for the user; the command line prints it."""

    exit_status = 1
    """Exit status of the command line: 1 for a failed run, 2 for bad usage such as an unknown name."""


class TechnologyError(GaincellError):
    """A technology that is unknown, malformed, or lacks the corner or device asked for."""

    exit_status = 2


class SimulationError(GaincellError):
    """The simulator is missing, or a simulation failed where a result was indispensable."""


class PlanError(GaincellError):
    """A characterization plan that is unknown or contradicts itself."""

    exit_status = 2


class BackendError(GaincellError):
    """A place to run simulations that is unknown, missing, or does not answer."""


class TableError(GaincellError):
    """A characterization table that is missing, corrupt, or was left unfinished."""


class HardwareError(GaincellError):
    """A hardware bundle that is unknown, malformed, or lacks the part asked for."""


class UnknownHardwareError(HardwareError):
    """A hardware name or key that nothing ships or defines."""

    exit_status = 2


class ModelError(GaincellError):
    """A language model that cannot be converted, loaded, or evaluated as asked."""
