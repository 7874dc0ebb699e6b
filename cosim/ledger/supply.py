"""Loss of the regulator between the chip's supply and the arrays'."""

from __future__ import annotations

from collections.abc import Sequence

from ...models.cost import StageEnergy
from .ledger import LedgerEntry


def loss_entries(stage: StageEnergy, entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Loss of a regulator, apart for what grows with keys, sub-tiles and tokens.

    Args:
        stage: stage with the law `SupplyLoss`.
        entries: entries of the stages before it, which the regulator feeds some of.

    Returns:
        One entry for each layer, head and quantity that the fed energies grow with.
    """
    fed: dict[tuple, float] = {}
    for entry in entries:
        if entry.stage in stage.law.stages:
            key = entry.layer, entry.head, entry.per
            fed[key] = fed.get(key, 0.0) + entry.energy_J
    return [
        LedgerEntry(stage.name, layer, head, stage.law.share * energy, stage.origin, per)
        for (layer, head, per), energy in fed.items()
    ]
