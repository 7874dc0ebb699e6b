"""Sizes of the circuits as frozen values: the designer's choices, apart from the technology.

All fields are in SI units. A design knows only its sub-circuit (`circuits/netlists/*.sp`) and the parameters
to instantiate it with.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from .design import Capacitance, Cells, Current, Design, Duration, Length, LevelCount, Voltage
from .errors import TechnologyError
from .regulator import Regulator
from .sizes import fitted_defaults, require_sizes
from .technology import Technology


class GainCell(Design):
    """Six-transistor gain cell: write device onto a capacitor, tri-state inverter as read stage.

    docs/retention.md compares the default sizes and devices with others.
    """

    write_device: Literal["cmos", "oxide"] = "cmos"
    """Write device: transmission gate, or one oxide-semiconductor transistor."""
    c_store: Capacitance = 5e-15
    """Storage capacitance, F. It sets the retention time together with the leakage of the devices."""
    w_wn: Length = 80e-9
    """Width of the n write transistor, m."""
    w_wp: Length = 80e-9
    """Width of the p write transistor, m."""
    l_w: Length = 60e-9
    """Length of the write transistors, m."""
    w_ox: Length = 60e-9
    """Width of the oxide write transistor, m."""
    l_ox: Length = 60e-9
    """Length of the oxide write transistor, m."""
    w_rn: Length = 80e-9
    """Width of the n read transistor, m."""
    l_rn: Length = 780e-9
    """Length of the n read transistor, m. A long channel gives a small, well-matched current."""
    w_rp: Length = 160e-9
    """Width of the p read transistor, m."""
    l_rp: Length = 480e-9
    """Length of the p read transistor, m."""
    w_sw: Length = 80e-9
    """Width of the read switches, m."""
    l_sw: Length = 30e-9
    """Length of the read switches, m."""
    v_write_on: Voltage = 1.1
    """Level of the write word line that opens the write device at the nominal supply, V; it follows the
    supply."""
    v_write_off: Voltage = -0.2
    """Level of the write word line at rest, V."""
    v_write_shift: Voltage = 0.0
    """Offset of every write target, V. It cancels the mean clock feed-through of a single write device."""
    t_write: Duration = 10e-9
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
    """Whether it converts both polarities, with a sign latch and an n ramp."""
    phases: Literal[1, 2] = 1
    """Number of integration phases. With 2 (unsigned converter only, see `TWO_PHASES`) it takes a signed
    query: first the negative pulses, then the capacitor's plates are swapped and the positive pulses
    follow."""
    c_int: Capacitance = 1.7e-12
    """Integration capacitor, F. A larger one reduces the bit-line swing, hence column compression, and costs
    area."""
    i_ramp: Current
    """Ramp current, A. The full-scale charge is i_ramp x t_pulse_max."""
    i_ramp_n: Current | None = None
    """Current of the n ramp, A, where it differs from `i_ramp`, that of the p ramp."""
    replica_cells: Cells | None = None
    """Number of cells in each of the two ramp references (replica bias): cells at the top level sink the p
    ramp's current, cells at the bottom level source the n ramp's. None: the references are ideal currents."""
    replica_width_p: float = Field(0.933, gt=0, le=100)
    """Width of the replica that carries the current of the cells at the top level, as a multiple of a
    converter's own p ramp. Below 1 because the node of a cell that is read moves by 10 to 20 mV, which raises
    its current above that of a replica cell with a fixed gate, by 3.8 % (p) and 1.7 % (n); the rest sets the
    full scale."""
    replica_width_n: float = Field(0.952, gt=0, le=100)
    """The same of the n ramp and the cells at the bottom level."""
    t_lead: Duration = 1.88e-9
    """Time by which the ramp of the bank's spare converter starts before the others', s: the width of the
    charge of one cell at the top level. The spare converter then opens the window a comparator's delay after
    the others' ramp has started (replica delay)."""
    w_ramp_p: Length
    """Width of the p current source and its cascode, m."""
    w_ramp_n: Length
    """Width of the n current source and its cascode, m. The unsigned converter has them in its bias
    replica."""
    l_ramp: Length = 200e-9
    """Length of the current sources, m."""
    w_rst: Length = 3e-6
    """Width of the n reset transistor, m; the p one is twice as wide."""
    w_swap: Length = 12e-6
    """Width of the n transistors that swap the capacitor's plates, m; the p ones are twice as wide."""
    c_az: Capacitance = 20e-15
    """Auto-zero coupling capacitor, F."""
    c_line: Capacitance = 5e-12
    """Capacitor on each of the two bias lines of a bank, F."""
    t_skew: float = Field(0.68e-9, ge=0, le=1e-3)
    """Delay of the output window against the ramp, s. It cancels the delay of the comparator."""
    v_cascode_p: Voltage = 0.2
    """Gate voltage of the p cascode at the nominal supply, V; its distance from the supply is constant."""
    v_cascode_n: Voltage = 0.7
    """Gate voltage of the n cascode, V."""

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
        """Instance parameters of its bias circuit `ramp_bias`."""
        sizes = {"w_p": self.w_ramp_p, "w_n": self.w_ramp_n, "l": self.l_ramp}
        return sizes | {"c_line": self.c_line}


