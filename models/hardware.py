"""`Hardware`: everything the attention layer needs to know about a chip, as one frozen value."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from ..circuits.errors import HardwareError, UnknownHardwareError
from .aging import AgingTerm, Retention, SeparableAging, exponential_aging
from .array import ColumnModel, ConverterCurve, Noise, WriteError
from .chip import Chip
from .cost import Area, EnergyModel, Timing
from .curves import Curve, Polynomial
from .storage import read_bundle, write_bundle
from .values import Value
from .variation import Mismatch

SHIPPED = Path(__file__).parent / "shipped"


class Levels(Value):
    """Levels of each quantiser. Quantisers are anchored: n equally spaced values, both ends included."""

    query: int = Field(default=16, ge=2)
    """Pulse widths, from 0 to T_max."""
    key: int = Field(default=8, ge=2)
    """Stored voltages of a key element, from v_min to v_max."""
    value: int = Field(default=8, ge=2)
    """Stored voltages of a value element, from v_min to v_max."""
    output: int = Field(default=32, ge=4, multiple_of=2)
    """Read-out of a sub-tile: a sign and output / 2 magnitudes."""


class Hardware(Value):
    """A chip as the network sees it: surrogates, full scales, quantiser levels, cost and provenance.

    An effect whose field is None is not described by this hardware and does nothing. Charges are coulombs,
    or, for published coefficients, the publication's own unit; `charge_unit` says which.
    """

    name: str
    kind: Literal["gain-cell", "softmax"] = "gain-cell"
    """"softmax": exact digital attention (the oracle), which ignores every field about circuits."""
    description: str = ""
    origin: Literal["simulated", "published", "exact"]
    """Where the numbers come from."""
    rows: int = Field(default=64, ge=1)
    """Cells on a bit line of the K array: the largest head dimension."""
    columns: int = Field(default=64, ge=1)
    """Keys in a sub-tile: one signed read-out sums over this many."""
    v_min: float = 0.0
    """Lowest stored voltage, V."""
    v_max: float = 0.9
    """Highest stored voltage, V."""
    v_zero: float = 0.45
    """Stored voltage that means zero, V."""
    t_pulse_max: float = Field(default=15e-9, gt=0)
    """Width of a full pulse, s."""
    charge_unit: str = "C"
    levels: Levels = Levels()
    window: int | None = Field(default=None, ge=1)
    """Columns of the ring where the network gives none; None: one that is never overwritten."""
    signed_query: Literal["mirrored", "two-phase"] | None = None
    """Queries lie in [-1, 1]: by complementary rows of the K array, or by two integration phases. None: in
    [0, 1]."""
    swap_efficiency: float | None = Field(default=None, gt=0, le=1)
    """Two-phase: what the first phase's charge counts for in the second."""
    normaliser: float | None = None
    """Stored voltage, V, of a further column of the V array, by whose read-out the others are divided."""
    cells: dict[str, Curve] = Field(default_factory=dict)
    """Charge of a full-width pulse against stored voltage (V), by name, in `charge_unit`."""
    cell: str = ""
    """The entry of `cells` in use."""
    q_sat_1: float = Field(default=1.0, gt=0)
    """Charge of the first product that makes a full-width pulse, in `charge_unit`."""
    q_sat_2: float = Field(default=1.0, gt=0)
    """Full-scale charge of the signed read-out, in `charge_unit`."""
    edge: float | None = None
    """Charge that the edges of one pulse add, in `charge_unit`: charge = f(v) w + edge for w > 0."""
    column_1: ColumnModel | None = None
    column_2: ColumnModel | None = None
    phi: ConverterCurve | None = None
    """First converter; None: the ideal hard sigmoid clip(q / q_sat_1, 0, 1)."""
    readout: ConverterCurve | None = None
    """Signed converter; None: clip(q / q_sat_2, -1, 1)."""
    retention: Retention | None = None
    aging: dict[str, SeparableAging] = Field(default_factory=dict)
    """Cell charge against stored voltage and age, by cell name; equals the entry of `cells` at age 0."""
    decay_per_token: float | None = None
    """Published constant: a stored deviation shrinks as exp(-decay_per_token * age in tokens)."""
    write: WriteError | None = None
    mismatch: Mismatch | None = None
    noise: Noise | None = None
    energy: EnergyModel | None = None
    timing: Timing | None = None
    area: Area | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)
    """JSON-able record of sources: publication, tables and their hashes, simulator version, fit settings."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Hardware:
        if not self.v_min < self.v_zero < self.v_max:
            raise ValueError(
                f"v_zero={self.v_zero} must lie between v_min={self.v_min} and v_max={self.v_max}"
            )
        if (self.signed_query == "two-phase") != (self.swap_efficiency is not None):
            raise ValueError(
                f"swap_efficiency={self.swap_efficiency} belongs to signed_query='two-phase', "
                f"got {self.signed_query!r}"
            )
        if self.normaliser is not None and not self.v_zero < self.normaliser <= self.v_max:
            raise ValueError(
                f"normaliser={self.normaliser} must be above v_zero={self.v_zero}, at most v_max={self.v_max}"
            )
        if self.kind == "gain-cell" and self.cell not in self.cells:
            raise ValueError(f"cell={self.cell!r} is not among cells={sorted(self.cells)}")
        if unknown := set(self.aging) - set(self.cells):
            raise ValueError(f"aging describes unknown cells {sorted(unknown)}; cells={sorted(self.cells)}")
        if self.decay_per_token is not None and not all(
            isinstance(c, Polynomial) for c in self.cells.values()
        ):
            raise ValueError("decay_per_token applies to polynomial cells only; give `aging` for the others")
        return self

    @property
    def transfer(self) -> Curve:
        """The cell curve in use: stored voltage (V) -> charge of a full-width pulse."""
        return self.cells[self.cell]

    def with_cell(self, name: str) -> Hardware:
        """The same hardware with another cell curve in use, e.g. "linear" for the published first phase."""
        if name not in self.cells:
            raise UnknownHardwareError(
                f"hardware {self.name!r} has no cell {name!r}; it has {', '.join(sorted(self.cells))}"
            )
        return self.model_copy(update={"cell": name})

    def aged_transfer(self) -> SeparableAging:
        """Cell charge against stored voltage and age; a single ageless term where no decay is described."""
        if self.cell in self.aging:
            return self.aging[self.cell]
        if self.decay_per_token is not None:
            return exponential_aging(self.transfer, self.decay_per_token)
        return SeparableAging(
            terms=(AgingTerm(curve=self.transfer),), age_unit="token", box=self.transfer.box
        )

    def token_decay(self, token_period: float, window: int = 1024) -> float:
        """Rate, per token, of the exponential that loses as much as the cells do over one window of tokens.

        The published network shrinks a stored deviation x by exp(-rate) per token (Leroux et al. 2025,
        Methods). Here the rate follows from retention: the deviations of all levels, aged by `window` token
        periods (s), are compared in the least-squares sense with the fresh ones. The layer itself does not
        assume an exponential. A published rate is returned as it is; 0 where no decay is described.
        """
        if self.decay_per_token is not None:
            return self.decay_per_token
        if self.retention is None:
            return 0.0
        return self.retention.decay(
            np.linspace(self.v_min, self.v_max, self.levels.key), self.v_zero, token_period, window
        )

    def chip(self, seed: int) -> Chip:
        """One chip: the fixed deviations of all its cells and converters, for every array of any network.

        Raises `HardwareError` when this hardware does not describe mismatch.
        """
        if self.mismatch is None:
            raise HardwareError(
                f"hardware {self.name!r} describes no mismatch, so all its chips are alike; characterize "
                "with the plan `full`, which has cell_mismatch and converter_mismatch, and fit again"
            )
        return Chip(self.mismatch, seed, self.columns)

    @property
    def digest(self) -> str:
        """sha256 over every field but the provenance: equal for hardware that behaves alike."""
        return hashlib.sha256(self.model_dump_json(exclude={"provenance"}).encode()).hexdigest()

    def save_pretrained(self, directory: str | Path) -> None:
        """Write hardware.json and hardware.safetensors into a directory (made if missing), atomically."""
        write_bundle(Path(directory), self.model_dump())

    @classmethod
    def from_pretrained(cls, name_or_directory: str | Path) -> Hardware:
        """Load shipped hardware by name, or any saved hardware by directory (./NAME where a name is shipped).

        Raises `UnknownHardwareError` for a name or directory that does not exist, `HardwareError` for one
        that is damaged or half-written.
        """
        name, directory = str(name_or_directory), Path(name_or_directory)
        if name in names():
            directory = SHIPPED / name
        elif not directory.is_dir():
            raise UnknownHardwareError(
                f"no hardware named {name!r} and no such directory; "
                f"shipped: {', '.join(names())}; `gaincell fit` makes others"
            )
        try:
            return cls.model_validate(read_bundle(directory))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise HardwareError(f"{directory / 'hardware.json'}: {where}: {first['msg']}") from error


def names() -> list[str]:
    """Names of the hardware shipped with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/hardware.json"))
