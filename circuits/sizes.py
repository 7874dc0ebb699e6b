"""Channels of the transistors that the designs size, within those that a technology has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .device import Device
from .errors import TechnologyError
from .technology import STAND_INS, Technology

_RAMP = {("w_ramp_p", "l_ramp"): ("pmos",), ("w_ramp_n", "l_ramp"): ("nmos",)}
_CHANNELS: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {
    "cell": {
        ("w_wn", "l_w"): ("nmos_write",),
        ("w_wp", "l_w"): ("pmos_write",),
        ("w_ox", "l_ox"): ("oxide",),
        ("w_rn", "l_rn"): ("nmos_read",),
        ("w_rp", "l_rp"): ("pmos_read",),
        ("w_sw", "l_sw"): ("nmos_switch", "pmos_switch"),
    },
    "converter": _RAMP,
    "readout": _RAMP,
    "regulator": {
        ("w_in", "l_in"): ("nmos_read",),
        ("w_mirror", "l_in"): ("pmos_read",),
        ("w_tail", "l_tail"): ("nmos_read",),
        ("w_diode", "l_tail"): ("nmos_read",),
    },
}
"""Roles of the transistors by circuit and by their fields of width and length. The other transistors are
multiples of the smallest channel of the core devices."""


@dataclass(frozen=True)
class Channel:
    """The channel of one transistor of a design."""

    circuit: str
    """Name of the design, such as `cell`."""
    width: str
    """Field of the width."""
    length: str
    """Field of the length."""
    role: str
    """Role of the device."""
    w: float
    """Width, m."""
    l: float  # noqa: E741
    """Length, m."""


def channels(sizes: Mapping[str, Mapping[str, Any]], technology: Technology) -> list[Channel]:
    """Channels of the designs whose role the technology has, apart from write devices that are not used.

    Args:
        sizes: sizes (SI) by design and field.
        technology: technology of the transistors.
    """
    found = []
    oxide = sizes["cell"]["write_device"] == "oxide"
    for circuit, pairs in _CHANNELS.items():
        for (width, length), roles in pairs.items():
            unused = roles == ("oxide",) if not oxide else roles[0].endswith("_write")
            for role in roles:
                if unused or not {role, STAND_INS.get(role)} & technology.devices.keys():
                    continue
                own = sizes[circuit]
                found.append(Channel(circuit, width, length, role, own[width], own[length]))
    return found


def limits(device: Device, field: str) -> tuple[float, float | None]:
    """Smallest and largest value of a field of width (`w_...`) or length of a device, m."""
    return (device.w_min, device.w_max) if field.startswith("w_") else (device.l_min, device.l_max)


def fitted_defaults(defaults: Mapping[str, Mapping[str, Any]], technology: Technology) -> dict[str, Any]:
    """Move default sizes that a technology does not have to the nearest ones that it has.

    Args:
        defaults: default sizes (SI) by design and field.
        technology: technology of the transistors.

    Returns:
        A copy of the sizes with widths and lengths within the limits of all devices that share them.
    """
    sizes = {circuit: dict(fields) for circuit, fields in defaults.items()}
    for channel in channels(sizes, technology):
        for field in (channel.width, channel.length):
            smallest, largest = limits(technology.device(channel.role), field)
            value = max(sizes[channel.circuit][field], smallest)
            sizes[channel.circuit][field] = value if largest is None else min(value, largest)
    return sizes


def require_sizes(sizes: Mapping[str, Mapping[str, Any]], technology: Technology) -> None:
    """Refuse sizes outside the limits of a technology's devices.

    Args:
        sizes: sizes (SI) by design and field.
        technology: technology of the transistors.

    Raises:
        TechnologyError: a width or length that the device of its role does not have; the message has the
            field, its value and the limits.
    """
    for channel in channels(sizes, technology):
        device = technology.device(channel.role)
        for field, value in ((channel.width, channel.w), (channel.length, channel.l)):
            smallest, largest = limits(device, field)
            # A tolerance for values such as 0.42 that a plan has multiplied.
            if smallest * (1 - 1e-9) <= value and (largest is None or value <= largest * (1 + 1e-9)):
                continue
            bound = f"at least {smallest:.4g}" if largest is None else f"{smallest:.4g} to {largest:.4g}"
            kind = "width" if field.startswith("w_") else "length"
            raise TechnologyError(
                f"designs.{channel.circuit}.{field}={value:.4g}: the {kind} of {device.model} "
                f"(devices.{channel.role} of {technology.name}) is {bound} m; set {channel.circuit}.{field} "
                "within that"
            )
