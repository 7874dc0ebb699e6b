"""Heads of more dimensions than the arrays have rows: how many sub-arrays they take, and how long."""

from __future__ import annotations

from ..circuits.errors import HardwareError
from .hardware import Hardware

SIGNED_CONVERSION = "signed conversion and count"
"""Name of the phase of `Timing` in which the signed converters work."""


def row_tiles_of(depth: int, hardware: Hardware) -> int:
    """Number of row tiles of the K array of a head.

    Args:
        depth: head dimension D.
        hardware: size of the arrays and query scheme.

    Returns:
        1 where the head fits on the rows of one array; there charges add on one bit line.
    """
    if hardware.kind != "gain-cell" or depth <= hardware.rows:
        return 1
    rows = depth * (2 if hardware.signed_query == "mirrored" else 1)
    return -(-rows // hardware.columns)


def passes_of(hardware: Hardware) -> int:
    """Number of conversions of each row tile for one query.

    Args:
        hardware: query scheme.
    """
    return 2 if hardware.signed_query == "two-phase" else 1


def latency_of(hardware: Hardware, row_tiles: int) -> float | None:
    """Latency of one token in one layer, s; None: the hardware states no timing.

    Row tiles work at the same time. Each pass adds a signed conversion before the pulses of the second
    product, and each pass but the first a reset, counted as long as a conversion. The digital sum takes no
    time of its own, like the sum over sub-tiles.

    Args:
        hardware: timing and query scheme.
        row_tiles: number of row tiles.

    Raises:
        HardwareError: row tiles on hardware whose timing does not tell the signed conversion apart.
    """
    if hardware.timing is None or row_tiles == 1:
        return None if hardware.timing is None else hardware.timing.latency
    found = [phase.seconds for phase in hardware.timing.phases if phase.name == SIGNED_CONVERSION]
    if not found:
        raise HardwareError(
            f"hardware {hardware.name!r} states the time of heads of at most {hardware.rows} dimensions "
            "only; give token_period, or take hardware that `gaincell fit` made, such as generic28"
        )
    return hardware.timing.latency + (2 * passes_of(hardware) - 1) * found[0]
