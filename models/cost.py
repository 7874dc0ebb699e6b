"""Energy and time of one token in one head, each number with its origin."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from .curves import Curve
from .values import Value

Origin = Literal["simulated", "published", "estimate"]
"""Origin of a number."""
Growth = Literal["key", "sub-tile", "token"]
"""Quantity that an energy is proportional to: keys in the window, sub-tiles in use, or tokens."""
Event = Literal[
    *("operation", "token", "query element", "query pulse", "query width"),
    *("key element", "value element", "written element", "output element"),
    *("sub-tile", "row pulse", "read-out", "read-out pulse", "read-out magnitude"),
]
"""What the digital circuits of one head do for a token:

| event | number for one token |
|---|---|
| operation | 1 for each query head |
| token | 1 for each key-value head |
| query element | head dimension D |
| query pulse | elements whose level is not 0 |
| query width | sum of the pulse widths, in full pulses |
| key element, value element | D for each key-value head |
| written element | cells that are written, for each key-value head |
| output element | D |
| sub-tile | sub-tiles in use |
| row pulse | query pulses x sub-tiles in use |
| read-out | columns of the V array x sub-tiles in use |
| read-out pulse | read-outs that are not 0 |
| read-out magnitude | sum of the magnitudes of the read-outs, in full scales |

The query heads of a group share what is counted for each key-value head.
"""


REFERENCE_SUB_TILES = 16
"""Number of sub-tiles of the head whose area a hardware states: a window of 1024 keys, as published."""


class _Optional(Value):
    """A value whose optional fields are written only where they are set, so that older digests stay."""

    unwritten: ClassVar[frozenset[str]] = frozenset()
    """Fields that are left out of the written form while they have their default."""

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = handler(self)
        for name in self.unwritten:
            if getattr(self, name) == type(self).model_fields[name].default:
                values.pop(name, None)
        return values


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


class Events(Value):
    """Energy of digital circuits: a sum over events of the activations."""

    law: Literal["events"] = "events"
    joules: dict[Event, Annotated[float, Field(ge=0)]]
    """Energy of each event, J."""


class Leakage(Value):
    """Power of circuits that leak from one token to the next, whatever they do.

    The query heads of a key-value head share it. A token takes it for one token period.
    """

    law: Literal["leakage"] = "leakage"
    head: float = Field(ge=0)
    """Power per key-value head, apart from its sub-tiles, W."""
    sub_tile: float = Field(ge=0)
    """Power per sub-tile in use, W."""


Law = Annotated[
    Constant
    | CellReads
    | Pulses
    | Conversions
    | Writes
    | DacConversions
    | SubTileOperations
    | StandingPower
    | SupplyLoss
    | Events
    | Leakage,
    Field(discriminator="law"),
]
"""Any law of a stage's energy."""


class StageEnergy(_Optional):
    """One stage of the energy model."""

    unwritten: ClassVar[frozenset[str]] = frozenset({"band"})

    name: str
    """Label for reports."""
    origin: Origin
    """Origin of the number."""
    law: Law
    """Energy as a function of what the stage does."""
    note: str = ""
    """Source of the number: the measurement, the publication, or the formula of an estimate."""
    band: tuple[float, float] | None = None
    """Smallest and largest multiple of an estimate that is plausible; None if the number is no estimate, or
    nothing is known about its error."""

    @model_validator(mode="after")
    def _band_is_around_one(self) -> Self:
        if self.band is not None and not 0 <= self.band[0] <= 1 <= self.band[1]:
            raise ValueError(f"band={self.band} of {self.name!r} must have 1 between its ends")
        return self


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


class AreaPart(Value):
    """Area of one kind of circuit."""

    name: str
    """Label for reports."""
    square_metres: float = Field(ge=0)
    """Area, m^2, once per head or in every sub-tile."""
    per: Literal["head", "sub-tile"]
    """Whether a head has it once, or each of its sub-tiles."""
    note: str = ""
    """Formula."""


class Area(_Optional):
    """Silicon area of one head."""

    unwritten: ClassVar[frozenset[str]] = frozenset({"parts"})

    square_metres: float = Field(gt=0)
    """Area per head, m^2; with `parts`, of a head of `REFERENCE_SUB_TILES` sub-tiles."""
    origin: Origin
    """Origin of the number."""
    note: str = ""
    """What the area includes."""
    parts: tuple[AreaPart, ...] = ()
    """Parts that add up to the area; empty for a number without parts."""

    def of(self, sub_tiles: float) -> float:
        """Area of a head, m^2; without parts it is the same for every number of sub-tiles.

        Args:
            sub_tiles: number of sub-tiles of the head.
        """
        if not self.parts:
            return self.square_metres
        return sum(part.square_metres * (sub_tiles if part.per == "sub-tile" else 1) for part in self.parts)
