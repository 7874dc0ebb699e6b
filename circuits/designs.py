"""Sizes of the circuits as frozen values: what a designer turns, apart from the technology.

Every field is in SI units. A design knows the sub-circuit it sizes (`circuits/netlists/*.sp`) and the
parameters to instantiate it with, nothing else.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import TechnologyError
from .technology import Technology


class Design(BaseModel):
    """A frozen set of sizes; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GainCell(Design):
    """Six-transistor gain cell: write device onto a capacitor, tri-state inverter as read stage."""

    write_device: Literal["cmos", "oxide"] = "cmos"
    """Transmission gate of high-threshold transistors, or one oxide-semiconductor transistor."""
    c_store: float = Field(5e-15, gt=0)
    """Storage capacitance, F. Sets retention together with the write device's leakage."""
    w_wn: float = Field(80e-9, gt=0)
    """Width of the n write transistor, m."""
    w_wp: float = Field(80e-9, gt=0)
    """Width of the p write transistor, m."""
    l_w: float = Field(60e-9, gt=0)
    """Length of the write transistors, m."""
    w_ox: float = Field(60e-9, gt=0)
    """Width of the oxide write transistor, m."""
    l_ox: float = Field(60e-9, gt=0)
    """Length of the oxide write transistor, m."""
    w_rn: float = Field(80e-9, gt=0)
    """Width of the n read transistor, m; a long channel makes a small, well-matched current."""
    l_rn: float = Field(780e-9, gt=0)
    """Length of the n read transistor, m."""
    w_rp: float = Field(160e-9, gt=0)
    """Width of the p read transistor, m."""
    l_rp: float = Field(480e-9, gt=0)
    """Length of the p read transistor, m."""
    w_sw: float = Field(80e-9, gt=0)
    """Width of the read switches, m."""
    l_sw: float = Field(30e-9, gt=0)
    """Length of the read switches, m."""
    v_write_on: float = 1.1
    """Write word-line level that opens the write device, V, at the nominal supply; it follows the supply."""
    v_write_off: float = -0.2
    """Write word-line level at rest, V."""
    v_write_shift: float = 0.0
    """Added to every write target, V: cancels the mean clock feed-through of a single write device."""
    t_write: float = Field(10e-9, gt=0)
    """Width of the write pulse, s."""

    @model_validator(mode="after")
    def _write_levels_are_ordered(self) -> GainCell:
        if self.v_write_on <= self.v_write_off:
            raise ValueError(f"v_write_on={self.v_write_on} must exceed v_write_off={self.v_write_off}")
        return self

    @property
    def subcircuit(self) -> str:
        """Name of the sub-circuit in gain_cell.sp."""
        return "gain_cell" if self.write_device == "cmos" else "gain_cell_oxide"

    @property
    def parameters(self) -> dict[str, float]:
        """Instance parameters of the sub-circuit."""
        write = ("w_wn", "w_wp", "l_w") if self.write_device == "cmos" else ("w_ox", "l_ox")
        names = ("c_store", *write, "w_rn", "l_rn", "w_rp", "l_rp", "w_sw", "l_sw")
        return {name: getattr(self, name) for name in names}


