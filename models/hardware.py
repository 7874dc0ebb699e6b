"""`Hardware`: everything the attention layer needs to know about a chip, as one frozen value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from ..circuits.errors import HardwareError, UnknownHardwareError
from .aging import AgingTerm, Retention, SeparableAging, exponential_aging
from .array import ColumnModel, ConverterCurve, Noise, WriteError
from .chip import Chip
from .cost import Area, EnergyModel, Timing
from .curves import Curve, Polynomial
from .interpolation import interpolate, require_one_die
from .storage import read_bundle, write_bundle
from .trim import DieTrim
from .values import DigestValue, Value
from .variation import Mismatch

SHIPPED = Path(__file__).parent / "shipped"
"""Folder of the hardware that comes with the package, one folder per name."""


class Levels(Value):
    """Number of levels of each quantiser: n equally spaced values, both ends of the range included."""

    query: int = Field(default=16, ge=2)
    """Pulse widths, from 0 to T_max."""
    key: int = Field(default=8, ge=2)
    """Stored voltages of a key element, from v_min to v_max."""
    value: int = Field(default=8, ge=2)
    """Stored voltages of a value element, from v_min to v_max."""
    output: int = Field(default=32, ge=4, multiple_of=2)
    """Read-out of a sub-tile, signed: output / 2 magnitudes of each sign."""


class Hardware(DigestValue):
    """A chip as the network sees it: surrogates, full scales, quantiser levels, cost and provenance.

    An effect whose field is None is not described by this hardware and is not applied. Charges are in
    coulombs, or, for published coefficients, in the publication's own unit; `charge_unit` names the unit.

    Two hardwares are equal, and have equal hashes, if their digests are: names, curves, levels and cost
    agree, whatever the provenance, the record of the trim, and the other conditions it was fitted at.
    """

    outside_digest: ClassVar[frozenset[str]] = frozenset({"provenance", "fitted_at", "trim"})

    name: str
    """Name, as in messages and results."""
    kind: Literal["gain-cell", "softmax"] = "gain-cell"
    """"gain-cell": analog attention; "softmax": exact digital attention (the oracle), which ignores every
    field about circuits."""
    description: str = ""
    """One sentence for the user."""
    origin: Literal["simulated", "published", "exact"]
    """Origin of the numbers."""
    rows: int = Field(default=64, ge=1)
    """Number of cells on a bit line of the K array: the largest head dimension."""
    columns: int = Field(default=64, ge=1)
    """Number of keys in a sub-tile, over which one signed read-out sums."""
    v_min: float = 0.0
    """Lowest stored voltage, V."""
    v_max: float = 0.9
    """Highest stored voltage, V."""
    v_zero: float = 0.45
    """Stored voltage that represents zero, V."""
    t_pulse_max: float = Field(default=15e-9, gt=0)
    """Width of a full pulse, s."""
    charge_unit: str = "C"
    """Unit of every charge in this hardware."""
    levels: Levels = Levels()
    """Number of levels of each quantiser."""
    window: int | None = Field(default=None, ge=1)
    """Number of ring columns for a network that sets none; None: no column is ever overwritten."""
    signed_query: Literal["mirrored", "two-phase"] | None = None
    """Scheme for queries in [-1, 1]: complementary rows of the K array ("mirrored") or two integration phases
    ("two-phase"). None: queries lie in [0, 1]."""
    swap_efficiency: float | None = Field(default=None, gt=0, le=1)
    """Share of the first phase's charge that is left after the capacitor's plates are swapped (two-phase
    only), dimensionless."""
    normaliser: float | None = None
    """Stored voltage of an additional column of the V array, V. The other read-outs are divided by its
    own."""
    cells: dict[str, Curve] = Field(default_factory=dict)
    """Name -> charge of a full-width pulse, in `charge_unit`, against stored voltage (V)."""
    cell: str = ""
    """Name of the entry of `cells` in use."""
    q_sat_1: float = Field(default=1.0, gt=0)
    """Charge of the first product that is converted to a full-width pulse, in `charge_unit`."""
    q_sat_2: float = Field(default=1.0, gt=0)
    """Full-scale charge of the signed read-out, in `charge_unit`."""
    edge: float | None = None
    """Charge of the two edges of one pulse, in `charge_unit`: charge = f(v) w + edge for w > 0."""
    column_1: ColumnModel | None = None
    """Bit line of the K array; None: charges add up exactly."""
    column_2: ColumnModel | None = None
    """Bit line of the V array; None: charges add up exactly."""
    phi: ConverterCurve | None = None
    """First converter; None: the ideal hard sigmoid clip(q / q_sat_1, 0, 1)."""
    readout: ConverterCurve | None = None
    """Signed converter; None: clip(q / q_sat_2, -1, 1)."""
    retention: Retention | None = None
    """Stored voltage against its value at age 0 (V) and age (s)."""
    aging: dict[str, SeparableAging] = Field(default_factory=dict)
    """Cell name -> cell charge against stored voltage and age; equals the entry of `cells` at age 0."""
    decay_per_token: float | None = None
    """Published decay rate, per token: a stored deviation shrinks as exp(-decay_per_token * age in
    tokens)."""
    write: WriteError | None = None
    """Stored voltage against target voltage, V."""
    mismatch: Mismatch | None = None
    """Deviations between the circuits of one chip."""
    noise: Noise | None = None
    """Noise of writes, nodes and pulses."""
    energy: EnergyModel | None = None
    """Energy per token and head, J."""
    timing: Timing | None = None
    """Duration of one token's attention in one layer, s."""
    area: Area | None = None
    """Silicon area per head, m^2."""
    trim: DieTrim | None = None
    """Trim of the die that was fitted; None for circuits without a trim. It enters no computation: the fitted
    curves contain its effect."""
    provenance: dict[str, Any] = Field(default_factory=dict)
    """JSON-able record of sources: publication, tables and their hashes, simulator version, fit settings."""
    fitted_at: tuple[Hardware, ...] = ()
    """The same die fitted at other temperatures and supplies, between which `at` interpolates."""

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
        require_one_die(self)
        try:
            json.dumps(self.provenance, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"provenance: {error}") from None
        return self

    @property
    def transfer(self) -> Curve:
        """The cell curve in use: stored voltage (V) -> charge of a full-width pulse, in `charge_unit`."""
        return self.cells[self.cell]

    def with_cell(self, name: str) -> Hardware:
        """The same hardware with another cell curve in use.

        Args:
            name: entry of `cells`, e.g. "linear" for the first training phase of Leroux et al. 2025.

        Raises:
            UnknownHardwareError: the hardware has no such cell.
        """
        if name not in self.cells:
            raise UnknownHardwareError(
                f"hardware {self.name!r} has no cell {name!r}; it has {', '.join(sorted(self.cells))}"
            )
        return self.model_copy(update={"cell": name})

    def at(self, temperature: float | None = None, vdd: float | None = None) -> Hardware:
        """The same die at another temperature and supply, between those of `fitted_at` and its own.

        Linear in the inverse absolute temperature and in the supply, between the nearest fitted ones;
        `combination` says how each part is combined. Mismatch comes from the condition of the largest weight
        that describes it.

        Args:
            temperature: temperature, C; None for its own.
            vdd: supply, V; None for its own.

        Returns:
            Hardware without other conditions; at a fitted condition, what was fitted there.

        Raises:
            HardwareError: outside the fitted range, a condition around the point was not fitted, or the
                conditions were fitted to different circuits.
        """
        return interpolate(self, temperature, vdd)

    def aged_transfer(self) -> SeparableAging:
        """Cell charge against stored voltage and age; one term without aging if no decay is described."""
        if self.cell in self.aging:
            return self.aging[self.cell]
        if self.decay_per_token is not None:
            return exponential_aging(self.transfer, self.decay_per_token)
        return SeparableAging(
            terms=(AgingTerm(curve=self.transfer),), age_unit="token", box=self.transfer.box
        )

    def token_decay(self, token_period: float, window: int = 1024) -> float:
        """Rate of the exponential that loses as much as the cells do over one window of tokens, per token.

        The published network shrinks a stored deviation x by exp(-rate) per token (Leroux et al. 2025,
        https://doi.org/10.1038/s43588-025-00854-1, Methods). Here the rate follows from retention: the
        deviations of all key levels after `window` token periods are compared with the fresh ones in the
        least-squares sense. The attention layer itself does not assume an exponential.

        Args:
            token_period: time between two tokens, s.
            window: number of token periods over which the loss is compared.

        Returns:
            The rate; a published rate (`decay_per_token`) unchanged; 0 if the hardware describes no decay.

        Raises:
            ValueError: no deviation is left after one window, or its sign has changed.
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

        Args:
            seed: number of the chip; equal seeds give equal chips.

        Raises:
            HardwareError: this hardware does not describe mismatch.
        """
        if self.mismatch is None:
            raise HardwareError(
                f"hardware {self.name!r} describes no mismatch, so all its chips are alike; characterize "
                "with the plan `full`, which has cell_mismatch and converter_mismatch, and fit again"
            )
        return Chip(self.mismatch, seed, self.columns)

    def save_pretrained(self, directory: str | Path) -> None:
        """Write hardware.json and hardware.safetensors, each atomically.

        Args:
            directory: folder to write to; it is made if necessary.

        Raises:
            HardwareError: an update has given it a value that hardware may not have, such as NaN.
            OSError: the folder or a file cannot be written.
        """
        values = self.model_dump()
        if complaint := self._complaint(values):
            raise HardwareError(f"hardware {self.name!r} cannot be saved: {complaint}")
        write_bundle(Path(directory), values)

    @classmethod
    def _complaint(cls, values: Any) -> str | None:
        """What keeps values from being those of a hardware; None if they are."""
        try:
            cls.model_validate(values)
        except ValidationError as error:
            return _first(error)
        return None

    @classmethod
    def from_pretrained(cls, name_or_directory: str | Path) -> Hardware:
        """Load shipped hardware by name, or any saved hardware by directory.

        Args:
            name_or_directory: name from `shipped_hardware()`, or a directory made by `save_pretrained`. A
                shipped name has precedence; write ./NAME for a directory of that name.

        Raises:
            UnknownHardwareError: neither a shipped name nor a directory.
            HardwareError: the directory is damaged or half-written.
        """
        name, directory = str(name_or_directory), Path(name_or_directory)
        if name in shipped_hardware():
            directory = SHIPPED / name
        elif not directory.is_dir():
            raise UnknownHardwareError(
                f"no hardware named {name!r} and no such directory; "
                f"shipped: {', '.join(shipped_hardware())}; `gaincell fit` makes others"
            )
        try:
            return cls.model_validate(read_bundle(directory, cls._complaint))
        except ValidationError as error:
            raise HardwareError(f"{directory / 'hardware.json'}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    """First complaint as "field.part: what is wrong"."""
    first = error.errors()[0]
    return ": ".join(filter(None, (".".join(str(part) for part in first["loc"]), first["msg"])))


def shipped_hardware() -> list[str]:
    """Names of the hardware that comes with the package, sorted."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/hardware.json"))
