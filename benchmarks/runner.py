"""Ways to simulate many points of one circuit, side by side in one run: python benchmarks/runner.py --help

The procedures of gaincell put copies of a circuit into one transient of one short-lived ngspice process. This
measures that against one process per point, one process that alters and runs again, and PySpice's shared
library. All of them must give the same answers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from gaincell import circuits
from gaincell.circuits.rawfile import read_raw
from gaincell.circuits.runner import SPICEINIT, Simulation, find_ngspice, ngspice_version, simulate
from gaincell.circuits.technology import Technology

Answers = tuple[np.ndarray, float]
"""Final voltages of the points, V, and the time it took to get them, s."""

TOLERANCE = 1e-3
"""Largest difference between two ways, V: the truncation error of their differing time steps."""


@dataclass(frozen=True)
class Circuit:
    """A circuit that can be repeated: one swept source per copy, answered by a voltage at the end."""

    shared: str
    """Sources and models that all copies use."""
    copy: str
    """Lines of one copy; {i} is its number, {value} its swept source's voltage."""
    analysis: str
    values: tuple[float, float]
    """Range of the swept voltage, V."""

    def deck(self, values: np.ndarray, control: str = "") -> str:
        """A netlist with one copy per value; the answers are v(out<i>), the swept sources vx<i>."""
        copies = [self.copy.format(i=i, value=repr(float(value))) for i, value in enumerate(values)]
        saved = ".save " + " ".join(f"v(out{i})" for i in range(len(values)))
        return "\n".join(["* benchmark", self.shared, *copies, saved, self.analysis, control, ".end"]) + "\n"


def rc_circuit(header: str) -> Circuit:
    """A resistor into a capacitor."""
    copy = "vx{i} in{i} 0 {value}\nr{i} in{i} out{i} 10k\nc{i} out{i} 0 100f ic=0"
    return Circuit("", copy, ".tran 50p 5n uic", (0.1, 0.9))


def mos_circuit(header: str) -> Circuit:
    """A transistor that discharges a capacitor."""
    copy = (
        "vx{i} g{i} 0 {value}\nx{i} out{i} g{i} 0 0 dev_nmos w=80n l=800n\n"
        "c{i} out{i} 0 50f\n.ic v(out{i})=0.9"
    )
    return Circuit(header, copy, ".tran 50p 5n", (0.1, 0.9))


def cell_circuit(header: str) -> Circuit:
    """A gain cell read for 15 ns onto its bit line, its storage node held through the open write device."""
    cell = (Path(circuits.__path__[0]) / "netlists" / "gain_cell.sp").read_text(encoding="utf-8")
    shared = (
        f"{header}{cell}\nvdd vdd 0 0.9\nvwwl wwl 0 1.1\nvwwlb wwlb 0 -0.2\n"
        "vrwl rwl 0 pulse(0 0.9 3n 50p 50p 15n 1)\nvrwlb rwlb 0 pulse(0.9 0 3n 50p 50p 15n 1)"
    )
    copy = (
        "vx{i} wbl{i} 0 {value}\nxcell{i} wbl{i} wwl wwlb rwl rwlb out{i} sn{i} vdd 0 gain_cell\n"
        "c{i} out{i} 0 1.7p\n.ic v(out{i})=0.45"
    )
    return Circuit(shared, copy, ".options gmin=1e-15\n.tran 50p 22n", (0.0, 0.9))


CIRCUITS = {"rc": rc_circuit, "mos": mos_circuit, "cell": cell_circuit}


def process_per_point(circuit: Circuit, values: np.ndarray, copies: int) -> Answers:
    """One `ngspice -b` per point."""
    return copies_in_one_transient(circuit, values, 1)


def copies_in_one_transient(circuit: Circuit, values: np.ndarray, copies: int) -> Answers:
    """One `ngspice -b` per `copies` points, which share a transient."""
    started = time.perf_counter()
    parts = [values[i : i + copies] for i in range(0, len(values), copies)]
    answers = np.concatenate([_final(circuit.deck(part), len(part)) for part in parts])
    return answers, time.perf_counter() - started


def _final(deck: str, count: int) -> np.ndarray:
    waves = simulate(Simulation(deck)).require()
    return np.array([waves[f"v(out{i})"][-1] for i in range(count)])


