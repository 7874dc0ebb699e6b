"""Edges of an operation's clocks on the grid of the digital clock, as `sequencer` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..designs import Designs
from ..testbench.schedule import EDGE, Schedule


@dataclass(frozen=True)
class Sequence:
    """Lines of the sequencer with their edges, in half periods of the clock."""

    lines: Mapping[str, tuple[int, int]]
    """Rising and falling edge of each line, half periods from the start of the operation. A bank's line `on`
    is the OR of `rst` and `awake`, that of the second pair of swap switches the OR of `rst` and `reverse`."""
    end: int
    """End of the operation, half periods; a whole number of periods."""
    half: float
    """Half a period of the clock, s."""

    @classmethod
    def of(cls, designs: Designs) -> Sequence:
        """The sequence that follows `Schedule` on the grid of half clock periods.

        Every duration of the schedule is rounded to the grid on its own, so that pulses and windows keep
        their exact length. The delay of a window against its ramp (`t_skew`) is the replica's; that of the
        grid differs by at most a quarter of a period.

        Args:
            designs: sizes and durations.
        """
        half = designs.clocking.t_pulse_max / (designs.levels.query - 1) / 2
        schedule = Schedule.of(_on_grid(designs, half))

        def at(time: float) -> int:
            return round(time / half)

        close = half * max(1, at(4 * EDGE))
        lines = {name: (at(rise), at(fall)) for name, (rise, fall) in _edges(schedule, close).items()}
        full = 2 * (designs.levels.query - 1)
        # The generators' pulses begin one clock after their line.
        lines["query"] = (at(schedule.integrate) - 2, at(schedule.integrate) + full)
        if schedule.swap is not None:
            lines["query2"] = (at(schedule.positive) - 2, at(schedule.positive) + full)
            lines["forward"] = (0, at(schedule.swap) - 1)
            lines["reverse"] = (at(schedule.swap), at(schedule.end))
        end = max(at(schedule.end), *(fall for _, fall in lines.values()))
        return cls(lines, end + end % 2, half)

    @property
    def counts_on_falling_edges(self) -> bool:
        """Whether the read-out counters take the inverted clock.

        They count in the middle of a level step, half a period after the window opens.
        """
        return self.lines["win2"][0] % 2 == 0

    @property
    def bits(self) -> int:
        """Bits of a time in half periods."""
        return (self.end + 2).bit_length()

    @property
    def parameters(self) -> dict[str, str | int]:
        """Parameters of the Verilog module."""
        packed = []
        for edge in (0, 1):
            values = [f"{self.bits}'d{edges[edge]}" for edges in self.lines.values()]
            packed.append("{" + ", ".join(reversed(values)) + "}")
        return {
            "LINES": len(self.lines),
            "BITS": self.bits,
            "END": self.end,
            "RISE": packed[0],
            "FALL": packed[1],
        }

    def levels(self) -> dict[str, list[int]]:
        """Level of each line in each half period of the operation: the Python model of the sequencer."""
        return {
            name: [int(rise <= tick < fall) for tick in range(self.end)]
            for name, (rise, fall) in self.lines.items()
        }

    def deviations(self, designs: Designs) -> dict[str, tuple[float, float]]:
        """Edges of each of the schedule's lines minus those of `Schedule`, s.

        Args:
            designs: the designs that the sequence was made of.
        """
        wanted = _edges(Schedule.of(designs), 4 * EDGE)
        return {
            name: (self.half * self.lines[name][0] - rise, self.half * self.lines[name][1] - fall)
            for name, (rise, fall) in wanted.items()
        }


def _edges(schedule: Schedule, close: float) -> dict[str, tuple[float, float]]:
    """Rising and falling edge of the converters' lines (s), as in `converters.bank_clocks`.

    schedule: times of the phases.
    close: time from the end of a window to the end of its ramp, s.
    """
    return {
        "rst": (0.0, schedule.reset),
        "awake": (schedule.wake, schedule.window_end + close),
        "ramp": (schedule.ramp, schedule.window_end + close),
        "win": (schedule.window, schedule.window_end),
        "rst2": (schedule.ramp - schedule.reset, schedule.ramp),
        "awake2": (schedule.wake_2, schedule.window_2_end + close),
        "ramp2": (schedule.ramp_2, schedule.window_2_end + close),
        "win2": (schedule.window_2, schedule.window_2_end),
        "smp2": (0.0, schedule.sample),
    }


def _on_grid(designs: Designs, half: float) -> Designs:
    """Designs whose reset and guards are whole periods, and whose other durations are half periods."""

    def halves(time: float, unit: int = 1) -> float:
        return half * unit * round(time / half / unit)

    clock = designs.clocking
    update = {
        "t_reset": max(2 * half, halves(clock.t_reset, 2)),
        "t_guard": max(2 * half, halves(clock.t_guard, 2)),
        "t_wake": max(half, halves(clock.t_wake)),
    }
    return designs.model_copy(
        update={
            "clocking": clock.model_copy(update=update),
            **{
                name: part.model_copy(update={"t_skew": halves(part.t_skew)})
                for name, part in (("converter", designs.converter), ("readout", designs.readout))
            },
        }
    )
