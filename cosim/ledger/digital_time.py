"""Time of the digital circuits before and after one attention operation, from the clocks of their Verilog."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...models import Hardware

FRACTION = 8
"""Bits after the point of a normalised output, as in `circuits.digital.Periphery`."""


@dataclass(frozen=True)
class DigitalTime:
    """Time that scalers and sums of one token take in one layer."""

    scalers: int
    """Number of scalers of each signal of a head."""
    hidden: bool
    """Whether they work beside operations of other layers or sequences and add nothing to the latency."""
    scaling_s: float
    """Scaling of query, key and value side by side, and as long again of the output, s."""
    clock_s: float
    """Period of the clock, s: the sum over sub-tiles takes one for each."""
    sub_tiles: int
    """Number of sub-tiles in use."""
    division_s: float
    """Division by the normalising column's sum, s; 0 without one."""

    @property
    def sums_s(self) -> float:
        """Sums over sub-tiles, s."""
        return self.sub_tiles * self.clock_s

    @property
    def total_s(self) -> float:
        """All of it, one after the other, s."""
        return 2 * self.scaling_s + self.sums_s + self.division_s

    @property
    def added_s(self) -> float:
        """What it adds to the latency, s."""
        return 0.0 if self.hidden else self.total_s

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        times = {name: getattr(self, name) for name in ("scaling_s", "sums_s", "division_s", "total_s")}
        return {"scalers": self.scalers, "hidden": self.hidden, **times}


def digital_time(
    hardware: Hardware, head_dim: int, sub_tiles: float, scalers: int | None = None
) -> DigitalTime:
    """Time by the clock of the query levels.

    A scaler takes one element per clock and gives it two clocks later (`scaler.v`); an accumulator takes one
    sub-tile per clock (`tile_accumulator.v`); a divider gives one bit per clock after one to start
    (`divider.v`).

    Args:
        hardware: its longest pulse, levels and normalising column are used.
        head_dim: elements of each signal.
        sub_tiles: sub-tiles in use.
        scalers: scalers of each signal, in a row with the operation; None: one, hidden behind other work.

    Raises:
        ValueError: no scaler.
    """
    count = 1 if scalers is None else scalers
    if count < 1:
        raise ValueError(f"scalers={count} must be at least 1")
    clock = hardware.t_pulse_max / (hardware.levels.query - 1)
    tiles, division = math.ceil(sub_tiles), 0
    if hardware.normaliser is not None:
        largest = tiles * (hardware.levels.output // 2 - 1)
        division = 1 + largest.bit_length() + 1 + FRACTION
    return DigitalTime(
        scalers=count,
        hidden=scalers is None,
        scaling_s=(math.ceil(head_dim / count) + 1) * clock,
        clock_s=clock,
        sub_tiles=tiles,
        division_s=division * clock,
    )
