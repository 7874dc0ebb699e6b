"""Procedures: one file per experiment, each saying what it sweeps, how it is simulated and what is measured.

A whole procedure (charge that a resistor delivers into a capacitor, swept over R and pulse width):

    import pandas as pd
    from ..plan import Linear, Values, grid
    from ..procedure import Batch, Context, Procedure, chunks, procedure
    from ...circuits.rawfile import Waveforms
    from ...circuits.runner import Simulation

    @procedure
    class RcCharge(Procedure):
        \"\"\"Charge of a 1 pF capacitor behind a resistor\"\"\"

        name = "rc_charge"
        columns = {
            "width": "s: pulse width",
            "resistance": "Ohm: series resistor",
            "charge": "C: on the capacitor",
        }

        def points(self, ctx: Context) -> pd.DataFrame:
            return grid(Values("width", (1e-9, 2e-9)), Linear("resistance", 1e3, 9e3, 50))

        def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
            return [self._batch(ctx, points.iloc[rows], rows) for rows in chunks(points, "width", size=100)]

        def _batch(self, ctx, points, rows):
            width = float(points["width"].iloc[0])  # shared by the copies, so their edges coincide
            copies = [f"r{i} in c{i} {r!r}\\nc{i} c{i} 0 1p ic=0" for i, r in enumerate(points["resistance"])]
            saved = " ".join(f"v(c{i})" for i in range(len(points)))
            deck = ["* rc_charge", ctx.header(), f"v1 in 0 pulse(0 1 0 1p 1p {width!r} 1)", *copies]
            deck += [f".save {saved}", f".tran 10p {width!r} uic", ".end"]
            return Batch(Simulation("\\n".join(deck), end=width), rows)

        def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
            return pd.DataFrame({"charge": [1e-12 * waves[f"v(c{i})"][-1] for i in range(len(points))]})

Results are cached by the netlist and by the source of the module that measures, without its `points` and
`batches` (their effect is the netlist) and without comments: editing how something is measured simulates it
again, editing what is swept simulates only what is new.
"""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np
import pandas as pd

from ..circuits.designs import Designs
from ..circuits.errors import PlanError
from ..circuits.rawfile import Waveforms
from ..circuits.runner import Simulation
from ..circuits.technology import Technology
from ..circuits.testbench import Condition
from .plan import Plan


@dataclass(frozen=True)
class Context:
    """Where a procedure runs: technology, operating condition, seed, and the sizes of the designs."""

    technology: Technology
    corner: str = "tt"
    temperature: float = 27.0
    """Celsius (as SPICE)."""
    seed: int = 0
    samples: int | None = None
    """Number of random samples the plan asks for; see `count`."""
    designs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Circuit -> sizes (SI) that the plan sets over the technology's."""
    vdd: float | None = None
    """Supply, V; None for the technology's."""
    plan: Plan | None = None
    """The plan that runs, for a procedure that studies the others in it."""

    @classmethod
    def of(cls, plan: Plan, procedure: str, technology: Technology) -> Context:
        """The context in which `plan` runs a procedure."""
        samples = plan.sample_count(procedure)
        condition = (plan.corner, plan.temperature, plan.seed, samples, plan.designs, plan.vdd)
        return cls(technology, *condition, plan)

    @cached_property
    def condition(self) -> Condition:
        """What the testbenches take; TechnologyError for an unknown circuit or size."""
        sizes = Designs.of(self.technology, **self.designs)
        return Condition(self.technology, sizes, self.corner, self.temperature, self.vdd)

    def header(self) -> str:
        """SPICE text that opens a netlist: library, temperature and device wrappers."""
        return self.technology.header(self.corner, self.temperature)

    def count(self, default: int) -> int:
        """Number of random samples: the plan's, or `default`."""
        return default if self.samples is None else self.samples

    def rng(self, name: str) -> np.random.Generator:
        """Random numbers that depend on the plan's seed and on `name` only, not on what else runs."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])


@dataclass(frozen=True)
class Batch:
    """Points that one simulation answers."""

    simulation: Simulation
    index: Sequence[int]
    """Positions of the rows of `points`, in the order in which `measure` gets them."""
    uses: tuple[str, ...] = ()
    """Other procedures whose `measure` answers this batch: editing theirs makes it stale, too."""


class Procedure(ABC):
    """An experiment: which points, how they are simulated, what is measured. Stateless."""

    name: ClassVar[str]
    """Name of the procedure and of its table."""
    columns: ClassVar[dict[str, str]]
    """Every column of the table: swept and measured -> `unit: meaning`."""

    @property
    def title(self) -> str:
        """First line of the docstring."""
        return (self.__doc__ or self.name).strip().splitlines()[0].rstrip(".")

    @abstractmethod
    def points(self, ctx: Context) -> pd.DataFrame:
        """One row per point to simulate, every swept quantity a column; a function of the context alone."""

    @abstractmethod
    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        """The simulations that answer `points`, one ngspice child each; every row in exactly one batch."""

    @abstractmethod
    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        """Measured columns, one row per row of `points` (those of one batch) in the same order.

        A procedure with several rows per point adds a column `point`: the position in `points` of each row.
        A GaincellError raised here marks the batch's points as `unmeasured`, with its message.
        """

    @property
    def measured(self) -> dict[str, str]:
        """Columns of the rows that `points` and `measure` make, where `finish` turns them into others."""
        return self.columns

    def finish(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The table from the rows of all batches, for what compares points that are simulated apart.

        Both have the columns `point`, `status` and `message` beside those of `measured` and `columns`.
        """
        return rows


_REGISTRY: dict[str, Procedure] = {}
P = TypeVar("P", bound=type[Procedure])


def procedure(cls: P) -> P:
    """Class decorator that registers a procedure under its name."""
    other = _REGISTRY.get(cls.name)
    if other is not None and type(other).__module__ != cls.__module__:
        raise ValueError(f"procedure {cls.name!r} is already defined in {type(other).__module__}")
    _REGISTRY[cls.name] = cls()
    return cls


def procedure_names() -> tuple[str, ...]:
    """Names of all procedures: those in `characterization/procedures`, and any registered elsewhere."""
    package = importlib.import_module(f"{__package__}.procedures")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(_REGISTRY)


def find(name: str) -> Procedure:
    """The procedure of a name; PlanError listing the known ones."""
    known = procedure_names()
    if name not in _REGISTRY:
        raise PlanError(f"unknown procedure {name!r}; use one of {', '.join(sorted(known))}")
    return _REGISTRY[name]


def chunks(points: pd.DataFrame, shared: str | Sequence[str] = (), size: int = 100) -> list[np.ndarray]:
    """Positions of points that agree in the columns `shared`, at most `size` to a chunk, in table order.

    Copies of a circuit in one transient are cheap while their pulse edges coincide: differing edges multiply
    the breakpoints of all of them.
    """
    keys = [shared] if isinstance(shared, str) else list(shared)
    if keys:
        groups = [np.asarray(rows) for rows in points.groupby(keys, sort=False).indices.values()]
    else:
        groups = [np.arange(len(points))]
    return [np.sort(rows)[i : i + size] for rows in groups for i in range(0, len(rows), size)]
