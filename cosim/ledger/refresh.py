"""Energy of writing keys and values again, where the window outlives the retention of the cells."""

from __future__ import annotations

from collections import defaultdict
from math import ceil

from ...models import Hardware, Writes
from .ledger import Ledger, LedgerEntry

STAGE = "refresh"
"""Name of the stage."""
BAND = (0.5, 2.0)
"""Plausible multiples: most levels hold longer than the worst one, whose period all cells have; the read of
the digital copy may take as much as the write."""


def refresh_entries(ledger: Ledger, hardware: Hardware) -> tuple[LedgerEntry, ...]:
    """Energy of refreshes, for each head of the layers that need them; empty if every key lives long enough.

    A key that is needed for n retention times, begun ones counted, is written n - 1 times more. A token
    brings one key, so it pays for these writes. The digital copy that is read for them is not counted.

    Args:
        ledger: ledger of the hardware, with the retention margin.
        hardware: the hardware.
    """
    if ledger.retention is None or hardware.energy is None:
        return ()
    writes = {stage.name for stage in hardware.energy.stages if isinstance(stage.law, Writes)}
    once: dict[tuple[str, int], float] = defaultdict(float)
    for entry in ledger.entries:
        if entry.stage in writes:
            once[entry.layer, entry.head] += entry.energy_J
    period = ledger.retention.needed_s / max(use.keys for use in ledger.layers)
    again = {
        use.layer: max(ceil(use.keys * period / ledger.retention.retention_s) - 1, 0) for use in ledger.layers
    }
    return tuple(
        LedgerEntry(STAGE, layer, head, again[layer] * joules, "estimate", "key", BAND)
        for (layer, head), joules in once.items()
        if again[layer]
    )
