"""Check of a technology before a long run: the operating point of every device."""

from __future__ import annotations

from collections.abc import Mapping

from .designs import GainCell
from .errors import TechnologyError
from .runner import Result, Simulation, simulate
from .status import Status
from .technology import STAND_INS, Technology

ON_CURRENT = (1.0, 1e5)
"""Range of the drain current per width of a fully switched-on transistor of any process, A/m."""

NOT_OF_THE_TECHNOLOGY = frozenset(
    {Status.CRASHED, Status.TIMEOUT, Status.NOT_FINITE, Status.MISSING_SIMULATOR}
)
"""Failures whose reason is the machine or the simulator, such as too little memory."""


def probe(technology: Technology, corner: str, temperature: float | None = None) -> None:
    """Switch on every device of a technology in one short simulation; refuse a technology that cannot work.

    Args:
        technology: a loaded technology.
        corner: name of the corner.
        temperature: temperature, Celsius; that of the technology by default.

    Raises:
        TechnologyError: ngspice cannot load the sections of the corner or does not know a device's model or
            parameters, or the current of a core transistor lies outside `ON_CURRENT` (width in micrometres,
            wrong polarity or terminals). The message names the key of the technology's file to correct.
        SimulationError: ngspice cannot be run, or was ended.
    """
    roles = tuple(technology.devices)
    result = _on(technology, corner, temperature, roles)
    if result.status in NOT_OF_THE_TECHNOLOGY:
        result.require()
    if not result.ok:
        _explain(technology, corner, temperature, result)
    waves = result.require()
    for role in ("nmos", "pmos"):
        device = technology.device(role)
        current = abs(float(waves[f"i(v{role})"][0])) / (10 * device.w_min)
        if not ON_CURRENT[0] < current < ON_CURRENT[1]:
            raise TechnologyError(
                f"technology {technology.name}, corner {corner}: devices.{role} ({device.model}) carries "
                f"{current:.3g} A per metre of width when fully on; check that the model takes w and l in "
                "metres, and the device's `polarity` and `ports`"
            )


def probe_cell(technology: Technology, corner: str, temperature: float | None, cell: GainCell) -> None:
    """Simulate the transistors of a cell at their sizes; refuse sizes for which a kit has no model.

    Args:
        technology: a loaded technology that has passed `probe`.
        corner: name of the corner.
        temperature: temperature, Celsius; that of the technology by default.
        cell: sizes.

    Raises:
        TechnologyError: a binned model has no bin for a width and length. The message names the sizes.
        SimulationError: ngspice cannot be run, or was ended.
    """
    pairs = {
        "nmos_read": ("w_rn", "l_rn"),
        "pmos_read": ("w_rp", "l_rp"),
        "nmos_switch": ("w_sw", "l_sw"),
        "pmos_switch": ("w_sw", "l_sw"),
    }
    if cell.write_device == "oxide":
        pairs |= {"oxide": ("w_ox", "l_ox")}
    else:
        pairs |= {"nmos_write": ("w_wn", "l_w"), "pmos_write": ("w_wp", "l_w")}
    sizes = {
        role: (getattr(cell, width), getattr(cell, length))
        for role, (width, length) in pairs.items()
        if role in technology.devices or role in STAND_INS
    }
    if _on(technology, corner, temperature, tuple(sizes), sizes).ok:
        return
    for role, (width, length) in sizes.items():
        result = _on(technology, corner, temperature, (role,), sizes)
        if result.status in NOT_OF_THE_TECHNOLOGY:
            result.require()
        if not result.ok:
            device = technology.device(role)
            names = " and ".join(pairs[role])
            raise TechnologyError(
                f"technology {technology.name}, corner {corner}: ngspice has no {device.model} with "
                f"w={width:.3g} l={length:.3g} ({names} of the cell, devices.{role}): {_words(result)}; set "
                f"{names} in [designs.cell] within the bins of the model (w_min={device.w_min:.3g} "
                f"l_min={device.l_min:.3g})"
            )


def _explain(technology: Technology, corner: str, temperature: float | None, failed: Result) -> None:
    """Simulate the sections and each device alone, and raise the TechnologyError that names the culprit."""
    where = f"technology {technology.name}, corner {corner}"
    alone = _on(technology, corner, temperature, ())
    if alone.status in NOT_OF_THE_TECHNOLOGY:
        alone.require()
    if not alone.ok:
        sections = ", ".join(repr(section) for section in technology.sections(corner))
        raise TechnologyError(
            f"{where}: ngspice cannot load the sections {sections} of {technology.library}: {_words(alone)}; "
            f"correct `corners.{corner}` or `library`"
        )
    for role, device in technology.devices.items():
        result = _on(technology, corner, temperature, (role,))
        if result.status in NOT_OF_THE_TECHNOLOGY:
            result.require()
        if not result.ok:
            size = f"w={10 * device.w_min:.3g} l={device.l_min:.3g}"
            raise TechnologyError(
                f"{where}: ngspice cannot simulate devices.{role} ({device.kind} {device.model}, {size}): "
                f"{_words(result)}; correct its `model`, `kind`, `ports` or parameter names, or the sections "
                f"in `corners.{corner}`"
            )
    raise TechnologyError(f"{where}: {_words(failed)}. {failed.status.remedy}")


def _words(result: Result) -> str:
    """Message of the simulator with single spaces."""
    return " ".join(result.message.split())


def _on(
    technology: Technology,
    corner: str,
    temperature: float | None,
    roles: tuple[str, ...],
    sizes: Mapping[str, tuple[float, float]] | None = None,
) -> Result:
    """Operating point of one device per role, gate and drain at the supply.

    Width and length (m) of each role are in `sizes`: 10 times the smallest width by default.
    """
    lines = [f"* devices of {technology.name}", technology.header(corner, temperature)]
    lines += [f"vone one 0 {technology.vdd!r}", "rone one 0 1meg"]
    for role in roles:
        device = technology.device(role)
        width, length = (10 * device.w_min, device.l_min) if sizes is None else sizes[role]
        volts = technology.vdd if device.polarity == "n" else -technology.vdd
        lines += [
            f"v{role} d{role} 0 {volts!r}",
            f"vg{role} g{role} 0 {volts!r}",
            f"x{role} d{role} g{role} 0 0 dev_{role} w={width!r} l={length!r}",
        ]
    lines += [".op", ".save i(vone) " + " ".join(f"i(v{role})" for role in roles), ".end"]
    return simulate(Simulation("\n".join(lines), timeout=120.0), retry=False)
