"""Monte Carlo mismatch: a deviation for every transistor in every copy of a sub-circuit.

The netlists of the circuits have no mismatch parameters. `with_mismatch` rewrites a finished deck: it repeats
the sub-circuit and all that it contains with two parameters per transistor, which go down to the `dev_*`
wrappers and are scaled there by Pelgrom's law. The parameters are standard normal numbers drawn outside the
simulator, since ngspice redraws its own random parameters at every use. The same numbers therefore serve
other sizes, corners and write devices.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .errors import TechnologyError
from .runner import Simulation
from .technology import Technology

WRAPPER = "dev_"
"""Prefix of the sub-circuits that wrap a technology's transistors."""

SUFFIX = "_varied"
"""Suffix of the sub-circuits with mismatch parameters."""


@dataclass(frozen=True)
class Transistor:
    """One transistor inside a sub-circuit."""

    path: str
    """Instance names from the top sub-circuit down, such as `xread.xrn`."""
    role: str
    """Its role in the technology, such as `nmos`."""


def transistors(netlist: str, subcircuit: str) -> tuple[Transistor, ...]:
    """Transistors of a sub-circuit.

    Args:
        netlist: deck that defines the sub-circuit.
        subcircuit: its name.

    Returns:
        Transistors in the order of the lines, depth first.

    Raises:
        ValueError: the netlist does not define the sub-circuit.
    """
    return _found(_definitions(_lines(netlist)), subcircuit.lower())


def standard_normals(
    seed: int, circuit: str, devices: Iterable[Transistor], samples: int | Sequence[int]
) -> np.ndarray:
    """Draw the threshold and mobility deviations of the transistors of each sample, in standard deviations.

    Every transistor has its own random stream, seeded by seed, circuit and path. Sample i of `xread.xrn` is
    therefore the same for all sizes, numbers of samples, and sets of other transistors.

    Args:
        seed: seed of the Monte Carlo.
        circuit: name of what is drawn, such as "cell"; circuits with different names are independent.
        devices: transistors, from `transistors`.
        samples: number of samples, counted from 0, or the numbers of the samples wanted.

    Returns:
        N(0, 1) numbers, shape (samples, devices, 2): threshold first, then mobility.
    """
    wanted = np.arange(samples) if isinstance(samples, int) else np.asarray(samples, dtype=int)
    count = int(wanted.max()) + 1
    streams = [
        np.random.default_rng([seed, zlib.crc32(f"{circuit} {device.path}".encode())]) for device in devices
    ]
    return np.stack([stream.standard_normal((count, 2))[wanted] for stream in streams], axis=1)


def with_mismatch(simulation: Simulation, subcircuit: str, normals: np.ndarray) -> Simulation:
    """Give every transistor in the deck's copies of a sub-circuit its deviation.

    Args:
        simulation: simulation whose deck instantiates the copies at its top level.
        subcircuit: name of the sub-circuit.
        normals: standard normal numbers, shape (copies, transistors, 2), copies in the order of the deck,
            transistors in the order of `transistors`; threshold first, then mobility.

    Returns:
        The simulation with the rewritten deck.

    Raises:
        ValueError: the netlist does not define the sub-circuit, or `normals` has another shape.
    """
    lines, top = _lines(simulation.netlist), subcircuit.lower()
    definitions = _definitions(lines)
    devices = _found(definitions, top)
    copies = [i for i in _top_level(lines) if _is_instance(lines[i]) and _target(lines[i])[1] == top]
    if normals.shape != (len(copies), len(devices), 2):
        raise ValueError(
            f"normals: need shape {(len(copies), len(devices), 2)} for {len(copies)} copies of "
            f"{subcircuit} with {len(devices)} transistors, got {normals.shape}"
        )
    for i, deviations in zip(copies, normals.tolist(), strict=True):
        numbers = [
            f"{threshold}={zvt!r} {mobility}={zmu!r}"
            for (threshold, mobility), (zvt, zmu) in zip(map(_names, devices), deviations, strict=True)
        ]
        lines[i] = " ".join([_retargeted(lines[i]), *numbers])
    varied = [line for name in _used(definitions, top) for line in _varied(definitions, name)]
    return replace(simulation, netlist="\n".join([lines[0], *varied, *lines[1:]]) + "\n")


