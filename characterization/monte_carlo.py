"""Decks whose copies are numbered samples of a Monte Carlo, so that tables can be paired and extended."""

from __future__ import annotations

import pandas as pd

from ..circuits.mismatch import require_mismatch, standard_normals, transistors, with_mismatch
from ..circuits.runner import Simulation
from .procedure import Context

CELL, CONVERTER, READOUT = "cell", "converter", "readout"
"""Names of circuits with independent draws. Procedures with the same name simulate the same samples."""


def with_sampled_mismatch(
    ctx: Context, simulation: Simulation, circuit: str, subcircuit: str, samples: pd.Series
) -> Simulation:
    """Give every copy of a sub-circuit in a deck the deviations of one sample.

    A sample has the same standard normal numbers in every procedure, condition and size. They depend only on
    the seed of the plan, the name of the circuit, the number of the sample and the path of the transistor.

    Args:
        ctx: context with the technology and the seed.
        simulation: simulation whose deck has the copies at its top level.
        circuit: name of the circuit that is drawn, such as `CELL`.
        subcircuit: name of the sub-circuit.
        samples: number of the sample of each copy, in the order of the deck, shape (copies,).

    Returns:
        The simulation with the deviations.

    Raises:
        TechnologyError: the model of a transistor names no parameter that shifts its threshold.
    """
    devices = transistors(simulation.netlist, subcircuit)
    require_mismatch(ctx.technology, devices)
    normals = standard_normals(ctx.seed, circuit, devices, samples.to_numpy())
    return with_mismatch(simulation, subcircuit, normals)
