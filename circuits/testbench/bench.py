"""Common parts of the testbenches: operating condition, start and end of a deck, sources."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..designs import Converter, Designs
from ..errors import SimulationError
from ..runner import Simulation
from ..technology import Technology
from .schedule import EDGE, Schedule, WriteTiming

if TYPE_CHECKING:
    from PySpice.Spice.Netlist import Circuit

NETLISTS = Path(__file__).parents[1] / "netlists"
"""Folder of the netlists of the circuits."""

STEP = 50e-12
"""First time step after every edge, s, which ngspice divides further. It sets the accuracy of the edges."""

MAX_STEP = 200e-12
"""Largest time step of pulse-level transients, s. Edges are breakpoints with their own, smaller steps;
between them the local truncation error limits the step. docs/scale.md has the study behind this and
`reltol`."""

TRANSIENT_OPTIONS: Mapping[str, float | str] = {
    "reltol": 2e-4,
    "abstol": 1e-15,
    "vntol": 1e-6,
    "chgtol": 1e-16,
    "gmin": 1e-15,
    "method": "trap",
}
"""Simulator options of pulse-level transients. The default gmin, 1e-12 S, would discharge a storage node in
milliseconds; 1e-15 S changes a 50 ns read by less than 1e-6. chgtol is the charge of the smallest gates: a
smaller charge error does not shorten the steps."""


@dataclass(frozen=True)
class Condition:
    """Technology, sizes and operating point of a testbench."""

    technology: Technology
    """Technology of the transistors."""
    designs: Designs = None  # type: ignore[assignment]
    """Sizes of the circuits; by default those of the technology (`Designs.of`)."""
    corner: str = "tt"
    """Process corner of the technology."""
    temperature: float = 27.0
    """Temperature, Celsius (as SPICE)."""
    supply: float | None = None
    """Supply voltage, V; None for that of the technology."""

    def __post_init__(self) -> None:
        if self.designs is None:
            object.__setattr__(self, "designs", Designs.of(self.technology))

    @property
    def vdd(self) -> float:
        """Supply voltage, V."""
        return self.technology.vdd if self.supply is None else self.supply

    @property
    def v_mid(self) -> float:
        """Rest voltage of the bit lines, V; a stored v_mid stands for zero."""
        return self.vdd / 2

    @property
    def v_write_on(self) -> float:
        """Level of the write word line that opens the cell's write device, V.

        Charge pumps lift it above the rail, so its distance from the supply is constant. The low level is
        relative to ground and needs no correction.
        """
        return self.designs.cell.v_write_on + (self.vdd - self.technology.vdd)

    def write_level(self, target: float) -> float:
        """Voltage of the write bit line for a level, V: trimmed, and shifted for the clock feed-through.

        Args:
            target: level before trimming, V.
        """
        designs = self.designs
        return designs.references.level(float(target), self.vdd) + designs.cell.v_write_shift

    def cascode_p(self, converter: Converter) -> float:
        """Gate voltage of a converter's p cascode, V; its distance from the supply is constant."""
        return converter.v_cascode_p + (self.vdd - self.technology.vdd)

    def describe(self) -> dict[str, Any]:
        """Description of the circuits for the manifest of the results: JSON-able values in SI units."""
        write = WriteTiming(self.designs.cell.t_write)
        return {
            "technology": self.technology.name,
            "corner": self.corner,
            "temperature": self.temperature,
            "vdd": self.vdd,
            "designs": self.designs.model_dump(mode="json"),
            "t_write_operation": write.setup + write.t_write + write.hold,
            "phases": [list(phase) for phase in Schedule.of(self.designs).phases],
        }


