"""One operation of the circuits, simulated and looked at: waveforms, measured values, files for viewers."""

from .export import WAVE_SUFFIXES, export, require_format
from .operations import WAVE_OPERATIONS, RecordedOperation
from .recording import Recording, record

__all__ = [
    "WAVE_OPERATIONS",
    "WAVE_SUFFIXES",
    "RecordedOperation",
    "Recording",
    "export",
    "record",
    "require_format",
]
