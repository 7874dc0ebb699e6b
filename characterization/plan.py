"""Plans: procedures, operating condition, sample counts and seed as values; `execute` runs them."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError

from ..circuits.errors import PlanError
from ..circuits.settings import Settings

SHIPPED_PLANS = Path(__file__).parent / "plans"
"""Folder of the shipped plans."""


@dataclass(frozen=True)
class Axis:
    """One swept quantity."""

    name: str
    """Name of its column."""
    values: tuple[float, ...] | tuple[str, ...]
    """Values in SI units, or labels."""

    def __post_init__(self) -> None:
        if not self.values:
            raise PlanError(f"axis {self.name!r} has no values")


def Linear(name: str, start: float, stop: float, n: int) -> Axis:
    """Axis of `n` equally spaced values from `start` to `stop`, both included.

    Raises:
        PlanError: `n` is less than 2, or `stop` does not exceed `start`.
    """
    if n < 2 or stop <= start:
        raise PlanError(f"axis {name!r}: needs n >= 2 and stop > start, got n={n}, {start} to {stop}")
    return Axis(name, tuple(np.linspace(start, stop, n).tolist()))


def Values(name: str, values: Iterable[float] | Iterable[str]) -> Axis:
    """Axis of the given values in their order."""
    return Axis(name, tuple(values))


def Random(name: str, low: float, high: float, n: int, rng: np.random.Generator) -> Axis:
    """Axis of `n` uniform random values in [low, high)."""
    return Axis(name, tuple(rng.uniform(low, high, n).tolist()))


def grid(*axes: Axis) -> pd.DataFrame:
    """Table of every combination of the axes' values, one row each; the last axis varies fastest."""
    names = [axis.name for axis in axes]
    return pd.DataFrame(list(itertools.product(*(axis.values for axis in axes))), columns=names)


Samples = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
"""Number of random samples."""


class Plan(Settings):
    """A characterization run: procedures, operating condition, sample counts, seed and design overrides."""

    name: str = Field(min_length=1)
    """Name of the plan."""
    description: str = ""
    """One line about the plan."""
    technology: str = "generic28"
    """Name of a shipped technology, or path of a TOML file (in the file of a plan: relative to that file)."""
    corner: str = "tt"
    """Process corner of the technology."""
    temperature: float = Field(default=27.0, gt=-273.15, le=1000)
    """Temperature, Celsius (as SPICE)."""
    vdd: float | None = Field(default=None, gt=0, le=20)
    """Supply voltage, V; None for that of the technology."""
    procedures: tuple[str, ...] = Field(min_length=1)
    """Names of the procedures in the order of the report."""
    samples: Samples | dict[str, Samples] = {}
    """Number of random samples, for all procedures or by procedure; every procedure has a default."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of all random numbers."""
    trim: bool = False
    """Whether the die is trimmed first, as a tester would, and its ramps follow replicas (`find_trim`)."""
    designs: dict[str, dict[str, Any]] = {}
    """Sizes (SI) that differ from those of the technology, by design and field."""

    @classmethod
    def load(cls, name_or_path: str | Path) -> Plan:
        """Load a plan.

        Args:
            name_or_path: name of a shipped plan, such as `nominal`, or path of a TOML file (suffix `.toml`).

        Raises:
            PlanError: unknown name (the message lists the known ones), or malformed file (with the path of
            the key).
        """
        path = Path(name_or_path)
        if path.suffix != ".toml":
            path = SHIPPED_PLANS / f"{name_or_path}.toml"
            if str(name_or_path) not in plans():
                known = ", ".join((*plans(), "or the path of a .toml file"))
                raise PlanError(f"unknown plan {str(name_or_path)!r}; use {known}")
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise PlanError(f"cannot read plan {path}: {error.strerror or error}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise PlanError(f"{path} is not valid TOML: {error}") from None
        plan = cls.build({"name": path.stem, **values}, source=str(path))
        if plan.technology.endswith(".toml"):
            plan = plan.override(technology=str((path.parent / plan.technology).resolve()))
        return plan

    @classmethod
    def build(cls, values: dict[str, Any], source: str = "plan") -> Plan:
        """Make a plan from plain values.

        Args:
            values: fields of the plan.
            source: name of the source of the values, for the error message.

        Raises:
            PlanError: a value is invalid; the message has the path of the key.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            what = first["msg"].removeprefix("Value error, ")
            raise PlanError(": ".join(filter(None, (source, where, what)))) from None

    def override(self, **values: Any) -> Plan:
        """The plan with some fields replaced.

        Args:
            values: new values by field; None keeps the field.

        Raises:
            PlanError: a value is invalid.
        """
        given = {name: value for name, value in values.items() if value is not None}
        return self.build({**self.model_dump(), **given}, source=self.name)

    def sample_count(self, procedure: str) -> int | None:
        """Number of random samples for a procedure; None for the procedure's default."""
        return self.samples if isinstance(self.samples, int) else self.samples.get(procedure)


def plans() -> tuple[str, ...]:
    """Names of the shipped plans."""
    return tuple(sorted(path.stem for path in SHIPPED_PLANS.glob("*.toml")))
