"""Figure `mismatch`: Monte Carlo of cells, writes and converters, with the surrogates over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_manifest, read_table
from ....models import ConverterCurve, RandomCurve, fit_converter_curve, fit_random_curve
from ....models.fitting.converters import converter_parameters
from .axes import PlotAxis
from .style import CYCLE, DIVERGING, INK, MUTED, PALETTE, ordered
from .values import Area, ErrorBars, Figure, HeatMap, Layer, Panel, Series

SHOWN = 150
"""Cells whose curves are drawn."""


def mismatch(folder: Path) -> Figure:
    """Monte Carlo mismatch: cell charge by level and its correlation, write error, converter scatter.

    Args:
        folder: folder of tables.

    Returns:
        Six panels.

    Raises:
        TableError: a table is missing.
    """
    condition = read_manifest(folder)["condition"]
    designs = condition["designs"]
    t_max = designs["clocking"]["t_pulse_max"]
    cells = _good(folder, "cell_mismatch")
    full = cells[np.isclose(cells["t_pulse"], t_max, atol=0)]
    full = full.pivot(index="sample", columns="v_store", values="q_bl").dropna()
    volts, charge = full.columns.to_numpy(), full.to_numpy()
    fitted = fit_random_curve(volts, charge)
    spread = _good(folder, "converter_mismatch")
    nominal = _good(folder, "converter")
    scatter = []
    for signed in (False, True):
        rows = spread[spread["signed"] == signed].assign(t_out=spread["t_out"] / t_max)
        scale = designs["readout" if signed else "converter"]["i_ramp"] * t_max
        scatter.append(_converters(rows, _nominal(nominal, signed, t_max), signed, scale))
    return Figure(
        "mismatch",
        "Mismatch by Monte Carlo",
        (
            _curves(volts, charge),
            _distributions(volts[::2], (charge - charge.mean(axis=0))[:, ::2], fitted),
            _correlations(volts[::2], charge[:, ::2], fitted),
            _writes(_good(folder, "write_mismatch"), designs["cell"]["write_device"]),
            *scatter,
        ),
        columns=3,
        caption="Correlation of the deviations at two levels: SPICE above the diagonal, surrogate below.",
    )


def _good(folder: Path, name: str) -> pd.DataFrame:
    table = read_table(folder, name)
    return table[table["status"] == "ok"]


def _nominal(rows: pd.DataFrame, signed: bool, t_max: float) -> ConverterCurve:
    own = rows[rows["signed"] == signed]
    return fit_converter_curve(own["charge"], own["t_out"] / t_max, own["held_out"].to_numpy(), signed=signed)


def _curves(volts: np.ndarray, charge: np.ndarray) -> Panel:
    """Charge of some cells and the mean of all, against the stored voltage."""
    shown = charge[:SHOWN]
    # One series for all cells: a NaN between two of them breaks the line.
    x = np.tile(np.append(volts, np.nan), len(shown))
    y = np.column_stack([shown, np.full(len(shown), np.nan)]).ravel()
    return Panel(
        PlotAxis("stored voltage", "V"),
        PlotAxis("charge of a full read", "C"),
        (
            Series(x, y, "", MUTED, width=0.4, opacity=0.4),
            Series(volts, charge.mean(axis=0), "mean of all", INK),
        ),
        f"{len(shown)} of {len(charge)} cells",
        height=1.1,
        legend="upper left",
    )


def _distributions(levels: np.ndarray, deviations: np.ndarray, fitted: RandomCurve) -> Panel:
    """Densities on their side, one per level; lines at the surrogate's standard deviation."""
    width = 0.8 * (levels[1] - levels[0])
    layers = [violin(level, own, width) for level, own in zip(levels, deviations.T, strict=True)]
    between = np.linspace(levels[0], levels[-1], 91)
    sigma = np.sqrt(np.diag(fitted.covariance(between)))
    for sign in (-1, 1):
        layers.append(Series(between, sign * sigma, "surrogate, ± σ", PALETTE["orange"]))
    return Panel(
        PlotAxis("stored level", "V"),
        PlotAxis("deviation", "C"),
        tuple(layers),
        "Simulated cells by level",
        height=1.1,
        legend="upper center",
    )