class SubArray(Design):
    """Rows x columns of gain cells with their wires and row drivers."""

    rows: Cells = 64
    """Number of cells on a bit line."""
    columns: Cells = 64
    """Number of cells on a word line."""
    r_wire: float = Field(3.0, ge=0, le=1e6)
    """Resistance of one cell pitch (about 1 um) of word or bit line, ohm."""
    c_wire: float = Field(0.2e-15, ge=0, le=1e-9)
    """Capacitance of one cell pitch of word or bit line, F."""
    section: Cells = 16
    """Number of cells per lumped RC section of a wire; 1 gives every cell its own node, at several times the
    cost."""
    driver: float = Field(8.0, gt=0, le=1e4)
    """Drive strength of the row driver's last stage, multiples of the smallest inverter."""
    r_bias: float = Field(1e-3, ge=1e-3, le=1e6)
    """Resistance of each of the ramps' bias lines, ohm. The converters of all columns share them."""
    r_supply: float = Field(0.02, ge=0, le=1e3)
    """Resistance of one column pitch of the supply rail of a bank of converters, ohm; its ground rail has the
    same. Both are fed at both ends. The default is a strap of thick metal (20 mohm per square), one pitch
    wide."""
    r_ref: float = Field(0.1, ge=0, le=1e6)
    """Resistance of a bank's reset reference, ohm. All converters of the bank share it. The default is that
    of a line like the supply rail behind a decoupled source: columns x r_supply / 12."""
    mirrored: bool = False
    """Whether every row of the K array has a second one that stores the complement, vdd - v_store. It takes a
    signed query in one phase: a positive query pulses the first row, a negative one the second."""
    normaliser: float | None = Field(None, gt=0.5, le=1)
    """Stored voltage of the normalising column of the V array, fraction of the supply. Its read-out is the
    sum of phi, by which the other read-outs are divided. None for no such column."""
    window: int | None = Field(None, ge=1, le=2**31 - 1)
    """Number of keys before the oldest one is overwritten; None if the network decides."""


class Clocking(Design):
    """Durations of the phases of one attention operation."""

    t_pulse_max: Duration = 15e-9
    """Duration of the longest input pulse and full scale of every conversion, s."""
    t_reset: Duration = 11e-9
    """Duration of the reset and auto-zero of a converter, s; the comparators draw current meanwhile. The
    residue of the previous conversion is below 1 % of full scale at every corner and temperature, at the
    nominal supply."""
    t_guard: Duration = 1e-9
    """Time between two phases for edges, drivers and bit-line settling, s."""
    t_wake: Duration = 5e-9
    """Time by which the comparators are powered before their ramp, s. The sign latch needs settled
    comparators, which takes nanoseconds at a low supply and a low temperature; they draw current
    meanwhile."""


class LevelCounts(Design):
    """Number of levels of each quantiser: equally spaced values, both ends included."""

    query: LevelCount = 16
    """Number of pulse widths from 0 to the longest; a signed query has as many of either sign."""
    key: LevelCount = 8
    """Number of stored voltages of a key element, from 0 to the supply."""
    value: LevelCount = 8
    """Number of stored voltages of a value element, from 0 to the supply."""
    output: int = Field(32, ge=4, le=65534, multiple_of=2)
    """Number of read-out values of a sub-tile: a sign and output / 2 magnitudes."""


class WriteReferences(Design):
    """Codes of the three references of the write levels, which a die is trimmed with.

    The levels are equally spaced from the bottom to the middle reference, and from there to the top one. One
    step is 1 / `steps` of the supply.
    """

    steps: int = Field(256, ge=16, le=4096)
    """Number of steps of the references from ground to the supply."""
    bottom: int = Field(0, ge=0, le=1024)
    """Steps of the bottom reference above ground."""
    middle: int = Field(0, ge=-1024, le=1024)
    """Steps of the middle reference above half the supply."""
    top: int = Field(0, ge=0, le=1024)
    """Steps of the top reference below the supply."""

    @model_validator(mode="after")
    def _references_are_ordered(self) -> WriteReferences:
        middle = self.steps / 2 + self.middle
        if not self.bottom < middle < self.steps - self.top:
            raise ValueError(
                f"bottom={self.bottom}, middle={self.middle} and top={self.top} must leave the references in "
                f"this order within {self.steps} steps"
            )
        return self

    def level(self, target: float, vdd: float) -> float:
        """Voltage that the write bit line is driven to, V.

        Args:
            target: level before trimming, V; from ground to the supply.
            vdd: supply, V.
        """
        references = (self.bottom, self.steps / 2 + self.middle, self.steps - self.top)
        volts = [vdd * code / self.steps for code in references]
        return float(np.interp(target, [0.0, vdd / 2, vdd], volts))


