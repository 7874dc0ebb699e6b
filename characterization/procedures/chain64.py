"""The two-array chain at full size, 56,524 transistors. It takes 52 minutes of processor time."""

from __future__ import annotations

from ..procedure import procedure
from .array64 import COARSE_OPTIONS, COST_COLUMNS
from .chain import Chain


@procedure
class Chain64(Chain):
    """Two-array chain of 64 x 64 cells"""

    name = "chain64"
    size = 64
    samples = 1
    options = COARSE_OPTIONS
    timeout = 4 * 3600.0
    columns = Chain.columns | COST_COLUMNS