def violin(place: float, values: np.ndarray, width: float) -> Area:
    """Density of a sample as an outline around a vertical line.

    Args:
        place: x of the line.
        values: sample, shape (n,), at least two different numbers.
        width: width where the density is highest, unit of x.

    Returns:
        The outline, from the smallest to the largest value; Gaussian kernels of Scott's width.
    """
    from scipy.stats import gaussian_kde

    y = np.linspace(values.min(), values.max(), 100)
    density = gaussian_kde(values / np.ptp(values))(y / np.ptp(values))
    half = 0.5 * width * density / density.max()
    x = np.concatenate([place - half, (place + half)[::-1]])
    return Area(x, np.concatenate([y, y[::-1]]), PALETTE["blue"])


def _correlations(levels: np.ndarray, charge: np.ndarray, fitted: RandomCurve) -> Panel:
    """Correlation between levels: simulated above the diagonal, the surrogate's below."""
    covariance = fitted.covariance(levels)
    std = np.sqrt(np.diag(covariance))
    shown = np.triu(np.corrcoef(charge.T), 1) + np.tril(covariance / np.outer(std, std))
    # Adding zero turns minus zero into zero.
    texts = np.vectorize(lambda value: f"{round(value, 2) + 0.0:.2f}".replace("-", "−"))(shown)
    ticks = tuple((i, f"{level:.2f}") for i, level in enumerate(levels))
    return Panel(
        PlotAxis("level", "V", ticks=ticks),
        PlotAxis("level", "V", ticks=ticks, reversed=True),
        (HeatMap(shown, (-1.0, 1.0), DIVERGING, texts),),
        "Correlation of levels: SPICE above\nthe diagonal, surrogate below",
        height=1.1,
    )


def _writes(rows: pd.DataFrame, device: str) -> Panel:
    rows = rows[rows["write_device"] == device]
    error = rows["v_written"] - rows["v_target"]
    layers: list[Layer] = []
    for sample, colour in zip(range(5), ordered(5), strict=True):
        own = rows["sample"] == sample
        x, y = rows.loc[own, "v_target"].to_numpy(), error[own].to_numpy()
        layers.append(Series(x, y, "", colour, "line+points", width=0.6, size=2.5))
    spread = error.groupby(rows["v_target"]).agg(["mean", "std"])
    places, mean, extent = (
        spread.index.to_numpy(float),
        spread["mean"].to_numpy(),
        3 * spread["std"].to_numpy(),
    )
    layers.append(ErrorBars(places, mean, extent, "mean of all ± 3 σ"))
    return Panel(
        PlotAxis("level to write", "V"),
        PlotAxis("write error", "V"),
        tuple(layers),
        f"Five cells, write device {device}",
        height=1.1,
        legend="upper left",
    )


def _converters(rows: pd.DataFrame, curve: ConverterCurve, signed: bool, scale: float) -> Panel:
    """Offset against gain of every converter, with the ellipse of two standard deviations."""
    values = converter_parameters(rows, curve, signed=signed).to_numpy()
    names = ("positive charge", "negative charge") if signed else ("ReLU",)
    layers, reach = [], 0.0
    for i, (name, colour) in enumerate(zip(names, CYCLE, strict=False)):
        offset, gain = values[:, 2 * i] / scale, values[:, 2 * i + 1]
        layers.append(Series(offset, gain, name, colour, "points", size=2.2, opacity=0.6))
        layers.append(Series(*_ellipse(offset, gain), "", colour, width=1.2))
        reach = max(reach, float(np.abs(gain).max()))
    return Panel(
        PlotAxis("offset", "% of full scale"),
        PlotAxis("gain deviation", "%", limits=(-1.2 * reach, 1.6 * reach)),
        tuple(layers),
        f"{'Signed' if signed else 'ReLU'} converters: {len(values)}, ellipse 2 σ",
        height=1.1,
        legend="upper right",
    )


def _ellipse(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points two standard deviations from the mean along every direction, shape (91,) each."""
    spread, axes = np.linalg.eigh(np.cov(x, y))
    angle = np.linspace(0, 2 * np.pi, 91)
    around = axes @ (2 * np.sqrt(spread)[:, None] * np.array([np.cos(angle), np.sin(angle)]))
    return x.mean() + around[0], y.mean() + around[1]