def open_circuit(title: str, condition: Condition, *netlists: str) -> Circuit:
    """Start a PySpice circuit with the technology's header and the text of some netlists.

    The netlists are copied into the deck, not included, so that a deck on disk depends only on the library
    of the technology.

    Args:
        title: first line of the deck.
        condition: technology, corner and temperature.
        netlists: names of files in `NETLISTS` without suffix.

    Returns:
        A circuit to which elements can be added.

    Raises:
        SimulationError: PySpice is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from PySpice.Spice.Netlist import Circuit
    except ImportError:
        raise SimulationError(
            "PySpice builds the testbenches and is not installed: pip install 'gaincell[spice]'"
        ) from None
    circuit = Circuit(title)
    text = [condition.technology.header(condition.corner, condition.temperature)]
    text += [(NETLISTS / f"{name}.sp").read_text() for name in netlists]
    circuit.raw_spice = "\n".join(text)
    return circuit


def close_circuit(
    circuit: Circuit,
    *,
    end: float,
    save: Iterable[str],
    initial: Mapping[str, float] | None = None,
    step: float = STEP,
    max_step: float = MAX_STEP,
    options: Mapping[str, float | str] = TRANSIENT_OPTIONS,
    timeout: float = 600.0,
) -> Simulation:
    """Transient simulation of a finished circuit.

    Initial voltages are held during the operating point and then released (.ic without uic), so that all
    other nodes start from a consistent state.

    Args:
        circuit: a circuit from `open_circuit` with its elements added.
        end: end of the transient, s.
        save: vectors to save, by their ngspice names.
        initial: initial voltages, V, by node.
        step: time step of the .tran line, s.
        max_step: largest time step, s.
        options: simulator options by name.
        timeout: wall-clock time limit, s.
    """
    lines = [str(circuit).rstrip()]
    lines += [f".ic v({node})={value!r}" for node, value in (initial or {}).items()]
    lines.append(".options " + " ".join(f"{name}={value}" for name, value in options.items()))
    names = list(save)
    lines += [".save " + " ".join(names[i : i + 8]) for i in range(0, len(names), 8)]
    lines.append(f".tran {step!r} {end!r} 0 {max_step!r}")
    lines.append(".end\n")
    return Simulation("\n".join(lines), end=end, timeout=timeout)


def supply(circuit: Circuit, name: str, volts: float) -> None:
    """Add an ideal DC source `v<name>` between the node `name` and ground.

    Args:
        circuit: circuit to add it to.
        name: name of source and node.
        volts: voltage, V.
    """
    circuit.V(name, name, circuit.gnd, float(volts))


def pulse(
    circuit: Circuit, node: str, start: float, width: float, high: float, low: float = 0.0, source: str = ""
) -> None:
    """Add an ideal pulse source `v<source or node>`.

    A pulse that is too short for its own edges is omitted and the source stays low, since neither a converter
    nor a DAC could make it.

    Args:
        circuit: circuit to add it to.
        node: node that the source drives against ground.
        start: time of the first edge's half-amplitude point, s.
        width: time between the half-amplitude points of the edges, s.
        high: level during the pulse, V.
        low: level before and after the pulse, V.
        source: name of the source; that of the node by default.
    """
    if width <= EDGE:
        circuit.V(source or node, node, circuit.gnd, float(low))
        return
    step(circuit, node, [(0.0, low), (start, high), (start + width, low)], source)


def step(circuit: Circuit, node: str, levels: list[tuple[float, float]], source: str = "") -> None:
    """Add an ideal source with a sequence of levels.

    Args:
        circuit: circuit to add it to.
        node: node that the source drives against ground.
        levels: (time in s, level in V) pairs; the first level holds from the start, each other one is
            reached half-way at its time.
        source: name of the source; that of the node by default.
    """
    (_, level), *moves = levels
    values = [(0.0, float(level))]
    for time, target in moves:
        begin, end = (round(float(time) + side * EDGE / 2, 18) for side in (-1, 1))
        values += [(begin, float(level)), (end, float(target))]
        level = target
    circuit.PieceWiseLinearVoltageSource(source or node, node, circuit.gnd, values=values)
