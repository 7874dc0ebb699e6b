"""What every testbench shares: the operating condition, netlist opening and closing, sources."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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

STEP = 50e-12
"""First time step after every edge, s, where ngspice divides it further: sets edge accuracy."""

MAX_STEP = 200e-12
"""Largest time step of pulse-level transients, s. Edges are breakpoints with steps of their own; between them
the local truncation error decides (docs/scale.md has the study that this and `reltol` come from)."""

TRANSIENT_OPTIONS: Mapping[str, float | str] = {
    "reltol": 2e-4,
    "abstol": 1e-15,
    "vntol": 1e-6,
    "chgtol": 1e-16,
    "gmin": 1e-15,
    "method": "trap",
}
"""Simulator options of pulse-level transients. The default gmin, 1e-12, would discharge a storage node in
milliseconds; 1e-15 changes a 50 ns read by less than 1e-6. chgtol is the charge of the smallest gates: less
than it no longer asks for shorter steps."""


@dataclass(frozen=True)
class Condition:
    """Technology, sizes and operating point of a testbench."""

    technology: Technology
    designs: Designs = field(default_factory=Designs)
    corner: str = "tt"
    temperature: float = 27.0
    """Celsius (as SPICE)."""
    supply: float | None = None
    """Supply, V; None for the technology's."""

    @property
    def vdd(self) -> float:
        """Supply, V."""
        return self.technology.vdd if self.supply is None else self.supply

    @property
    def v_mid(self) -> float:
        """Rest voltage of the bit lines, V: a stored v_mid means zero."""
        return self.vdd / 2

    @property
    def v_write_on(self) -> float:
        """Write word-line level that opens the cell's write device, V.

        Charge pumps lift it above the rail, so it keeps its distance from the supply; the low level is held
        against ground and needs no correction.
        """
        return self.designs.cell.v_write_on + (self.vdd - self.technology.vdd)

    def cascode_p(self, converter: Converter) -> float:
        """Gate voltage of a converter's p cascode, V: derived from the supply rail, it keeps its distance."""
        return converter.v_cascode_p + (self.vdd - self.technology.vdd)

    def describe(self) -> dict[str, Any]:
        """What a reader of the results needs to know of the circuits: JSON-able, SI units."""
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
    """A PySpice circuit that starts with the technology and the text of the named netlists.

    The netlists are copied in, not included, so that a deck on disk depends on the technology library alone.

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
    """The transient simulation of a finished circuit.

    Initial voltages are held while the operating point is found and then released (.ic without uic), so that
    all other nodes start from a consistent state.

    Args:
        circuit: a circuit from `open_circuit` with its elements added.
        end: length of the transient, s.
        save: vectors to keep, as ngspice names them.
        initial: node -> voltage, V.
        step: time step that ngspice suggests itself, s.
        max_step: largest step, s.
        options: simulator options.
        timeout: wall time after which the run is given up, s.
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
    """An ideal DC source `v<name>` on the node `name`."""
    circuit.V(name, name, circuit.gnd, float(volts))


def pulse(
    circuit: Circuit, node: str, start: float, width: float, high: float, low: float = 0.0, source: str = ""
) -> None:
    """An ideal pulse `v<source or node>` from low to high; `width` (s) between half-amplitude points.

    A width too short for its own edges gives a source that stays low: no converter or DAC could make it.
    """
    if width <= EDGE:
        circuit.V(source or node, node, circuit.gnd, float(low))
        return
    step(circuit, node, [(0.0, low), (start, high), (start + width, low)], source)


def step(circuit: Circuit, node: str, levels: list[tuple[float, float]], source: str = "") -> None:
    """An ideal source that moves to `level` (V) at each `time` (s), half-way through an edge.

    Args:
        circuit: where to add it.
        node: node it drives against ground.
        levels: (time, level) pairs; the first level holds from the start.
        source: name of the source; that of the node by default.
    """
    (_, level), *moves = levels
    values = [(0.0, float(level))]
    for time, target in moves:
        values += [(float(time - EDGE / 2), float(level)), (float(time + EDGE / 2), float(target))]
        level = target
    circuit.PieceWiseLinearVoltageSource(source or node, node, circuit.gnd, values=values)
