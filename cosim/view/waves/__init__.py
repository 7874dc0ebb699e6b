"""One operation of the circuits, simulated and looked at: waveforms, measured values, files for viewers."""

from .export import FORMATS, export, require_format
from .operations import OPERATIONS, Operation
from .recording import Recording, record

__all__ = ["FORMATS", "OPERATIONS", "Operation", "Recording", "export", "record", "require_format"]