class Converter(Design):
    """Charge-to-pulse converter, unsigned (ReLU) or signed."""

    signed: bool
    """Whether a sign latch and an n ramp make it convert both polarities."""
    phases: Literal[1, 2] = 1
    """Integration phases: 2 takes a signed query, negative pulses first, then the capacitor's plates are
    swapped and the positive pulses follow. Of the unsigned converter only; see `TWO_PHASES`."""
    c_int: float = Field(1.7e-12, gt=0)
    """Integration capacitor, F. Larger: less bit-line swing, hence less column compression; more area."""
    i_ramp: float = Field(gt=0)
    """Ramp current, A. The full-scale charge is i_ramp x t_pulse_max."""
    w_ramp_p: float = Field(gt=0)
    """Width of the p current source and its cascode, m."""
    w_ramp_n: float = Field(gt=0)
    """Width of the n current source and its cascode, m (the bias replica has it in the unsigned one too)."""
    l_ramp: float = Field(200e-9, gt=0)
    """Length of the current sources, m."""
    w_rst: float = Field(3e-6, gt=0)
    """Width of the n reset transistor, m; the p one is twice as wide."""
    w_swap: float = Field(12e-6, gt=0)
    """Width of the n transistors that swap the capacitor's plates, m; the p ones are twice as wide."""
    c_az: float = Field(20e-15, gt=0)
    """Auto-zero coupling capacitor, F."""
    t_skew: float = Field(0.68e-9, ge=0)
    """Delay of the output window against the ramp, s: cancels the comparator's delay."""
    v_cascode_p: float = 0.2
    """Gate of the p cascode, V, at the nominal supply; it keeps its distance from the supply."""
    v_cascode_n: float = 0.7
    """Gate of the n cascode, V."""

    @model_validator(mode="after")
    def _one_sign_of_two(self) -> Converter:
        if self.signed and self.phases == 2:
            raise ValueError("phases=2 needs signed=False: the second array's pulses have no sign")
        return self

    @property
    def subcircuit(self) -> str:
        """Name of the sub-circuit in charge_to_pulse.sp, or in signed_query.sp with two phases."""
        if self.phases == 2:
            return "query_to_pulse"
        return "signed_charge_to_pulse" if self.signed else "charge_to_pulse"

    @property
    def parameters(self) -> dict[str, float]:
        """Instance parameters of the sub-circuit."""
        switch = {"w_swap": self.w_swap} if self.phases == 2 else {"w_rst": self.w_rst}
        common = {"c_int": self.c_int, **switch, "l_ramp": self.l_ramp, "c_az": self.c_az}
        if self.signed:
            return common | {"w_ramp_p": self.w_ramp_p, "w_ramp_n": self.w_ramp_n}
        return common | {"w_ramp": self.w_ramp_p}

    @property
    def bias_parameters(self) -> dict[str, float]:
        """Instance parameters of its `ramp_bias`."""
        return {"i_ramp": self.i_ramp, "w_p": self.w_ramp_p, "w_n": self.w_ramp_n, "l": self.l_ramp}


class SubArray(Design):
    """Rows x columns of gain cells with their wires and row drivers."""

    rows: int = Field(64, ge=1)
    """Cells on a bit line."""
    columns: int = Field(64, ge=1)
    """Cells on a word line."""
    r_wire: float = Field(3.0, ge=0)
    """Resistance of one cell pitch (about 1 um) of word or bit line, ohm."""
    c_wire: float = Field(0.2e-15, ge=0)
    """Capacitance of one cell pitch of word or bit line, F."""
    section: int = Field(16, ge=1)
    """Cells per lumped RC section of a wire; 1 gives every cell its own node, at several times the cost."""
    driver: float = Field(8.0, gt=0)
    """Drive of the row driver's last stage, in smallest inverters."""
    mirrored: bool = False
    """Signed query in one phase: every row of the K array has a second one that stores the complement,
    vdd - v_store; a positive query pulses the first, a negative one the second."""
    normaliser: float | None = Field(None, gt=0.5, le=1)
    """Stored voltage of a further column of the V array, fraction of the supply: its read-out is the sum of
    phi, by which the others are divided. None: no such column."""
    window: int | None = Field(None, ge=1)
    """Keys in the ring before the oldest is overwritten; None leaves it to the network."""


class Clocking(Design):
    """Lengths of the phases of one attention operation."""

    t_pulse_max: float = Field(15e-9, gt=0)
    """Longest input pulse and full scale of every conversion, s."""
    t_reset: float = Field(11e-9, gt=0)
    """Reset and auto-zero of a converter, s; the comparators draw current meanwhile. What it leaves of the
    conversion before is below 1 % of full scale at every corner and temperature and the nominal supply."""
    t_guard: float = Field(1e-9, gt=0)
    """Between two phases, s: covers edges, drivers and bit-line settling."""
    t_wake: float = Field(5e-9, gt=0)
    """Comparators are powered this long before their ramp, s: the sign latch needs them settled, which takes
    nanoseconds at a low supply in the cold; they draw current meanwhile."""


