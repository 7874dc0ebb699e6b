"""Decks whose copies are samples of a Monte Carlo, numbered so that tables can be paired and extended."""

from __future__ import annotations

import pandas as pd

from ..circuits.mismatch import require_mismatch, standard_normals, transistors, with_mismatch
from ..circuits.runner import Simulation
from .procedure import Context

CELL, CONVERTER, READOUT = "cell", "converter", "readout"
"""Circuits drawn independently. Procedures that name the same one see the same samples."""


def with_sampled_mismatch(
    ctx: Context, simulation: Simulation, circuit: str, subcircuit: str, samples: pd.Series
) -> Simulation:
    """The deck with the deviations of the given samples, one per copy of `subcircuit` in the deck's order.

    A sample has the same standard normal numbers in every procedure, condition and size: they follow from
    the plan's seed, the circuit, the sample's number and the transistor's path.

    Raises:
        TechnologyError: a transistor's model names no parameter that shifts its threshold.
    """
    devices = transistors(simulation.netlist, subcircuit)
    require_mismatch(ctx.technology, devices)
    normals = standard_normals(ctx.seed, circuit, devices, samples.to_numpy())
    return with_mismatch(simulation, subcircuit, normals)
