"""Sizes and loads of the regulator of the arrays' supply."""

from __future__ import annotations

from math import exp

from pydantic import Field

from .design import Capacitance, Current, Design, Length


class Regulator(Design):
    """Linear regulator between the chip's supply and that of the arrays, converters and references.

    The loads are those of `generic28`: from the table `bank_reference`, from the currents of the comparators
    in reset, and from the cells of the adapted demo network at the start of the query's pulses.
    """

    v_in: float = Field(1.2, gt=0, le=20)
    """Nominal supply of the chip, V; the regulated supply is that of the technology."""
    sub_tiles: int = Field(4, ge=1, le=4096)
    """Number of sub-tiles, each two arrays and two banks of converters, that one regulator feeds."""
    w_pass: Length = 300e-6
    """Width of the pass device, m; its length is the core's shortest."""
    w_in: Length = 40e-6
    """Width of each input transistor of the amplifier, m."""
    w_mirror: Length = 20e-6
    """Width of each mirror transistor of the amplifier, m."""
    l_in: Length = 150e-9
    """Length of the input and mirror transistors, m."""
    w_tail: Length = 20e-6
    """Width of the tail of the amplifier, m."""
    w_diode: Length = 2e-6
    """Width of the diode that the bias resistor feeds and the tail mirrors, m."""
    l_tail: Length = 300e-9
    """Length of tail and diode, m."""
    r_bias: float = Field(50e3, gt=0, le=1e9)
    """Resistance that sets the amplifier's bias from the input, ohm."""
    r_load: float = Field(80e3, gt=0, le=1e9)
    """Resistance across the mirror, ohm. It sets the gain of the amplifier and the pole of the gate."""
    r_bleed: float = Field(11e3, gt=0, le=1e9)
    """Resistance from the output to ground, ohm. It takes more than the pass device leaks, also hot."""
    c_out: Capacitance = 1e-9
    """Decoupling of the regulated supply per sub-tile, F: about 0.09 mm2 of thick-oxide gates."""
    r_out: float = Field(0.5, ge=0, le=1e3)
    """Series resistance of the whole decoupling, ohm."""
    tolerance: float = Field(0.01, ge=0, le=0.2)
    """Deviation of the reference voltage, fraction."""
    i_idle: Current = 6e-6
    """Current of a sub-tile at rest, A: leakage at 27 C."""
    leakage_slope: float = Field(0.024, ge=0, le=1)
    """Growth of the leakage with the temperature, 1/K: `idle_power` at 27 and 125 C."""
    i_bias: Current = 0.14e-3
    """Current of the ramp biases of both banks, A."""
    i_reset: Current = 0.59e-3
    """Current of the comparators of one bank during its reset, A."""
    i_pulse: Current = 2.7e-3
    """Current of the cells of the K array when the query's pulses start, A: mean over queries and heads."""
    i_pulse_most: Current = 4.6e-3
    """The same, largest of 256 sub-tiles and queries."""
    i_convert: Current = 0.4e-3
    """Current of a sub-tile while a bank converts, A: converters and cells of the V array, mean."""

    def i_rest(self, temperature: float) -> float:
        """Current of a sub-tile at rest, A.

        Args:
            temperature: temperature, C.
        """
        return self.i_idle * exp(self.leakage_slope * (temperature - 27.0))

    @property
    def i_biased(self) -> float:
        """Current of a sub-tile whose ramp biases are on, A."""
        return self.i_idle + self.i_bias

    @property
    def i_peak(self) -> float:
        """Largest current of a sub-tile with mean activations, A: reset and pulses overlap."""
        return self.i_idle + self.i_bias + self.i_reset + self.i_pulse

    @property
    def i_most(self) -> float:
        """Largest current of a sub-tile, A."""
        return self.i_idle + self.i_bias + self.i_reset + self.i_pulse_most

    @property
    def parameters(self) -> dict[str, float]:
        """Instance parameters of the sub-circuit `regulator`."""
        names = ("w_pass", "w_in", "w_mirror", "l_in", "w_tail", "w_diode", "l_tail")
        sizes = {name: getattr(self, name) for name in (*names, "r_bias", "r_load", "r_bleed", "r_out")}
        return sizes | {"c_out": self.c_out * self.sub_tiles}
