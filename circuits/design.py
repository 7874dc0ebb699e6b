"""Base class of the designs, and the types of their fields, in SI units."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .settings import Settings

Capacitance = Annotated[float, Field(gt=0, le=1e-9)]
"""Capacitance, F: up to 1 nF, 1 mm2 of thin oxide at 1 fF/um2."""
Length = Annotated[float, Field(gt=0, le=1e-3)]
"""Width or length of a channel, m: up to 1 mm."""
Duration = Annotated[float, Field(gt=0, le=1e-3)]
"""Duration of a phase, s: up to 1 ms."""
Voltage = Annotated[float, Field(ge=-20, le=20)]
"""Level, V: within 20 V of ground."""
Current = Annotated[float, Field(gt=0, le=1e-2)]
"""Current of one converter, A: up to 10 mA."""
Cells = Annotated[int, Field(ge=1, le=65536)]
"""Number of cells along a wire."""
LevelCount = Annotated[int, Field(ge=2, le=65535)]
"""Number of levels of a quantiser."""


class Design(Settings):
    """Base class of the designs: frozen sizes. Unknown fields and numbers that are not finite are refused."""
