"""CMOS technologies: device roles mapped onto a SPICE library, which ngspice reads unchanged.

Netlists name roles (`dev_nmos`), never model cards. A TOML file beside the library maps each role to a model
card or to a sub-circuit of the foundry, so the same designs run in any technology.
"""

from __future__ import annotations

import hashlib
import tomllib
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from .device import Device, ParameterName, PelgromMismatch
from .errors import TechnologyError
from .library import LibraryFile, content_digest, library_files
from .settings import Settings

SHIPPED_TECHNOLOGIES = Path(__file__).parent / "technologies"
"""Folder of the shipped technologies, one sub-folder each."""

STAND_INS = {
    "nmos_read": "nmos",
    "pmos_read": "pmos",
    "nmos_switch": "nmos",
    "pmos_switch": "pmos",
    "nmos_write": "nmos_hvt",
    "pmos_write": "pmos_hvt",
}
"""Roles of the cell's three pairs of transistors, and the role whose device is used where a technology leaves
them out. The stored charge is on the gates of the read transistors and on the drains of the write
transistors: where the core device's gate or drain leaks, the technology names a device with a thicker oxide.
The leakage of an idle cell flows through the switches."""

PACKAGE = "package:"
"""Prefix of a library path inside an installed Python package: `package:NAME/PATH`, NAME as pip knows it."""

