"""Energy and time of one token in one head, each number with its origin."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .curves import Curve
from .values import Value

Origin = Literal["simulated", "published", "estimate"]
"""Origin of a number."""


class Constant(Value):
    """The same energy for every token."""

    law: Literal["constant"] = "constant"
    joules: float = Field(ge=0)
    """Energy per token and head, J."""


class CellReads(Value):
    """Energy of the pulsed cells: linear in pulse width, so E = w @ e(v) is one matrix product."""

    law: Literal["cell_reads"] = "cell_reads"
    array: Literal[1, 2]
    """Array: 1 for K, pulsed by the query; 2 for V, pulsed by phi(S)."""
    curve: Curve
    """e(v): energy of a full-width pulse on one cell, J, against its stored voltage (V)."""


class Pulses(Value):
    """Energy of driving read word lines."""

    law: Literal["pulses"] = "pulses"
    array: Literal[1, 2]
    """Array: 1 for K, 2 for V."""
    joules: float = Field(ge=0)
    """Energy per pulse on one word line of one sub-array, J."""


class Conversions(Value):
    """Energy of charge-to-pulse conversions."""

    law: Literal["conversions"] = "conversions"
    converter: Literal[1, 2]
    """Converters: 1 for ReLU, one conversion per stored key; 2 for signed, one per sub-tile and output."""
    curve: Curve
    """Energy of one conversion, J, against its charge (hardware's charge unit)."""


class Writes(Value):
    """Energy of writing the new key and value: drive of bit and word lines.

    It includes their wires and drivers if the write path was simulated; the stage's note says so.
    """

    law: Literal["writes"] = "writes"
    joules: float = Field(ge=0)
    """Energy per cell, J. A token writes 2 D cells per key-value head (more with complements or a normalising
    column), which the query heads of that head share."""


class DacConversions(Value):
    """Energy of converting digital words to pulse widths (query) and to write voltages (key, value)."""

    law: Literal["dac_conversions"] = "dac_conversions"
    joules: float = Field(ge=0)
    """Energy per converted number, J. A token converts D numbers of the query and one per written cell."""


class SubTileOperations(Value):
    """The same energy for every sub-tile that a query operates."""

    law: Literal["sub_tile_operations"] = "sub_tile_operations"
    joules: float = Field(ge=0)
    """Energy per sub-tile and operation, J."""


class StandingPower(Value):
    """Power of circuits that stay on from one token to the next, in every sub-tile in use."""

    law: Literal["standing_power"] = "standing_power"
    watts: float = Field(ge=0)
    """Power per sub-tile of one key-value head, W. The query heads of that head share it. A token takes it
    for one token period."""


class SupplyLoss(Value):
    """Energy that is lost between the chip's supply and the regulated one that feeds other stages."""

    law: Literal["supply_loss"] = "supply_loss"
    share: float = Field(ge=0)
    """Loss per energy of these stages, dimensionless: input voltage over regulated voltage, less one."""
    stages: tuple[str, ...]
    """Names of the stages that the regulated supply feeds."""


Law = Annotated[
    Constant
    | CellReads
    | Pulses
    | Conversions
    | Writes
    | DacConversions
    | SubTileOperations
    | StandingPower
    | SupplyLoss,
    Field(discriminator="law"),
]
"""Any law of a stage's energy."""


class StageEnergy(Value):
    """One stage of the energy model."""

    name: str
    """Label for reports."""
    origin: Origin
    """Origin of the number."""
    law: Law
    """Energy as a function of what the stage does."""
    note: str = ""
    """Source of the number: the measurement, the publication, or the reasoning behind an estimate."""


class EnergyModel(Value):
    """Energy per token and head as a sum of stages."""

    stages: tuple[StageEnergy, ...]
    """The stages, in the order of the signal path; their names differ."""

    @model_validator(mode="after")
    def _names_differ(self) -> EnergyModel:
        names = [stage.name for stage in self.stages]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"stages: two stages are named {name!r}; reports go by the name")
        return self

    @model_validator(mode="after")
    def _losses_follow_what_they_feed(self) -> EnergyModel:
        before: set[str] = set()
        for stage in self.stages:
            if isinstance(stage.law, SupplyLoss):
                if unknown := [name for name in stage.law.stages if name not in before]:
                    raise ValueError(
                        f"stages: {stage.name!r} is a loss of {unknown[0]!r}, which is no stage before it"
                    )
            else:
                before.add(stage.name)
        return self


class Phase(Value):
    """One step of an attention operation."""

    name: str
    """Label for reports."""
    seconds: float = Field(ge=0)
    """Duration, s."""
    origin: Origin
    """Origin of the number."""
    hidden: bool = False
    """Whether the phase runs during another one and so does not add to the latency."""


class Timing(Value):
    """Duration of one token's attention in one layer; heads and sub-tiles work in parallel."""

    phases: tuple[Phase, ...]
    """The phases, in their order in time."""

    @property
    def latency(self) -> float:
        """Time from query to result, s: the sum of the phases that are not hidden."""
        return sum(phase.seconds for phase in self.phases if not phase.hidden)


class Area(Value):
    """Silicon area."""

    square_metres: float = Field(gt=0)
    """Area per head, m^2."""
    origin: Origin
    """Origin of the number."""
    note: str = ""
    """What the area includes."""
