"""Procedures: one file per experiment, which defines the swept points, the simulations and the measurement.

A complete example (charge that a resistor delivers into a capacitor, swept over R and pulse width):

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
            width = float(points["width"].iloc[0])  # equal for all copies, so that their edges coincide
            copies = [f"r{i} in c{i} {r!r}\\nc{i} c{i} 0 1p ic=0" for i, r in enumerate(points["resistance"])]
            saved = " ".join(f"v(c{i})" for i in range(len(points)))
            deck = ["* rc_charge", ctx.header(), f"v1 in 0 pulse(0 1 0 1p 1p {width!r} 1)", *copies]
            deck += [f".save {saved}", f".tran 10p {width!r} uic", ".end"]
            return Batch(Simulation("\\n".join(deck), end=width), rows)

        def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
            return pd.DataFrame({"charge": [1e-12 * waves[f"v(c{i})"][-1] for i in range(len(points))]})

The cache key of a result contains the netlist and the source of the module that measures, without comments
and without its `points` and `batches`, whose effect is in the netlist. After a change of the measurement all
batches are simulated again; after a change of the sweep, only the new ones.
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
    """Context of a procedure: technology, operating condition, seed, and sizes of the designs."""

    technology: Technology
    """Technology of the transistors."""
    corner: str = "tt"
    """Process corner of the technology."""
    temperature: float = 27.0
    """Temperature, Celsius (as SPICE)."""
    seed: int = 0
    """Seed of all random numbers."""
    samples: int | None = None
    """Number of random samples in the plan; None for the procedure's default (see `count`)."""
    designs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Sizes (SI) that override those of the technology, by circuit and field."""
    vdd: float | None = None
    """Supply voltage, V; None for that of the technology."""
    plan: Plan | None = None
    """The running plan, for procedures that study the others in it."""

    @classmethod
    def of(cls, plan: Plan, procedure: str, technology: Technology) -> Context:
        """Context of a procedure in a plan.

        Args:
            plan: the plan.
            procedure: name of the procedure.
            technology: loaded technology of the plan.
        """
        samples = plan.sample_count(procedure)
        condition = (plan.corner, plan.temperature, plan.seed, samples, plan.designs, plan.vdd)
        return cls(technology, *condition, plan)

    @cached_property
    def condition(self) -> Condition:
        """Condition of the testbenches.

        Raises:
            TechnologyError: unknown circuit or size in `designs`.
        """
        sizes = Designs.of(self.technology, **self.designs)
        return Condition(self.technology, sizes, self.corner, self.temperature, self.vdd)

    def header(self) -> str:
        """SPICE text that opens a netlist: library, temperature and device wrappers."""
        return self.technology.header(self.corner, self.temperature)

    def count(self, default: int) -> int:
        """Number of random samples of the plan, or `default` if the plan has none."""
        return default if self.samples is None else self.samples

    def rng(self, name: str) -> np.random.Generator:
        """Random generator that depends only on the seed of the plan and on `name`."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])


@dataclass(frozen=True)
class Batch:
    """Points that are measured in one simulation."""

    simulation: Simulation
    """Deck and condition for a complete run."""
    index: Sequence[int]
    """Positions of the points in the table of `points`, in the order in which `measure` gets them."""
    uses: tuple[str, ...] = ()
    """Names of other procedures whose `measure` this batch uses; their code becomes part of its cache key."""


class Procedure(ABC):
    """Base class of experiments: points, their simulation and their measurement. Stateless."""

    name: ClassVar[str]
    """Name of the procedure and of its table."""
    columns: ClassVar[dict[str, str]]
    """Descriptions `unit: meaning` of all columns of the table, swept and measured, by column."""

    fewest: ClassVar[int] = 1
    """Smallest number of random samples from which the table can be fitted."""
    undefined: ClassVar[frozenset[str]] = frozenset()
    """Columns with NaN in rows to which their quantity does not apply. In all others a value that is not
    finite makes a row a failure."""

    @property
    def title(self) -> str:
        """Title of the table: first line of the docstring."""
        return (self.__doc__ or self.name).strip().splitlines()[0].rstrip(".")

    @abstractmethod
    def points(self, ctx: Context) -> pd.DataFrame:
        """Points to simulate.

        Args:
            ctx: context, the only input of the points.

        Returns:
            Table with one row per point and one column per swept quantity.
        """

    @abstractmethod
    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        """Simulations of the points.

        Args:
            ctx: context.
            points: table of `points`, or some rows of it.

        Returns:
            Batches, each with one ngspice simulation; every point is in exactly one batch.
        """

    @abstractmethod
    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        """Measure the waveforms of one batch.

        Args:
            ctx: context.
            points: points of the batch.
            waves: waveforms of its simulation.

        Returns:
            Table of the measured columns with one row per point in the same order. A procedure with several
            rows per point adds a column `point` with the position of the point in `points`.

        Raises:
            GaincellError: the waveforms do not allow the measurement; the points get the status `unmeasured`
                and the message.
        """

    @property
    def measured(self) -> dict[str, str]:
        """Descriptions of the columns before `finish`; the same as `columns` by default."""
        return self.columns

    def finish(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Make the table from the rows of all batches, to compare points from different simulations.

        Args:
            rows: rows of all batches with the columns `measured`, `point`, `status` and `message`.

        Returns:
            Table with the columns `columns`, `point`, `status` and `message`; `rows` by default.
        """
        return rows


_REGISTRY: dict[str, Procedure] = {}
"""Procedures by name. Its size is the number of procedure classes: a name belongs to one module."""

P = TypeVar("P", bound=type[Procedure])


def procedure(cls: P) -> P:
    """Class decorator that registers a procedure under its name.

    Raises:
        ValueError: another module has registered the name.
    """
    other = _REGISTRY.get(cls.name)
    if other is not None and type(other).__module__ != cls.__module__:
        raise ValueError(f"procedure {cls.name!r} is already defined in {type(other).__module__}")
    _REGISTRY[cls.name] = cls()
    return cls


def procedure_names() -> tuple[str, ...]:
    """Names of all procedures: those in `characterization/procedures`, and others registered elsewhere."""
    package = importlib.import_module(f"{__package__}.procedures")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(_REGISTRY)


def find(name: str) -> Procedure:
    """The procedure with a name.

    Raises:
        PlanError: unknown name; the message lists the known ones.
    """
    known = procedure_names()
    if name not in _REGISTRY:
        raise PlanError(f"unknown procedure {name!r}; use one of {', '.join(sorted(known))}")
    return _REGISTRY[name]


def chunks(points: pd.DataFrame, shared: str | Sequence[str] = (), size: int = 100) -> list[np.ndarray]:
    """Divide points into chunks for common simulations.

    Copies of a circuit in one transient cost little if their pulse edges coincide. Different edges multiply
    the breakpoints of all copies.

    Args:
        points: table of points.
        shared: column or columns in which all points of a chunk agree.
        size: largest number of points in a chunk.

    Returns:
        Positions of the points of each chunk, in the order of the table.
    """
    keys = [shared] if isinstance(shared, str) else list(shared)
    if keys:
        groups = [np.asarray(rows) for rows in points.groupby(keys, sort=False).indices.values()]
    else:
        groups = [np.arange(len(points))]
    return [np.sort(rows)[i : i + size] for rows in groups for i in range(0, len(rows), size)]
