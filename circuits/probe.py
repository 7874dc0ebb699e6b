"""Check of a technology before a long run: the operating point of every device."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from .designs import Designs
from .errors import TechnologyError
from .runner import Result, Simulation, simulate
from .sizes import channels
from .status import Status
from .technology import Technology

ON_CURRENT = (1.0, 1e5)
"""Range of the drain current per width of a fully switched-on transistor of any process, A/m."""

NOT_OF_THE_TECHNOLOGY = frozenset(
    {Status.CRASHED, Status.TIMEOUT, Status.NOT_FINITE, Status.MISSING_SIMULATOR}
)
"""Failures whose reason is the machine or the simulator, such as too little memory."""


def probe(
    technology: Technology, corner: str, temperature: float | None = None, *, simulator: str = "ngspice"
) -> None:
    """Switch on every device of a technology in one short simulation; refuse a technology that cannot work.

    Args:
        technology: a loaded technology.
        corner: name of the corner.
        temperature: temperature, Celsius; that of the technology by default.
        simulator: one of `runner.SIMULATORS`.

    Raises:
        TechnologyError: the simulator cannot load the sections of the corner, does not know a device's model
            or parameters, or the current of a core transistor lies outside `ON_CURRENT` (width in
            micrometres, wrong polarity or terminals). The message names the key to correct in the
            technology's file.
        SimulationError: the simulator cannot be run, or was ended.
    """
    roles = tuple(technology.devices)
    result = _on(technology, corner, temperature, _smallest(technology, roles), simulator)
    if result.status in NOT_OF_THE_TECHNOLOGY:
        result.require()
    if not result.ok:
        _explain(technology, corner, temperature, result, simulator)
    waves = result.require()
    for role in ("nmos", "pmos"):
        device = technology.device(role)
        current = abs(float(waves[f"i(v{roles.index(role)}_{role})"][0])) / (10 * device.w_min)
        if not ON_CURRENT[0] < current < ON_CURRENT[1]:
            raise TechnologyError(
                f"technology {technology.name}, corner {corner}: devices.{role} ({device.model}) carries "
                f"{current:.3g} A per metre of width when fully on; check that the model takes w and l in "
                "metres, and the device's `polarity` and `ports`"
            )


def probe_sizes(
    technology: Technology,
    corner: str,
    temperature: float | None,
    designs: Designs,
    circuits: Collection[str],
    *,
    simulator: str = "ngspice",
) -> None:
    """Simulate the transistors of some designs at their sizes; refuse sizes for which a kit has no model.

    The sizes lie within the limits of the devices (`sizes.require_sizes`); between them a kit's bins may
    leave gaps.

    Args:
        technology: a loaded technology that has passed `probe`.
        corner: name of the corner.
        temperature: temperature, Celsius; that of the technology by default.
        designs: sizes.
        circuits: names of the designs to simulate.
        simulator: one of `runner.SIMULATORS`.

    Raises:
        TechnologyError: a binned model has no bin for a width and length. The message names the sizes.
        SimulationError: the simulator cannot be run, or was ended.
    """
    wanted = [c for c in channels(designs.model_dump(), technology) if c.circuit in circuits]
    sized = [(channel.role, channel.w, channel.l) for channel in wanted]
    if _on(technology, corner, temperature, sized, simulator).ok:
        return
    for channel, size in zip(wanted, sized, strict=True):
        result = _on(technology, corner, temperature, [size], simulator)
        if result.status in NOT_OF_THE_TECHNOLOGY:
            result.require()
        if not result.ok:
            device = technology.device(channel.role)
            names = f"{channel.width} and {channel.length}"
            raise TechnologyError(
                f"technology {technology.name}, corner {corner}: {simulator} has no {device.model} with "
                f"w={channel.w:.3g} l={channel.l:.3g} ({names} of the {channel.circuit}, "
                f"devices.{channel.role}): {_words(result)}; set {names} in "
                f"[designs.{channel.circuit}] within the bins of the model "
                f"(w_min={device.w_min:.3g} l_min={device.l_min:.3g})"
            )


def _explain(
    technology: Technology, corner: str, temperature: float | None, failed: Result, simulator: str
) -> None:
    """Simulate the sections and each device alone, and raise the TechnologyError that names the culprit."""
    where = f"technology {technology.name}, corner {corner}"
    alone = _on(technology, corner, temperature, (), simulator)
    if alone.status in NOT_OF_THE_TECHNOLOGY:
        alone.require()
    if not alone.ok:
        sections = ", ".join(repr(section) for section in technology.sections(corner))
        raise TechnologyError(
            f"{where}: {simulator} cannot load the sections {sections} of {technology.library}: "
            f"{_words(alone)}; correct `corners.{corner}` or `library`"
        )
    for role, device in technology.devices.items():
        result = _on(technology, corner, temperature, _smallest(technology, (role,)), simulator)
        if result.status in NOT_OF_THE_TECHNOLOGY:
            result.require()
        if not result.ok:
            size = f"w={10 * device.w_min:.3g} l={device.l_min:.3g}"
            raise TechnologyError(
                f"{where}: {simulator} cannot simulate devices.{role} ({device.kind} {device.model}, "
                f"{size}): {_words(result)}; correct its `model`, `kind`, `ports` or parameter names, "
                f"or the sections in `corners.{corner}`"
            )
    raise TechnologyError(f"{where}: {_words(failed)}. {failed.status.remedy}")


def _words(result: Result) -> str:
    """Message of the simulator with single spaces."""
    return " ".join(result.message.split())


def _smallest(technology: Technology, roles: Iterable[str]) -> list[tuple[str, float, float]]:
    """Roles with 10 times the smallest width and the shortest length, m."""
    devices = [(role, technology.device(role)) for role in roles]
    return [(role, 10 * device.w_min, device.l_min) for role, device in devices]


def _on(
    technology: Technology,
    corner: str,
    temperature: float | None,
    sized: Sequence[tuple[str, float, float]],
    simulator: str,
) -> Result:
    """Operating point of devices with gate and drain at the supply, of (role, width, length) each, m."""
    lines = [f"* devices of {technology.name}", technology.header(corner, temperature)]
    lines += [f"vone one 0 {technology.vdd!r}", "rone one 0 1meg"]
    saved = ["i(vone)"]
    for i, (role, width, length) in enumerate(sized):
        name = f"{i}_{role}"
        volts = technology.vdd if technology.device(role).polarity == "n" else -technology.vdd
        lines += [
            f"v{name} d{name} 0 {volts!r}",
            f"vg{name} g{name} 0 {volts!r}",
            f"x{name} d{name} g{name} 0 0 dev_{role} w={width!r} l={length!r}",
        ]
        saved.append(f"i(v{name})")
    lines += [".op", ".save " + " ".join(saved), ".end"]
    return simulate(Simulation("\n".join(lines), timeout=120.0), retry=False, simulator=simulator)
