"""Testbench of disturbance: idle cells while their neighbours on shared lines are written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..designs import Designs
from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, supply
from .cells import RETENTION_OPTIONS
from .schedule import EDGE, WriteTiming

DISTURB_OPTIONS = RETENTION_OPTIONS | {"gmin": 1e-19, "abstol": 1e-15, "reltol": 3e-5}
"""Simulator options. Changes of nanovolts per operation must exceed the rounding error, so the steps are
finer than in a pulse-level transient. With the gmin of a retention transient the edges do not converge; this
gmin discharges a node by 1e-5 V/s."""

WORDS = ("written", "read", "idle")
"""Words of the small array, on common bit lines: written repeatedly, read repeatedly, and idle."""


@dataclass(frozen=True)
class DisturbTiming:
    """Timing of one operation on the small array: a write of one word, then a read of another."""

    write: WriteTiming
    """Timing of the write, from the start of the operation."""
    t_read: float
    """Width of the read pulse, s."""
    gap: float = 2e-9
    """Time between write and read, and from the read to the end of the operation, s."""

    @classmethod
    def of(cls, designs: Designs) -> DisturbTiming:
        """Timing with the write and read pulses of the designs."""
        return cls(WriteTiming(designs.cell.t_write, start=1e-9), designs.clocking.t_pulse_max)

    @property
    def released(self) -> float:
        """End of the write, s from the start of the operation."""
        return self.write.start + self.write.t_write + self.write.hold

    @property
    def read(self) -> float:
        """Start of the read, s from the start of the operation."""
        return self.released + self.gap

    @property
    def period(self) -> float:
        """Duration of an operation, s."""
        return self.read + self.t_read + self.gap


def disturb(
    condition: Condition,
    v_store: Mapping[str, Sequence[float]],
    *,
    operations: int,
    v_data: float,
    write: bool = True,
    read: bool = True,
) -> Simulation:
    """Three words of cells on common write and read bit lines, for several operations.

    In each operation the word `written` is written: the write bit lines go from mid-supply to v_data and
    back. Then the word `read` gets a full read pulse, while the bit lines move by a converter's full swing.
    The word `written` has one cell, since its columns are identical. All lines are ideal sources.

    Saves v(<word>_<i>) of the words `read` and `idle`.

    Args:
        condition: technology, sizes, operating point.
        v_store: voltages stored at the start in the words `read` and `idle`, V, by word.
        operations: number of operations.
        v_data: level that is written, V.
        write: whether the word `written` is written.
        read: whether the word `read` is read.
    """
    cell, vdd, mid = condition.designs.cell, condition.vdd, condition.v_mid
    timing = DisturbTiming.of(condition.designs)
    circuit = open_circuit("disturbance of stored voltages", condition, "gain_cell")
    supply(circuit, "vdd", vdd)
    on, off = condition.v_write_on, cell.v_write_off
    begin, width = timing.write.start, cell.t_write
    data = (begin - timing.write.setup, width + timing.write.setup + timing.write.hold)
    converter = condition.designs.converter
    swing = converter.i_ramp * timing.t_read / converter.c_int
    repeat = _Repeat(circuit, timing.period, operations)
    repeat("wwl_written", off, on, begin, width, active=write)
    repeat("wwlb_written", vdd - off, vdd - on, begin, width, active=write)
    supply(circuit, "wwl_closed", off)
    supply(circuit, "wwlb_closed", vdd - off)
    repeat("rwl_read", 0.0, vdd, timing.read, timing.t_read, active=read)
    repeat("rwlb_read", vdd, 0.0, timing.read, timing.t_read, active=read)
    supply(circuit, "rwl_closed", 0.0)
    supply(circuit, "rwlb_closed", vdd)
    repeat("wbl", mid, v_data, *data, active=write)
    repeat("bl", mid, mid - swing, timing.read, timing.t_read, active=read)
    initial = {}
    for word in WORDS:
        written = "written" if word == "written" else "closed"
        pulsed = "read" if word == "read" else "closed"
        lines = (f"wwl_{written}", f"wwlb_{written}", f"rwl_{pulsed}", f"rwlb_{pulsed}")
        for i, stored in enumerate([v_data] if word == "written" else v_store[word]):
            nodes = ("wbl", *lines, "bl", f"{word}_{i}", "vdd", circuit.gnd)
            circuit.X(f"{word}_{i}", cell.subcircuit, *nodes, **cell.parameters)
            initial[f"{word}_{i}"] = float(stored)
    return close_circuit(
        circuit,
        end=operations * timing.period,
        save=[f"v({node})" for node in initial if not node.startswith("written")],
        initial=initial,
        max_step=2e-9,
        options=DISTURB_OPTIONS,
        timeout=3600.0,
    )


class _Repeat:
    """Adds sources with one pulse in every operation."""

    def __init__(self, circuit, period: float, operations: int) -> None:
        self.circuit, self.period, self.end = circuit, period, operations * period

    def __call__(
        self, node: str, low: float, high: float, start: float, width: float, *, active: bool
    ) -> None:
        """Add a source on `node` at `low` (V), with pulses to `high` (V) if it is active."""
        if not active or low == high:
            supply(self.circuit, node, low)
            return
        self.circuit.PulseVoltageSource(
            node,
            node,
            self.circuit.gnd,
            initial_value=float(low),
            pulsed_value=float(high),
            delay_time=float(start - EDGE / 2),
            rise_time=EDGE,
            fall_time=EDGE,
            pulse_width=float(width - EDGE),
            period=float(self.period),
        )