ModuleName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
"""Type of a model card, in lower case."""
CornerName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Name of a corner, on one line."""
SectionName = Annotated[str, Field(pattern=r"^(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*)?$")]
"""Name of a section of a library; empty for the whole file."""


class Technology(Settings):
    """A SPICE library, its corners, and the models of the device roles."""

    name: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$")]
    """Name of the technology, on one line."""
    description: str
    """One line about the technology."""
    library: Path
    """SPICE library. In the TOML file: path relative to that file, or `package:NAME/PATH` for a file of an
    installed Python package. After loading: absolute path."""
    vdd: float = Field(gt=0, le=1000)
    """Nominal supply voltage, V."""
    temperature: float = Field(gt=-273.15, le=1000)
    """Nominal temperature, Celsius (as SPICE)."""
    corners: dict[CornerName, Annotated[tuple[SectionName, ...], Field(min_length=1)]] = Field(min_length=1)
    """Sections (.lib) of the library by corner, in the order of loading; "" includes the whole file."""
    devices: dict[ParameterName, Device]
    """Devices by role: nmos, pmos, nmos_hvt, pmos_hvt, oxide, and those of `STAND_INS`."""
    l_diffusion: float | None = Field(None, ge=0, le=1e-3)
    """Length of the source and drain regions between gate and isolation, m, from which model cards get the
    area w l_diffusion and the perimeter 2 (w + l_diffusion) of each junction, the edge at the gate included
    (BSIM4's permod = 1). Needed where a device is a model card."""
    mismatch: PelgromMismatch
    """Coefficients of the mismatch between neighbouring transistors."""
    modules: dict[ModuleName, Path] = {}
    """Compiled Verilog-A modules (OSDI) by the type of the model cards that need them, for VACASK. In the
    TOML file: paths as of `library`. They are native code, which a simulation runs."""
    designs: dict[str, dict[str, Any]] = {}
    """Sizes (SI) that differ from the defaults of the designs, by design and field."""

    @model_validator(mode="after")
    def _needs_core_devices(self) -> Technology:
        if missing := {"nmos", "pmos"} - self.devices.keys():
            raise ValueError(f"devices must include nmos and pmos; missing {', '.join(sorted(missing))}")
        return self

    @model_validator(mode="after")
    def _cards_need_junctions(self) -> Technology:
        cards = [role for role, device in self.devices.items() if device.kind == "mos"]
        if cards and self.l_diffusion is None:
            raise ValueError(
                f"devices.{cards[0]} is a model card, whose junctions ngspice takes to have no area; set "
                "l_diffusion, the length of source and drain in metres"
            )
        return self

    @classmethod
    def load(cls, name_or_path: str | Path) -> Technology:
        """Load a technology.

        Args:
            name_or_path: name of a shipped technology, or path of a TOML file (suffix `.toml`).

        Raises:
            TechnologyError: unknown name (the message lists the known ones), malformed TOML (with the path
                of the offending key), missing library file, missing package of the library, or a library
                with a reference or a command that is refused (see `library`).
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
        library = _library_file(path, str(loaded.library))
        modules = {name: _library_file(path, str(file), "modules") for name, file in loaded.modules.items()}
        if not str(library).isprintable():
            raise TechnologyError(
                f"{path}: library: {str(library)!r} has a control character; rename the file"
            )
        for file in modules.values():
            if not str(file).isprintable() or '"' in str(file):
                raise TechnologyError(
                    f"{path}: modules: {str(file)!r} has a quote or control character; rename the file"
                )
        technology = loaded.model_copy(update={"library": library, "modules": modules})
        _ = technology.copies  # refuses a library that cannot be found as a whole
        return technology

    def device(self, role: str) -> Device:
        """The device of a role, or its stand-in (see `STAND_INS`).

        Raises:
            TechnologyError: the technology has neither; the message lists its roles.
        """
        played_by = role if role in self.devices else STAND_INS.get(role, role)
        if played_by not in self.devices:
            known = ", ".join(self.devices)
            raise TechnologyError(f"technology {self.name} has no device {role!r}; it has {known}")
        return self.devices[played_by]

    @property
    def l_min(self) -> float:
        """Shortest channel length that both core devices allow, m."""
        return max(self.devices[role].l_min for role in ("nmos", "pmos"))

    @property
    def w_min(self) -> float:
        """Narrowest channel width that both core devices allow, m."""
        return max(self.devices[role].w_min for role in ("nmos", "pmos"))

    def sections(self, corner: str) -> tuple[str, ...]:
        """Library sections of a corner.

        Raises:
            TechnologyError: unknown corner; the message lists the known ones.
        """
        if corner not in self.corners:
            known = ", ".join(self.corners)
            raise TechnologyError(f"technology {self.name} has no corner {corner!r}; use one of {known}")
        return self.corners[corner]

    def header(self, corner: str, temperature: float | None = None) -> str:
        """SPICE text that opens every netlist: library sections, .temp, a `dev_<role>` wrapper per role.

        It also sets the global parameters `l_min` and `w_min` (m), which the netlists of the gates use.

        Args:
            corner: name of the corner.
            temperature: temperature, Celsius; the nominal one by default.

        Raises:
            TechnologyError: unknown corner.
        """
        celsius = self.temperature if temperature is None else temperature
        lines = [
            f'.lib "{self.library}" {section}' if section else f'.include "{self.library}"'
            for section in self.sections(corner)
        ]
        lines += [f'.hdl "{file}" {kind}' for kind, file in self.modules.items()]
        lines.append(f".temp {float(celsius)!r}")
        lines.append(f".param l_min={self.l_min!r} w_min={self.w_min!r}")
        stand_ins = (role for role, other in STAND_INS.items() if other in self.devices)
        roles = dict.fromkeys((*self.devices, *stand_ins))
        lines += [self.device(role).wrapper(role, self.mismatch, self.l_diffusion) for role in roles]
        return "\n".join(lines) + "\n"

    @cached_property
    def copies(self) -> tuple[LibraryFile, ...]:
        """The library and every file that it loads, with the places of their copies; the library first.

        Raises:
            TechnologyError: a reference or a command in the library that is refused (see `library`).
        """
        return library_files(self.library, self._used_sections())

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Absolute paths of the library and of every file that it loads, directly or indirectly."""
        return tuple(file.path for file in self.copies)

    @cached_property
    def digest(self) -> str:
        """sha256 of the technology's values and of all library files, independent of their location."""
        # What is not stated is left out, so that a new optional value leaves other digests as they are.
        optional = ("l_max", "w_max", "mismatch")
        unset = {
            role: {name for name in optional if getattr(device, name) is None}
            for role, device in self.devices.items()
        }
        left_out = {"library": True, "description": True, "modules": True, "devices": unset}
        if not self.l_diffusion:
            left_out["l_diffusion"] = True
        values = self.model_dump_json(exclude=left_out)
        return hashlib.sha256((values + self.library_digest).encode()).hexdigest()

    @cached_property
    def library_digest(self) -> str:
        """sha256 of the library, all files that it includes and the modules, when it was first asked for."""
        return self._content(self.copies)

    def require_unchanged(self) -> None:
        """Check that the library on disk is still the one of `library_digest`.

        Raises:
            TechnologyError: a file has changed, or is no longer there.
        """
        try:
            present = self._content(library_files(self.library, self._used_sections()))
        except (OSError, TechnologyError):
            present = None
        if present != self.library_digest:
            raise TechnologyError(
                f"the library {self.library}, or a file that it loads, has changed during the run; run the "
                "same command again when it is complete"
            )

    def _content(self, files: tuple[LibraryFile, ...]) -> str:
        digest = content_digest(files)
        for path in self.modules.values():
            digest = hashlib.sha256(digest.encode() + path.name.encode() + path.read_bytes()).hexdigest()
        return digest

    def _used_sections(self) -> list[str]:
        return [name for names in self.corners.values() for name in names]


def kits() -> dict[str, str]:
    """Names of the Python packages that have the libraries of shipped technologies, by technology."""
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


def _library_file(toml: Path, library: str, key: str = "library") -> Path:
    """Absolute path of the library that a TOML file names. A package is located without importing it."""
    if not library.startswith(PACKAGE):
        file = (toml.parent / library).resolve()
        if not file.is_file():
            raise TechnologyError(f"{toml}: {key}: there is no file {file}; correct the path")
        return file
    package, _, inside = library.removeprefix(PACKAGE).partition("/")
    try:
        file = Path(str(metadata.distribution(package).locate_file(inside))).resolve()
    except (metadata.PackageNotFoundError, ValueError):
        raise TechnologyError(
            f"{toml}: {key}: the Python package {package!r} is not installed; "
            f"install it with: pip install --no-deps {package}"
        ) from None
    if not file.is_file():
        version = metadata.version(package)
        raise TechnologyError(
            f"{toml}: {key}: {package} {version} has no file {inside}; correct the path or install a "
            "version that has it"
        )
    return file
