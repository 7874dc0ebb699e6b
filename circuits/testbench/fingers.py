"""Circuits wider than the models of a technology, as parallel copies."""

from __future__ import annotations

from math import ceil

from .bench import Condition


def fingers(
    condition: Condition, width: float, parameter: str = "", value: float = 0.0
) -> dict[str, float | int]:
    """Parameters that divide a circuit among parallel copies, where a transistor exceeds the models' width.

    With one copy nothing is returned, so that the deck of a technology without such limits stays as it is.

    Args:
        condition: technology.
        width: width of its widest transistor, m.
        parameter: parameter that makes it so wide; none: the caller divides.
        value: value of the parameter for the whole circuit.

    Returns:
        Multiplier and parameter of the copies; empty if one is enough.
    """
    limits = [
        device.w_max for device in condition.technology.devices.values() if getattr(device, "w_max", None)
    ]
    count = ceil(width / min(limits)) if limits else 1
    if count == 1:
        return {}
    return {"m": count} | ({parameter: value / count} if parameter else {})