class LevelCounts(Design):
    """Levels of each quantiser: equally spaced values, both ends included."""

    query: int = Field(16, ge=2)
    """Pulse widths, from 0 to the longest; a signed query has as many of either sign."""
    key: int = Field(8, ge=2)
    """Stored voltages of a key element, from 0 to the supply."""
    value: int = Field(8, ge=2)
    """Stored voltages of a value element, from 0 to the supply."""
    output: int = Field(32, ge=4, multiple_of=2)
    """Read-out of a sub-tile: a sign and output / 2 magnitudes."""


class Designs(Design):
    """Everything that is sized: one value per circuit of the chain."""

    cell: GainCell = GainCell()
    converter: Converter = Converter(signed=False, i_ramp=24.8e-6, w_ramp_p=6e-6, w_ramp_n=3e-6)
    """After the K array: S -> phi(S)."""
    readout: Converter = Converter(signed=True, i_ramp=12.4e-6, w_ramp_p=3e-6, w_ramp_n=1.5e-6, w_rst=4.5e-6)
    """After the V array: signed, into the counter. Half the other's full scale, so what a reset leaves counts
    twice; a wider switch than the other's makes up for it."""
    array: SubArray = SubArray()
    clocking: Clocking = Clocking()
    levels: LevelCounts = LevelCounts()

    @model_validator(mode="after")
    def _one_way_to_sign_a_query(self) -> Designs:
        if self.array.mirrored and self.converter.phases == 2:
            raise ValueError("array.mirrored and converter.phases=2 both sign the query: choose one")
        return self

    @classmethod
    def of(cls, technology: Technology, **overrides: dict[str, Any]) -> Designs:
        """Default sizes, then the technology's own, then `overrides` (circuit name -> field -> value).

        An override of the write device brings its `WRITE_DEVICES` sizes along; other overrides go over them.

        Raises:
            TechnologyError: an unknown circuit or field, or a size out of range; the message has its path.
        """
        merged = cls().model_dump()
        try:
            device = overrides.get("cell", {}).get("write_device")
            brought = {"cell": WRITE_DEVICES.get(device, {})}
            for source in (technology.designs, brought, overrides):
                for circuit, sizes in source.items():
                    merged.setdefault(circuit, {}).update(sizes)
            return cls.model_validate(merged)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(("designs", *(str(part) for part in first["loc"])))
            if first["type"] == "extra_forbidden":
                known = cls._known(first["loc"])
                raise TechnologyError(f"{where}: there is no such size; use one of {known}") from None
            raise TechnologyError(f"{where}: {first['msg']}") from None

    @classmethod
    def _known(cls, path: tuple[int | str, ...]) -> str:
        """Names that could stand in the place of the last part of a path."""
        fields = (
            cls.model_fields if len(path) == 1 else cls.model_fields[str(path[0])].annotation.model_fields
        )
        return ", ".join(fields)


TWO_PHASES: dict[str, Any] = {"phases": 2, "t_skew": 0.5e-9}
"""Overrides that turn the default converter into one for a signed query; the swapped capacitor's switch makes
the pulse shorter by its RC, so less skew cancels the comparator's delay."""

OXIDE_CELL: dict[str, Any] = {
    "write_device": "oxide",
    "v_write_on": 1.8,
    "v_write_off": -0.6,
    "v_write_shift": 10.8e-3,
}
"""Overrides that turn the default cell into its oxide-semiconductor variant."""

WRITE_DEVICES: dict[str | None, dict[str, Any]] = {"oxide": OXIDE_CELL}
"""Write device -> overrides that it needs."""
