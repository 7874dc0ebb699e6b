"""Ways to simulate many points of one circuit, side by side in one run: python benchmarks/runner.py --help

The procedures of gaincell put copies of a circuit into one transient of one short-lived ngspice process. This
measures that against one process per point and against a loop over PySpice's shared library. All run the same
decks with the same options, made before the clock starts, and must give the same answers.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated

import numpy as np
import typer
from decks import CIRCUITS, Circuit, build
from rich.console import Console
from rich.table import Table

from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.runner import Simulation, ngspice_version, simulate

Answers = tuple[np.ndarray, float, float]
"""Answers of the points, and the wall time and processor time it took to get them, s."""


def process_per_point(circuit: Circuit, name: str, technology: str, points: int, copies: int) -> Answers:
    """One `ngspice -b` per point."""
    return copies_in_one_transient(circuit, name, technology, points, 1)


def copies_in_one_transient(
    circuit: Circuit, name: str, technology: str, points: int, copies: int
) -> Answers:
    """One `ngspice -b` per `copies` points, which share a transient."""
    values = circuit.values(points)
    parts = [values[at : at + copies] for at in range(0, points, copies)]
    decks = [(circuit.deck(part), len(part)) for part in parts]
    started, busy = time.perf_counter(), _processor_time()
    answers = []
    for deck, count in decks:
        waves = simulate(Simulation(deck)).require()
        answers += [circuit.answer(waves, i) for i in range(count)]
    return np.array(answers), time.perf_counter() - started, _processor_time() - busy


def pyspice_loop(circuit: Circuit, name: str, technology: str, points: int, copies: int) -> Answers:
    """PySpice's shared library in a worker process, a new circuit per point; without the worker's start."""
    command = [sys.executable, __file__, "--pyspice-worker", "--circuit", name]
    command += ["--technology", technology, "--points", str(points)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers, *seconds = json.loads(done.stdout.splitlines()[-1])
    return np.array(answers), *seconds


def _processor_time() -> float:
    """Of this process and of those it has waited for, s."""
    # os.times counts in hundredths of a second: a short run would take no time.
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _pyspice_worker(circuit: Circuit, points: int) -> None:
    """Simulate every point in this process; the last line of stdout is JSON, the Answers."""
    import logging

    from PySpice.Spice.NgSpice.Shared import NgSpiceShared

    logging.disable(logging.ERROR)  # one "unsupported version" warning, and Note: lines taken for errors
    NgSpiceShared.LIBRARY_PATH = "libngspice.so.0"  # the name under which Debian installs it
    shared = NgSpiceShared.new_instance()
    shared.exec_command("set num_threads=1")
    values, answers = circuit.values(points), []
    decks = [circuit.deck(values[i : i + 1]) for i in range(points)]
    started, busy = time.perf_counter(), _processor_time()
    for deck in decks:
        shared.load_circuit(deck)
        shared.run()
        plot = shared.plot(simulation=None, plot_name=shared.last_plot)
        answers.append(circuit.answer(_waveforms(plot), 0))
        shared.destroy()
        shared.remove_circuit()
    print(json.dumps([answers, time.perf_counter() - started, _processor_time() - busy]))


def _waveforms(plot) -> Waveforms:
    signals = {}
    for name, vector in plot.items():
        branch = name.endswith("#branch")
        signals[f"i({name.removesuffix('#branch')})" if branch else f"v({name})"] = vector._data
    return Waveforms("Transient Analysis", "time", plot["time"]._data, signals)


Way = Callable[[Circuit, str, str, int, int], Answers]
PLAIN, PYSPICE, OURS = "one ngspice per point", "PySpice, new circuit per point", "copies in one transient"
WAYS: dict[str, Way] = {PLAIN: process_per_point, PYSPICE: pyspice_loop, OURS: copies_in_one_transient}


def measure(name: str, technology: str, points: int, copies: int, repeat: int) -> dict:
    """Best time of `repeat` alternating rounds of every way, and how far their answers are apart."""
    circuit = build(name, technology)
    seconds = dict.fromkeys(WAYS, float("inf"))
    busy, answers = dict(seconds), {}
    for _ in range(repeat):
        for way, run_way in WAYS.items():
            answers[way], spent, worked = run_way(circuit, name, technology, points, copies)
            seconds[way], busy[way] = min(seconds[way], spent), min(busy[way], worked)
    differences = {way: float(np.abs(answer - answers[PLAIN]).max()) for way, answer in answers.items()}
    return {
        way: {
            "seconds": seconds[way],
            "processor_seconds": busy[way],
            "points_per_processor_second": points / busy[way],
            "points_per_second": points / seconds[way],
            "speed_up": seconds[PLAIN] / seconds[way],
            "difference": differences[way],
            "unit": circuit.unit,
            "agrees": differences[way] <= circuit.tolerance,
        }
        for way in WAYS
    }


def run(
    circuit: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(CIRCUITS)} [default: all].")
    ] = None,
    technology: Annotated[
        str, typer.Option(help="Shipped technology, or path of a TOML file.")
    ] = "generic28",
    points: Annotated[int, typer.Option(min=1, help="Simulated points of each way.")] = 240,
    copies: Annotated[int, typer.Option(min=1, max=60, help="Copies of the circuit in one transient.")] = 60,
    repeat: Annotated[int, typer.Option(min=1, help="Rounds; the best of each way counts.")] = 3,
    core: Annotated[int | None, typer.Option(min=0, help="Pin everything to this core.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    pyspice_worker: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Time the ways of simulating many points of one circuit."""
    chosen = circuit or list(CIRCUITS)
    if unknown := set(chosen) - set(CIRCUITS):
        raise typer.BadParameter(f"unknown circuit {', '.join(unknown)}; use one of {', '.join(CIRCUITS)}")
    if pyspice_worker:
        _pyspice_worker(build(chosen[0], technology), points)
        return
    if core is not None:
        os.sched_setaffinity(0, {core})
    results = {name: measure(name, technology, points, copies, repeat) for name in chosen}
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
    apart = [f"{name}, {way}" for name, r in results.items() for way, n in r.items() if not n["agrees"]]
    if apart:
        raise SystemExit(f"the answers differ by more than the circuit's tolerance: {'; '.join(apart)}")


def _table(name: str, result: dict) -> Table:
    table = Table("way", "s", "points/s", "speed-up", "points/processor s", "difference", title=name)
    for way, numbers in result.items():
        keys = ("seconds", "points_per_second", "speed_up", "points_per_processor_second")
        cells = (f"{numbers[key]:.3g}" for key in keys)
        table.add_row(way, *cells, f"{numbers['difference']:.2g} {numbers['unit']}")
    return table


if __name__ == "__main__":
    typer.run(run)
