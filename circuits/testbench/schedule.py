"""When the phases of an operation start and end: clocks of the testbenches, latency of the hardware."""

from __future__ import annotations

from dataclasses import dataclass

from ..designs import Designs

EDGE = 50e-12
"""Rise and fall time of ideal clocks and pulses, s. Widths are between the half-amplitude points."""


@dataclass(frozen=True)
class ReadTiming:
    """One cell read: the pulse, then room for the storage node to come back."""

    t_pulse: float
    start: float = 1e-9
    settle: float = 5e-9

    @property
    def end(self) -> float:
        """End of the transient, s."""
        return self.start + self.t_pulse + self.settle


@dataclass(frozen=True)
class WriteTiming:
    """One write: bit line set up, word line pulsed, bit line released."""

    t_write: float
    start: float = 2e-9
    setup: float = 0.5e-9
    hold: float = 1e-9
    settle: float = 5e-9

    @property
    def end(self) -> float:
        """End of the transient, s."""
        return self.start + self.t_write + self.hold + self.settle


@dataclass(frozen=True)
class Schedule:
    """Phases of one operation on an array pair, s from its start: reset, integrate, convert, convert.

    A converter of two phases integrates twice, with the capacitor's plates swapped in between.
    """

    reset: float
    """End of reset and auto-zero of the first converter."""
    wake: float
    """The first converter's comparator is powered again."""
    integrate: float
    """Query pulses start; with two phases those of negative queries."""
    swap: float | None
    """The integration capacitor's plates are swapped; None with one phase."""
    positive: float
    """Pulses of positive queries start: `integrate` with one phase."""
    ramp: float
    """First ramp starts, and the second array's reset ends."""
    window: float
    """phi window opens: the second array's pulses start."""
    window_end: float
    wake_2: float
    sample: float
    """Sign latches close."""
    ramp_2: float
    window_2: float
    window_2_end: float
    end: float

    @classmethod
    def of(cls, designs: Designs) -> Schedule:
        """The schedule that follows from clocking and converter skews."""
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
        """The schedule of one converter alone, its ramp and window in the first converter's place."""
        first = designs.readout if signed else designs.converter
        schedule = cls.of(designs.model_copy(update={"converter": first}))
        values = vars(schedule) | {
            "sample": schedule.ramp - designs.clocking.t_guard / 2,
            "end": schedule.window_end + designs.clocking.t_guard,
        }
        return cls(**values)

    def pulse_start(self, width: float) -> float:
        """When the pulse of a query of signed width (s) starts, s."""
        return self.integrate if width < 0 else self.positive

    @property
    def phases(self) -> tuple[tuple[str, float], ...]:
        """Name and length (s) of each phase, in order; they add up to `end`."""
        return (
            ("reset and auto-zero", self.reset),
            ("first product: integration", self.ramp - self.reset),
            ("conversion to pulses and second product", self.ramp_2 - self.ramp),
            ("signed conversion and count", self.end - self.ramp_2),
        )
