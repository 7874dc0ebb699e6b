"""Errors that reach the user: one sentence that says what is wrong and what mends it.

This module imports nothing, so every room can raise and catch these without PySpice, ngspice or torch.
"""


class GaincellError(Exception):
    """Base of every error whose message is meant for the user; the command line prints it and exits 1."""


class TechnologyError(GaincellError):
    """A technology that is unknown, malformed, or lacks the corner or device asked for."""


class SimulationError(GaincellError):
    """The simulator is missing, or a simulation failed where a result was indispensable."""


class PlanError(GaincellError):
    """A characterization plan that is unknown or contradicts itself."""


class TableError(GaincellError):
    """A characterization table that is missing, corrupt, or was left unfinished."""


class HardwareError(GaincellError):
    """A hardware bundle that is unknown, malformed, or lacks the part asked for."""


class ModelError(GaincellError):
    """A language model that cannot be converted, loaded, or evaluated as asked."""
