"""One operation of the full 64 x 64 V array with its signed read-out: the second product at full size."""

from __future__ import annotations

from ..procedure import procedure
from .array64 import Array64


@procedure
class Array64Signed(Array64):
    """Sub-array of 64 x 64 cells with signed read-out, one operation"""

    name = "array64_signed"
    kinds = (True,)
