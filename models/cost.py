"""Energy and time of one token in one head, each number with its origin."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .curves import Curve
from .values import Value

Origin = Literal["simulated", "published", "estimate"]


class Constant(Value):
    """The same energy for every token."""

    law: Literal["constant"] = "constant"
    joules: float = Field(ge=0)
    """J per token and head."""


class CellReads(Value):
    """Energy of the pulsed cells: linear in pulse width, so E = w @ e(v), one matrix product."""

    law: Literal["cell_reads"] = "cell_reads"
    array: Literal[1, 2]
    """1: K array, pulsed by the query; 2: V array, pulsed by phi(S)."""
    curve: Curve
    """e(v): J for a full-width pulse of one cell that stores v (V)."""


class Pulses(Value):
    """Energy of driving read word lines."""

    law: Literal["pulses"] = "pulses"
    array: Literal[1, 2]
    joules: float = Field(ge=0)
    """J per pulse on one word line of one sub-array."""


class Conversions(Value):
    """Energy of charge-to-pulse conversions."""

    law: Literal["conversions"] = "conversions"
    converter: Literal[1, 2]
    """1: ReLU converters, one conversion per stored key; 2: signed, one per sub-tile and output."""
    curve: Curve
    """J of one conversion against its charge (hardware's charge unit)."""


class Writes(Value):
    """Energy of writing the new key and value: drive of bit and word lines, and their wires and drivers where
    the write path was simulated; the stage's note says which."""

    law: Literal["writes"] = "writes"
    joules: float = Field(ge=0)
    """J per cell; 2 D cells per token and key-value head (more with complements or a normalising column),
    shared by the query heads that read them."""


class DacConversions(Value):
    """Energy of converting digital words to pulse widths (query) and to write voltages (key, value)."""

    law: Literal["dac_conversions"] = "dac_conversions"
    joules: float = Field(ge=0)
    """J per converted number; per token D for the query and one per written cell of the new key and value."""


Law = Annotated[
    Constant | CellReads | Pulses | Conversions | Writes | DacConversions, Field(discriminator="law")
]


class StageEnergy(Value):
    """One line of the energy bill."""

    name: str
    origin: Origin
    law: Law
    note: str = ""
    """Where the number comes from: the measurement, the publication, or the reasoning behind an estimate."""


class EnergyModel(Value):
    """Energy per token and head as a sum of stages."""

    stages: tuple[StageEnergy, ...]


class Phase(Value):
    """One step of an attention operation."""

    name: str
    seconds: float = Field(ge=0)
    origin: Origin
    hidden: bool = False
    """True when it runs while another phase does, and so adds nothing to the latency."""


class Timing(Value):
    """Duration of one token's attention in one layer (heads and sub-tiles work side by side)."""

    phases: tuple[Phase, ...]

    @property
    def latency(self) -> float:
        """Seconds from query to result: the sum of the phases that are not hidden."""
        return sum(phase.seconds for phase in self.phases if not phase.hidden)


class Area(Value):
    """Silicon area."""

    square_metres: float = Field(gt=0)
    """Per head, m^2."""
    origin: Origin
    note: str = ""