def require_mismatch(technology: Technology, devices: Iterable[Transistor]) -> None:
    """Refuse a Monte Carlo in which some transistors would silently stay nominal.

    Args:
        technology: technology of the deck.
        devices: transistors that are to deviate.

    Raises:
        TechnologyError: the model of a role names no parameter that shifts its threshold.
    """
    for role in sorted({device.role for device in devices}):
        if technology.device(role).threshold_shift is None:
            raise TechnologyError(
                f"technology {technology.name}: devices.{role} names no threshold_shift, so it cannot be "
                "given a mismatch; name the instance parameter that adds to its threshold, such as delvto"
            )


def _lines(netlist: str) -> list[str]:
    """Lines of the netlist with continuation lines joined; the first is the title."""
    joined: list[str] = []
    for line in netlist.rstrip().splitlines():
        if line.startswith("+") and joined:
            joined[-1] += " " + line[1:].strip()
        else:
            joined.append(line)
    return joined


def _definitions(lines: list[str]) -> dict[str, list[str]]:
    """Lines of each sub-circuit by its name, the .subckt line first, without .ends."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in lines:
        word = line.split(maxsplit=1)[0].lower() if line.strip() else ""
        if word == ".subckt":
            current = found.setdefault(line.split()[1].lower(), [line])
        elif word == ".ends":
            current = None
        elif current is not None:
            current.append(line)
    return found


def _top_level(lines: list[str]) -> list[int]:
    """Positions of the lines outside all sub-circuits, without the title."""
    inside, positions = False, []
    for i, line in enumerate(lines[1:], start=1):
        word = line.split(maxsplit=1)[0].lower() if line.strip() else ""
        if word in (".subckt", ".ends"):
            inside = word == ".subckt"
        elif not inside:
            positions.append(i)
    return positions


def _is_instance(line: str) -> bool:
    return line[:1] in ("x", "X")


def _target(line: str) -> tuple[int, str]:
    """Position of the sub-circuit's name among the words of an X line, and the name in lower case."""
    words = line.split()
    position = next((i for i, word in enumerate(words) if "=" in word), len(words)) - 1
    return position, words[position].lower()


def _retargeted(line: str) -> str:
    """The X line with the sub-circuit that has mismatch parameters in place of the plain one."""
    words = line.split()
    words[_target(line)[0]] += SUFFIX
    return " ".join(words)


def _names(device: Transistor) -> tuple[str, str]:
    """Names of the parameters of the top sub-circuit that hold a transistor's two numbers."""
    path = device.path.replace(".", "_")
    return f"zvt_{path}", f"zmu_{path}"


def _found(definitions: dict[str, list[str]], name: str) -> tuple[Transistor, ...]:
    """Transistors of a sub-circuit, depth first."""
    if name not in definitions:
        raise ValueError(f"the netlist defines no sub-circuit {name!r}")
    found: list[Transistor] = []
    for line in definitions[name][1:]:
        if not _is_instance(line):
            continue
        own, target = line.split()[0].lower(), _target(line)[1]
        if target.startswith(WRAPPER):
            found.append(Transistor(own, target.removeprefix(WRAPPER)))
        else:
            below = _found(definitions, target)
            found += [Transistor(f"{own}.{device.path}", device.role) for device in below]
    return tuple(found)


def _used(definitions: dict[str, list[str]], name: str) -> list[str]:
    """Names of the sub-circuit and of all sub-circuits with transistors inside it."""
    names = [name]
    for line in definitions[name][1:]:
        if _is_instance(line) and not (target := _target(line)[1]).startswith(WRAPPER):
            names += [below for below in _used(definitions, target) if below not in names]
    return names


def _varied(definitions: dict[str, list[str]], name: str) -> list[str]:
    """Lines of the sub-circuit with mismatch parameters, each passed down to its transistor."""
    header, *body = definitions[name]
    words = header.split()
    words[1] += SUFFIX
    parameters = [f"{name}=0" for device in _found(definitions, name) for name in _names(device)]
    lines = [" ".join([*words, *parameters])]
    for line in body:
        if not _is_instance(line):
            lines.append(line)
            continue
        own, target = line.split()[0].lower(), _target(line)[1]
        if target.startswith(WRAPPER):
            lines.append(f"{line} zvt={{zvt_{own}}} zmu={{zmu_{own}}}")
            continue
        inner = [inside for device in _found(definitions, target) for inside in _names(device)]
        handed = [f"{inside}={{{inside[:4]}{own}_{inside[4:]}}}" for inside in inner]
        lines.append(" ".join([_retargeted(line), *handed]))
    return [*lines, f".ends {words[1]}"]
