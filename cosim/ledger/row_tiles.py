"""Stages of the energy model for a head whose K array is spread over row tiles.

The tiles are sub-arrays of the V array's kind, one conversion of each for every key and pass. What the model
states for a bank of ReLU converters is therefore taken from that of signed ones, once per row tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...circuits.errors import HardwareError
from ...models import Constant, Hardware, SubTileOperations
from ...models.cost import StageEnergy
from ...models.row_tiles import passes_of, row_tiles_of
from .ledger import LedgerEntry

FIRST, SECOND = "ReLU ", "signed "
"""How the names of stages of the first and of the second converters begin."""
SWAP = "swap of the capacitors' plates"
"""Stage that belongs to ReLU converters of two phases alone."""
RENAMED = "row tiles: "
"""Stands before the name of the stage whose law the row tiles take."""


@dataclass(frozen=True)
class SubArrays:
    """Sub-arrays of one head for the keys of one sub-tile."""

    first: int
    """Of the K array: its row tiles."""
    second: int
    """Of the V array: its columns lie on as many sub-arrays as the head has times the arrays' rows."""
    passes: int
    """Conversions of each row tile for one query."""

    @classmethod
    def of(cls, head_dim: int, hardware: Hardware) -> SubArrays:
        """Sub-arrays of a head.

        Args:
            head_dim: head dimension D.
            hardware: size of the arrays and query scheme.
        """
        second = -(-head_dim // hardware.rows)
        return cls(row_tiles_of(head_dim, hardware), max(1, second), passes_of(hardware))

    @property
    def is_spread(self) -> bool:
        """Whether the head has row tiles."""
        return self.first > 1


ONE = SubArrays(1, 1, 1)
"""A head on one K and one V array."""


@dataclass(frozen=True)
class CountedStage:
    """A stage and how often a sub-tile has it."""

    stage: StageEnergy
    name: str
    """Name of its entries, until `renamed`."""
    times: float = 1.0
    """Number of times of what is stated per sub-tile."""


def stages_of(hardware: Hardware, arrays: SubArrays) -> Iterator[CountedStage]:
    """Stages of the hardware's energy model for a head, in its order.

    What is stated for both arrays of a sub-tile together (clocks, leakage of cells, drivers) counts as often
    as there are pairs of sub-arrays.

    Args:
        hardware: hardware with an energy model.
        arrays: sub-arrays of the head.

    Raises:
        HardwareError: row tiles, and an energy that is stated for a head of one array.
    """
    stages = {stage.name: stage for stage in hardware.energy.stages}
    for name, stage in stages.items():
        if not arrays.is_spread:
            yield CountedStage(stage, name)
            continue
        if isinstance(stage.law, Constant):
            raise HardwareError(
                f"hardware {hardware.name!r} states {name!r} for heads of at most {hardware.rows} "
                "dimensions; account on hardware with laws, such as generic28"
            )
        operated = arrays.passes if isinstance(stage.law, SubTileOperations) else 1
        if name.startswith(FIRST):
            partner = SECOND + name.removeprefix(FIRST)
            if partner not in stages:
                raise HardwareError(
                    f"hardware {hardware.name!r} states no {partner!r}, which row tiles need; fit it again"
                )
            operated = arrays.passes if isinstance(stages[partner].law, SubTileOperations) else 1
            yield CountedStage(stages[partner], name, float(arrays.first * operated))
        elif name.startswith(SECOND):
            yield CountedStage(stage, name, float(arrays.second))
        elif name != SWAP:
            yield CountedStage(stage, name, (arrays.first * operated + arrays.second) / 2)


def renamed(entries: list[LedgerEntry], arrays: SubArrays) -> list[LedgerEntry]:
    """Entries of a head with row tiles, under names that say that its first converters are signed ones.

    Args:
        entries: entries by the hardware's own names.
        arrays: sub-arrays of the head.
    """
    if not arrays.is_spread:
        return entries
    return [
        replace(entry, stage=RENAMED + SECOND + entry.stage.removeprefix(FIRST))
        if entry.stage.startswith(FIRST)
        else entry
        for entry in entries
    ]
