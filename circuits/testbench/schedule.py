"""Start and end of the phases of an operation: clocks of the testbenches, latency of the hardware."""

from __future__ import annotations

from dataclasses import dataclass

from ..designs import Designs

EDGE = 50e-12
"""Rise and fall time of ideal clocks and pulses, s. Widths are measured between the half-amplitude points."""


@dataclass(frozen=True)
class ReadTiming:
    """Timing of one cell read: the pulse, then time for the storage node to recover."""

    t_pulse: float
    """Width of the read pulse, s."""
    start: float = 1e-9
    """Start of the read pulse, s."""
    settle: float = 5e-9
    """Time from the end of the pulse to the end of the transient, s."""

    @property
    def end(self) -> float:
        """End of the transient, s."""
        return self.start + self.t_pulse + self.settle


@dataclass(frozen=True)
class WriteTiming:
    """Timing of one write: the bit line is set, the word line is pulsed, the bit line is released."""

    t_write: float
    """Width of the write pulse, s."""
    start: float = 2e-9
    """Start of the write pulse, s."""
    setup: float = 0.5e-9
    """Time by which the bit line is set before the pulse, s."""
    hold: float = 1e-9
    """Time for which the bit line is held after the pulse, s."""
    settle: float = 5e-9
    """Time from the release of the bit line to the end of the transient, s."""

    @property
    def end(self) -> float:
        """End of the transient, s."""
        return self.start + self.t_write + self.hold + self.settle


@dataclass(frozen=True)
class Schedule:
    """Times of the phases of one operation on an array pair, s from its start.

    The phases are reset, integration, first conversion and second conversion. A converter of two phases
    integrates twice; its capacitor's plates are swapped in between.
    """

    reset: float
    """End of the reset and auto-zero of the first converter, s."""
    wake: float
    """Time at which the first converter's comparator is powered again, s."""
    integrate: float
    """Start of the query pulses, s; with two phases of those of negative queries."""
    swap: float | None
    """Time at which the integration capacitor's plates are swapped, s; None with one phase."""
    positive: float
    """Start of the pulses of positive queries, s; equal to `integrate` with one phase."""
    ramp: float
    """Start of the first ramp and end of the second array's reset, s."""
    window: float
    """Opening of the phi window, which starts the second array's pulses, s."""
    window_end: float
    """Closing of the phi window, s."""
    wake_2: float
    """Time at which the second converter's comparator is powered again, s."""
    sample: float
    """Time at which the sign latches close, s."""
    ramp_2: float
    """Start of the second ramp, s."""
    window_2: float
    """Opening of the read-out window, s."""
    window_2_end: float
    """Closing of the read-out window, s."""
    end: float
    """End of the operation, s."""

    @classmethod
    def of(cls, designs: Designs) -> Schedule:
        """The schedule that follows from the clocking and the skews of the converters."""
        clock = designs.clocking
        integrate = clock.t_reset + clock.t_guard
        swap = integrate + clock.t_pulse_max + clock.t_guard if designs.converter.phases == 2 else None
        positive = integrate if swap is None else swap + clock.t_guard
        ramp = positive + clock.t_pulse_max + clock.t_guard
        window = ramp + designs.converter.t_skew
        window_end = window + clock.t_pulse_max
        ramp_2 = window_end + clock.t_guard
        window_2 = ramp_2 + designs.readout.t_skew
        window_2_end = window_2 + clock.t_pulse_max
        return cls(
            reset=clock.t_reset,
            wake=max(ramp - clock.t_wake, integrate),
            integrate=integrate,
            swap=swap,
            positive=positive,
            ramp=ramp,
            window=window,
            window_end=window_end,
            wake_2=max(ramp_2 - clock.t_wake, window),
            sample=ramp_2 - clock.t_guard / 2,
            ramp_2=ramp_2,
            window_2=window_2,
            window_2_end=window_2_end,
            end=window_2_end + clock.t_guard,
        )

    @classmethod
    def single(cls, designs: Designs, signed: bool) -> Schedule:
        """The schedule of one converter alone, in the place of the first converter.

        Args:
            designs: sizes of the circuits.
            signed: the signed read-out converter instead of the unsigned one.
        """
        first = designs.readout if signed else designs.converter
        schedule = cls.of(designs.model_copy(update={"converter": first}))
        values = vars(schedule) | {
            "sample": schedule.ramp - designs.clocking.t_guard / 2,
            "end": schedule.window_end + designs.clocking.t_guard,
        }
        return cls(**values)

    def pulse_start(self, width: float) -> float:
        """Start of the pulse of a query of the signed width `width` (s), s."""
        return self.integrate if width < 0 else self.positive

    @property
    def phases(self) -> tuple[tuple[str, float], ...]:
        """Name and duration (s) of each phase in order; the durations add up to `end`."""
        return (
            ("reset and auto-zero", self.reset),
            ("first product: integration", self.ramp - self.reset),
            ("conversion to pulses and second product", self.ramp_2 - self.ramp),
            ("signed conversion and count", self.end - self.ramp_2),
        )
