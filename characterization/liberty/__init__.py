"""Liberty files of the standard cells: timing and power tables for synthesis and static timing analysis."""

from .library import LIBERTY_PROCEDURES, liberty_text, origin

__all__ = ["LIBERTY_PROCEDURES", "liberty_text", "origin"]