class Designs(Design):
    """The designs of all circuits of the chain."""

    cell: GainCell = GainCell()
    """Gain cell of both arrays."""
    converter: Converter = Converter(
        signed=False, i_ramp=24.8e-6, replica_cells=8, w_ramp_p=6e-6, w_ramp_n=3e-6
    )
    """Converter after the K array: score S to pulse phi(S)."""
    readout: Converter = Converter(
        signed=True,
        i_ramp=12.4e-6,
        replica_cells=4,
        t_lead=3.64e-9,
        w_ramp_p=3e-6,
        w_ramp_n=1.5e-6,
        w_rst=4.5e-6,
    )
    """Signed converter after the V array, read by a counter. Its full scale is half that of `converter`, so
    the residue of a reset counts twice; a wider reset switch compensates for it."""
    array: SubArray = SubArray()
    """Sub-array of cells."""
    clocking: Clocking = Clocking()
    """Durations of the phases."""
    levels: LevelCounts = LevelCounts()
    """Number of levels of the quantisers."""
    references: WriteReferences = WriteReferences()
    """Trim of the write levels."""
    regulator: Regulator = Regulator()
    """Regulator of the supply; only its own procedure simulates it."""

    @model_validator(mode="after")
    def _one_way_to_sign_a_query(self) -> Designs:
        if self.array.mirrored and self.converter.phases == 2:
            raise ValueError("array.mirrored and converter.phases=2 both sign the query: choose one")
        return self

    @classmethod
    def of(cls, technology: Technology, **overrides: dict[str, Any]) -> Designs:
        """Combine the default sizes, those of the technology, and overrides; later ones take precedence.

        Default widths and lengths that the technology does not have become the nearest ones that it has.

        An override of the write device implies its sizes in `WRITE_DEVICES`; explicit overrides take
        precedence over them.

        Args:
            technology: technology with its own sizes.
            overrides: sizes (SI) by circuit and field, such as `cell={"c_store": 1e-14}`.

        Raises:
            TechnologyError: an unknown circuit or field, a size out of range, or a width or length that the
                technology does not have; the message has its path.
        """
        merged = cls().model_dump()
        try:
            device = overrides.get("cell", {}).get("write_device")
            brought = {"cell": WRITE_DEVICES.get(device, {})}
            own = technology.designs.get("cell", {}).get("write_device", merged["cell"]["write_device"])
            merged["cell"]["write_device"] = device or own
            merged = fitted_defaults(merged, technology)
            for source in (technology.designs, brought, overrides):
                for circuit, sizes in source.items():
                    merged.setdefault(circuit, {}).update(sizes)
            combined = cls.model_validate(merged)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(("designs", *(str(part) for part in first["loc"])))
            if first["type"] == "extra_forbidden":
                known = cls._known(first["loc"])
                raise TechnologyError(f"{where}: there is no such size; use one of {known}") from None
            raise TechnologyError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
        require_sizes(combined.model_dump(), technology)
        return combined

    @classmethod
    def _known(cls, path: tuple[int | str, ...]) -> str:
        """Names that are valid for the last part of a path."""
        fields = (
            cls.model_fields if len(path) == 1 else cls.model_fields[str(path[0])].annotation.model_fields
        )
        return ", ".join(fields)


TWO_PHASES: dict[str, Any] = {"phases": 2, "t_skew": 0.5e-9}
"""Overrides that turn the default converter into one for a signed query. The switch of the swapped capacitor
shortens the pulse by its RC, so a smaller skew cancels the comparator's delay."""

OXIDE_CELL: dict[str, Any] = {
    "write_device": "oxide",
    "v_write_on": 1.8,
    "v_write_off": -0.6,
    "v_write_shift": 10.8e-3,
}
"""Overrides that turn the default cell into its oxide-semiconductor variant."""

WRITE_DEVICES: dict[str | None, dict[str, Any]] = {"oxide": OXIDE_CELL}
"""Overrides that a write device needs, by device."""
