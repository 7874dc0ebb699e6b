"""Testbenches: netlists of the circuits with their stimuli, built with PySpice, ready for the runner."""

from .arrays import array, chain, column, row_drive
from .bench import Condition
from .cells import cell_read, cell_retention, cell_write
from .converters import conversion
from .devices import V_LINEAR, device_transfer
from .options import mirrored_rows
from .schedule import ReadTiming, Schedule, WriteTiming

__all__ = [
    "V_LINEAR",
    "Condition",
    "ReadTiming",
    "Schedule",
    "WriteTiming",
    "array",
    "cell_read",
    "cell_retention",
    "cell_write",
    "chain",
    "column",
    "conversion",
    "device_transfer",
    "mirrored_rows",
    "row_drive",
]
