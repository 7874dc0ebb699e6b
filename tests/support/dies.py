"""Fitted hardware of one made-up cell at any corner, temperature and supply, with closed forms."""

from functools import cache

import numpy as np

from gaincell.models import (
    CellReads,
    ColumnModel,
    Constant,
    ConverterVariation,
    EnergyModel,
    Hardware,
    Mismatch,
    Noise,
    Phase,
    RandomCurve,
    Retention,
    StageEnergy,
    Timing,
    WriteError,
    fit_converter_curve,
    fit_polynomial,
    fit_separable_aging,
    fit_spline,
)

STRENGTHS = {"tt": (0, 0), "ff": (1, 1), "ss": (-1, -1), "fs": (1, -1), "sf": (-1, 1)}
"""Corner -> strength of n and p, in units of the corners."""
AGES = np.concatenate([[0.0], np.geomspace(1e-6, 1e3, 91)])
ACTIVATION = 6000.0
"""Activation energy of the leak over the Boltzmann constant, K."""


def warmth(temperature: float) -> float:
    """A quantity that is linear in the inverse absolute temperature, 1 at 27 C, 1.14 at -40 C."""
    return 1 + 150 * (1 / (temperature + 273.15) - 1 / 300.15)


def charge(x: np.ndarray, n: float, p: float, temperature: float) -> np.ndarray:
    """Charge of a full read at the stored voltage x, of the supply; weaker when hot, n above and p below."""
    above, below = np.maximum(x - 0.5, 0), np.maximum(0.5 - x, 0)
    mobility = warmth(temperature)
    return 4e-14 * mobility * ((1 + 0.2 * n) * 4 * above**2 - (1 + 0.2 * p) * 4 * below**2)


def full_scale(n: float, p: float, temperature: float) -> float:
    """Full scale of the first converter, eight cells' charge, C."""
    ends = charge(np.array([0.0, 1.0]), n, p, temperature)
    return float(4 * (ends[1] - ends[0]))


def time_constant(temperature: float) -> float:
    """Time constant of the leak, s."""
    return float(np.exp(ACTIVATION * (1 / (temperature + 273.15) - 1 / 300.15)))


def column(volts: np.ndarray, q_scale: float, low: float) -> ColumnModel:
    """A bit line that loses half of its loading."""
    loading = fit_spline(volts, 1e-3 * (1 + volts / volts[-1]))
    box = {"a": (low, 1.0), "u": (0.0, 0.2)}
    return ColumnModel(loading=loading, coefficients=[[0, -0.5], [0, 0]], q_scale=q_scale, box=box)


def hardware_at(corner: str = "tt", temperature: float = 27.0, vdd: float = 0.9, **update) -> Hardware:
    """The hardware fitted at one condition, with some fields replaced."""
    fitted = _fitted(corner, temperature, vdd)
    return Hardware(**dict(fitted) | update) if update else fitted


@cache
def _fitted(corner: str, temperature: float, vdd: float) -> Hardware:
    n, p = STRENGTHS[corner]
    x = np.linspace(0, 1, 41)
    volts, q_sat = x * vdd, full_scale(n, p, temperature)
    cell = fit_spline(volts, charge(x, n, p, temperature))
    stored = x[:, None] * vdd + (0.5 - x[:, None]) * vdd * (1 - np.exp(-AGES / time_constant(temperature)))
    retention = Retention(
        voltages=volts, ages=AGES, drift=stored - volts[:, None], box={"v0": (0.0, vdd), "age": (0.0, 1e3)}
    )
    reads = retention.readable_ages(8, 0.0, vdd)
    cells = {"table": cell, "poly3": fit_polynomial(volts, charge(x, n, p, temperature), 3, center=vdd / 2)}
    relative = np.linspace(-1.6, 1.6, 65)
    signed = np.clip(relative * warmth(temperature), -1, 1)
    values = {
        "name": "closed",
        "origin": "simulated",
        "v_max": vdd,
        "v_zero": vdd / 2,
        "cells": cells,
        "cell": "table",
        "q_sat_1": q_sat,
        "q_sat_2": q_sat / 2,
        "edge": -1e-17,
        "column_1": column(volts, q_sat, 0.0),
        "column_2": column(volts, q_sat / 2, -1.0),
        "phi": fit_converter_curve(relative * q_sat, np.clip(signed, 0, 1)),
        "readout": fit_converter_curve(relative * q_sat / 2, signed, signed=True),
        "retention": retention,
        "aging": {name: fit_separable_aging(curve, retention, reads) for name, curve in cells.items()},
        "write": WriteError(curve=fit_spline(volts, volts - 1e-3 * vdd * x)),
        "noise": Noise(charge_1=1e-16, charge_2=1e-16),
        "timing": Timing(phases=(Phase(name="all", seconds=6e-8, origin="simulated"),)),
        "energy": EnergyModel(
            stages=(
                StageEnergy(name="dac", origin="estimate", law=Constant(joules=1e-12)),
                StageEnergy(
                    name="cells",
                    origin="simulated",
                    law=CellReads(array=1, curve=fit_spline(volts, 1e-14 * x)),
                ),
            )
        ),
        "provenance": {"condition": {"corner": corner, "temperature": temperature, "vdd": vdd}},
    }
    return Hardware(**values)


def local() -> Mismatch:
    """A little mismatch of cells and first converters."""
    x = np.linspace(0, 0.9, 7)
    return Mismatch(
        cell=RandomCurve(modes=(fit_spline(x, 1e-15 + 1e-15 * x),)),
        phi=ConverterVariation(mean=[1e-15, 0.0], factor=[[2e-15, 0.0], [0.0, 0.02]]),
    )
