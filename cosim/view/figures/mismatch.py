"""Figure `mismatch`: Monte Carlo of cell, write and converters, and the surrogates drawn over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_manifest, read_table
from ....models import ConverterCurve, RandomCurve, fit_converter_curve, fit_random_curve
from ....models.fitting.variation import converter_parameters
from .drawing import Canvas, Ellipse
from .style import CYCLE, INK, MUTED, PALETTE, ordered

SHOWN = 150
"""Cells whose curves are drawn."""


def mismatch(folder: Path) -> Canvas:
    """Monte Carlo mismatch: cell charge by level and its correlation, write error, converter scatter."""
    condition = read_manifest(folder)["condition"]
    t_max = condition["designs"]["clocking"]["t_pulse_max"]
    canvas = Canvas(figsize=(9.6, 6.0), layout="constrained")
    (curves, levels, matrix), (written, relu, signed) = canvas.subplots(2, 3)
    cells = _good(folder, "cell_mismatch")
    full = cells[np.isclose(cells["t_pulse"], t_max, atol=0)]
    full = full.pivot(index="sample", columns="v_store", values="q_bl").dropna()
    volts, charge = full.columns.to_numpy(), full.to_numpy() * 1e15
    fitted = fit_random_curve(volts, charge)
    curves.plot(volts, charge[:SHOWN].T, color=MUTED, linewidth=0.4, alpha=0.4)
    curves.plot(volts, charge.mean(axis=0), color=INK)
    curves.set(xlabel="stored voltage (V)", ylabel="charge of a full read (fC)")
    curves.set_title(f"{min(SHOWN, len(charge))} of {len(charge)} cells", fontsize=8)
    _distributions(levels, volts[::2], (charge - charge.mean(axis=0))[:, ::2], fitted)
    levels.set(xlabel="stored level (V)", ylabel="deviation (fC)")
    _correlations(matrix, volts[::2], charge[:, ::2], fitted)
    _writes(written, _good(folder, "write_mismatch"), condition["designs"]["cell"]["write_device"])
    for ax, kind in ((relu, False), (signed, True)):
        rows = _good(folder, "converter_mismatch")
        rows = rows[rows["signed"] == kind].assign(t_out=rows["t_out"] / t_max)
        scale = condition["designs"]["readout" if kind else "converter"]["i_ramp"] * t_max
        _converters(ax, rows, _nominal(_good(folder, "converter"), kind, t_max), kind, scale)
    return canvas


def _good(folder: Path, name: str) -> pd.DataFrame:
    table = read_table(folder, name)
    return table[table["status"] == "ok"]


def _nominal(rows: pd.DataFrame, signed: bool, t_max: float) -> ConverterCurve:
    own = rows[rows["signed"] == signed]
    return fit_converter_curve(own["charge"], own["t_out"] / t_max, own["held_out"].to_numpy(), signed=signed)


def _distributions(ax, levels: np.ndarray, deviations: np.ndarray, fitted: RandomCurve) -> None:
    """Histograms on their side, one per level; lines at the surrogate's standard deviation."""
    width = 0.8 * (levels[1] - levels[0])
    parts = ax.violinplot(list(deviations.T), levels, widths=width, showextrema=False)
    for body in parts["bodies"]:
        body.set(facecolor=PALETTE["blue"], alpha=0.45, linewidth=0)
    between = np.linspace(levels[0], levels[-1], 91)
    sigma = np.sqrt(np.diag(fitted.covariance(between)))
    for sign in (-1, 1):
        ax.plot(between, sign * sigma, color=PALETTE["orange"], label="surrogate, ± σ" if sign > 0 else None)
    ax.legend(loc="upper center")
    ax.set_title("simulated cells by level", fontsize=8)


def _correlations(ax, levels: np.ndarray, charge: np.ndarray, fitted: RandomCurve) -> None:
    """Correlation between levels: simulated above the diagonal, the surrogate's below."""
    covariance = fitted.covariance(levels)
    std = np.sqrt(np.diag(covariance))
    shown = np.triu(np.corrcoef(charge.T), 1) + np.tril(covariance / np.outer(std, std))
    ax.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(shown):
        colour = "white" if abs(value) > 0.7 else INK
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6, color=colour)
    ticks = [f"{level:.2f}" for level in levels]
    ax.set_xticks(range(len(levels)), ticks, fontsize=7)
    ax.set_yticks(range(len(levels)), ticks, fontsize=7)
    ax.grid(visible=False)
    ax.set_title("correlation of levels (V):\nSPICE above the diagonal, surrogate below", fontsize=8)


def _writes(ax, rows: pd.DataFrame, device: str) -> None:
    rows = rows[rows["write_device"] == device]
    error = (rows["v_written"] - rows["v_target"]) * 1e3
    for sample, colour in zip(range(5), ordered(5), strict=True):
        own = rows["sample"] == sample
        ax.plot(rows.loc[own, "v_target"], error[own], ".-", color=colour, linewidth=0.6, markersize=3)
    spread = error.groupby(rows["v_target"]).agg(["mean", "std"])
    ax.errorbar(
        spread.index, spread["mean"], 3 * spread["std"], fmt="none", color=INK, capsize=3, label="3 σ"
    )
    ax.legend(loc="upper left")
    ax.set(xlabel="level to write (V)", ylabel="write error (mV)")
    ax.set_title(f"write device {device}: five cells, and all", fontsize=8)


def _converters(ax, rows: pd.DataFrame, curve: ConverterCurve, signed: bool, scale: float) -> None:
    """Offset against gain of every converter, with the ellipse of two standard deviations."""
    values = converter_parameters(rows, curve, signed=signed).to_numpy()
    names = ("positive charge", "negative charge") if signed else ("ReLU",)
    for i, (name, colour) in enumerate(zip(names, CYCLE, strict=False)):
        offset, gain = 100 * values[:, 2 * i] / scale, 100 * values[:, 2 * i + 1]
        ax.plot(offset, gain, ".", color=colour, markersize=3, alpha=0.6, label=name)
        spread, axes = np.linalg.eigh(np.cov(offset, gain))
        angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
        size = 4 * np.sqrt(spread[::-1])
        centre = (offset.mean(), gain.mean())
        ax.add_patch(Ellipse(centre, *size, angle=angle, fill=False, edgecolor=colour, linewidth=1.2))
    ax.margins(y=0.22)
    ax.legend(loc="upper right", markerscale=2)
    ax.set(xlabel="offset (% of full scale)", ylabel="gain deviation (%)")
    ax.set_title(f"{'signed' if signed else 'ReLU'} converters: {len(values)}, ellipse 2 σ", fontsize=8)
