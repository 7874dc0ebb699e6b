"""Noise of a hardware from the `noise` table, or from kT/C without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..array import Noise

BOLTZMANN = 1.380649e-23
"""Boltzmann constant, J/K."""

MEAN_WIDTH = 0.5
"""Pulse width / T_max for the noise of cells and ramps; their noise charge grows with its square root."""


def thermal_noise(c_line: Mapping[bool, float], designs: Mapping[str, Any], celsius: float) -> Noise:
    """kT/C noise of a write and of the comparators' auto-zero; no jitter.

    The auto-zero samples a voltage of sqrt(k T / c_az) rms, which shifts the trip point and is equivalent to
    c_line times as much charge. The voltage that the reset samples on the integration node is stored across
    c_az as well and cancels.

    Args:
        c_line: capacitance of integration node and bit line by `signed`, F.
        designs: sizes, as in the manifest's condition.
        celsius: temperature, Celsius.
    """
    thermal = BOLTZMANN * (celsius + 273.15)
    charge = {s: c_line[s] * np.sqrt(thermal / _converter(designs, s)["c_az"]) for s in (False, True)}
    written = float(np.sqrt(thermal / designs["cell"]["c_store"]))
    return Noise(charge_1=float(charge[False]), charge_2=float(charge[True]), write_volts=written)


def fit_noise(
    table: pd.DataFrame | None,
    c_line: Mapping[bool, float],
    designs: Mapping[str, Any],
    celsius: float,
) -> Noise:
    """Noise of a hardware from the table of the procedure `noise`; `thermal_noise` without one.

    The charge noise of a node has two parts: the auto-zero's sample, referred to the node through the
    coupling capacitor, and the cells of a full column at uniformly distributed levels. The jitter has two
    parts as
    well: comparator and ramp. Pulses are half of T_max long on average.

    Args:
        table: table of the procedure `noise`, or None.
        c_line: capacitance of integration node and bit line by `signed`, F.
        designs: sizes, as in the manifest's condition.
        celsius: temperature, Celsius.
    """
    formula = thermal_noise(c_line, designs, celsius)
    if table is None:
        return formula
    budget = noise_budget(table, c_line, designs)
    charge, jitter = {}, {}
    for signed in (False, True):
        zero, cells, trip, ramp = budget[signed].values()
        charge[signed] = float(np.hypot(zero, cells)) * _full_scale(designs, signed)
        jitter[signed] = float(np.hypot(trip, ramp))
    written = table.loc[table["source"] == "storage", "v_rms"]
    return Noise(
        charge_1=charge[False],
        charge_2=charge[True],
        write_volts=float(np.sqrt((written**2).mean())) if len(written) else formula.write_volts,
        jitter_1=jitter[False],
        jitter_2=jitter[True],
    )


def noise_budget(
    table: pd.DataFrame, c_line: Mapping[bool, float], designs: Mapping[str, Any]
) -> dict[bool, dict[str, float]]:
    """Rms of each contribution to a converted pulse, as a fraction of T_max, by `signed`.

    Args:
        table: table of the procedure `noise`.
        c_line: capacitance of integration node and bit line by `signed`, F.
        designs: sizes, as in the manifest's condition.

    Returns:
        By `signed`: label of the contribution -> rms, fraction of T_max.
    """
    cell = float((table.loc[table["source"] == "cell", "q_rms"] ** 2).mean())
    budget = {}
    for signed in (False, True):
        own = table[table["signed"] == signed].set_index("source")
        charges = {
            "auto-zero": own.loc["auto-zero", "v_rms"] / own.loc["coupling", "gain"] * c_line[signed],
            "cells of a column": np.sqrt(designs["array"]["rows"] * MEAN_WIDTH * cell),
            "comparator": own.loc["comparator", "v_rms"] * c_line[signed],
            "ramp": own.loc[own.index.str.endswith("ramp"), "q_rms"].max() * np.sqrt(MEAN_WIDTH),
        }
        budget[signed] = {name: float(q / _full_scale(designs, signed)) for name, q in charges.items()}
    return budget


def _full_scale(designs: Mapping[str, Any], signed: bool) -> float:
    return _converter(designs, signed)["i_ramp"] * designs["clocking"]["t_pulse_max"]


def _converter(designs: Mapping[str, Any], signed: bool) -> Mapping[str, float]:
    return designs["readout" if signed else "converter"]
