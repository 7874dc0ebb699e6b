"""Testbenches: decks of the circuits with their stimuli, built with PySpice."""

from .arrays import array, chain, column, row_drive
from .bank import bank_conversion
from .bench import Condition
from .cells import cell_read, cell_retention, cell_write
from .converters import conversion
from .devices import V_LINEAR, device_transfer
from .disturb import DisturbTiming, disturb
from .maps import bit_line, with_node_per_cell, word_line
from .mirrored import mirrored_rows
from .references import bank_reference, read_start, written_read
from .schedule import ReadTiming, Schedule, WriteTiming
from .write_path import word_line_rails, write_path

__all__ = [
    "V_LINEAR",
    "Condition",
    "DisturbTiming",
    "ReadTiming",
    "Schedule",
    "WriteTiming",
    "array",
    "bank_conversion",
    "bank_reference",
    "bit_line",
    "cell_read",
    "cell_retention",
    "cell_write",
    "chain",
    "column",
    "conversion",
    "device_transfer",
    "disturb",
    "mirrored_rows",
    "read_start",
    "row_drive",
    "with_node_per_cell",
    "word_line",
    "word_line_rails",
    "write_path",
    "written_read",
]