def alter_and_run(circuit: Circuit, values: np.ndarray, copies: int) -> Answers:
    """One `ngspice -b` that alters the source and runs again for every point."""
    started = time.perf_counter()
    steps = [f"alter vx0 = {float(value)!r}\nrun\nwrite all.raw v(out0)\ndestroy all" for value in values]
    control = "\n".join([".control", "set appendwrite", *steps, "quit 0", ".endc"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".spiceinit").write_text(SPICEINIT)
        (folder / "deck.cir").write_text(circuit.deck(values[:1], control))
        command = [find_ngspice(), "-b", "deck.cir"]
        subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        answers = np.array([plot["v(out0)"][-1] for plot in read_raw(folder / "all.raw")])
    return answers, time.perf_counter() - started


def pyspice_loop(circuit: Circuit, values: np.ndarray, copies: int) -> Answers:
    """PySpice's shared library in a worker process, a new circuit per point; without the worker's start."""
    decks = json.dumps([circuit.deck(values[i : i + 1]) for i in range(len(values))])
    command = [sys.executable, __file__, "--pyspice-worker"]
    done = subprocess.run(command, input=decks, capture_output=True, text=True, check=True)
    answers, seconds = json.loads(done.stdout.splitlines()[-1])
    return np.array(answers), seconds


def _pyspice_worker() -> None:
    """Simulate the decks given as JSON on stdin; the last line of stdout is JSON: answers, seconds."""
    import logging

    from PySpice.Spice.NgSpice.Shared import NgSpiceShared

    logging.disable(logging.ERROR)  # one "unsupported version" warning, and Note: lines taken for errors
    NgSpiceShared.LIBRARY_PATH = "libngspice.so.0"  # the name under which Debian installs it
    shared = NgSpiceShared.new_instance()
    shared.exec_command("set num_threads=1")
    decks, answers = json.loads(sys.stdin.read()), []
    started = time.perf_counter()
    for deck in decks:
        shared.load_circuit(deck)
        shared.run()
        plot = shared.plot(simulation=None, plot_name=shared.last_plot)
        answers.append(float(plot["out0"]._data[-1]))
        shared.destroy()
        shared.remove_circuit()
    print(json.dumps([answers, time.perf_counter() - started]))


Way = Callable[[Circuit, np.ndarray, int], Answers]
WAYS: dict[str, Way] = {
    "one ngspice per point": process_per_point,
    "PySpice shared, new circuit per point": pyspice_loop,
    "one ngspice, alter and run": alter_and_run,
    "copies in one transient": copies_in_one_transient,
}


def measure(circuit: Circuit, points: int, copies: int, repeat: int) -> dict:
    """Best time of `repeat` alternating rounds of every way, and how far their answers are apart."""
    values = np.linspace(*circuit.values, points)
    seconds = {name: float("inf") for name in WAYS}
    answers = {}
    for _ in range(repeat):
        for name, way in WAYS.items():
            answers[name], spent = way(circuit, values, copies)
            seconds[name] = min(seconds[name], spent)
    plain = next(iter(WAYS))
    differences = {name: float(np.abs(answer - answers[plain]).max()) for name, answer in answers.items()}
    return {
        name: {
            "seconds": seconds[name],
            "points_per_second": points / seconds[name],
            "speed_up": seconds[plain] / seconds[name],
            "difference_V": differences[name],
        }
        for name in WAYS
    }


def run(
    circuit: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(CIRCUITS)} [default: all].")
    ] = None,
    technology: Annotated[
        str, typer.Option(help="Shipped technology, or path of a TOML file.")
    ] = "generic28",
    points: Annotated[int, typer.Option(min=1, help="Simulated points of each way.")] = 200,
    copies: Annotated[int, typer.Option(min=1, help="Copies of the circuit in one transient.")] = 100,
    repeat: Annotated[int, typer.Option(min=1, help="Rounds; the best of each way counts.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    pyspice_worker: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Time the ways of simulating many points of one circuit."""
    if pyspice_worker:
        _pyspice_worker()
        return
    chosen = circuit or list(CIRCUITS)
    if unknown := set(chosen) - set(CIRCUITS):
        raise typer.BadParameter(f"unknown circuit {', '.join(unknown)}; use one of {', '.join(CIRCUITS)}")
    header = Technology.load(technology).header("tt")
    results = {name: measure(CIRCUITS[name](header), points, copies, repeat) for name in chosen}
    worst = max(way["difference_V"] for result in results.values() for way in result.values())
    if as_json:
        conditions = {
            "points": points,
            "copies": copies,
            "ngspice": ngspice_version(),
            "load": os.getloadavg()[0],
        }
        print(json.dumps({**conditions, "circuits": results}))
    else:
        for name, result in results.items():
            Console().print(_table(name, result))
    if worst > TOLERANCE:
        raise SystemExit(f"the ways differ by {worst:.2g} V, more than {TOLERANCE:g} V")


def _table(name: str, result: dict) -> Table:
    table = Table("way", "s", "points/s", "speed-up", "difference / V", title=name)
    for way, numbers in result.items():
        cells = (
            f"{numbers[key]:.3g}" for key in ("seconds", "points_per_second", "speed_up", "difference_V")
        )
        table.add_row(way, *cells)
    return table


if __name__ == "__main__":
    typer.run(run)
