"""Figure `options`: two ways to sign a query, and the normalising column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_manifest, read_table
from .axes import PlotAxis
from .style import CYCLE, MUTED, ordered
from .values import Figure, Panel, Series


def options(folder: Path) -> Figure:
    """Signed query by two schemes, and the normalising column, against the ideal sums.

    Args:
        folder: folder of tables.

    Returns:
        Two panels.

    Raises:
        TableError: a table is missing.
    """
    from ....models.checks.limits import converter_figures
    from ....models.fitting.fit import fit_cells

    condition = read_manifest(folder)["condition"]
    vdd, longest = condition["vdd"], condition["designs"]["clocking"]["t_pulse_max"]
    names = ("cell_transfer", "converter", "signed_column", "normaliser")
    tables = {name: _succeeded(read_table(folder, name)) for name in names}
    curve = fit_cells(tables["cell_transfer"], vdd, longest)[1]["table"]
    rows = tables["converter"]
    gain = converter_figures(rows[~rows["signed"].astype(bool)], longest, 1).gain
    return Figure(
        "options",
        "Design options: signed query and normalising column",
        (
            _schemes(tables["signed_column"], lambda v: gain * curve(v).numpy(), longest),
            _normaliser(tables["normaliser"], longest),
        ),
        columns=2,
    )


def _schemes(rows: pd.DataFrame, width_of: Callable, longest: float) -> Panel:
    """Simulated pulses against sum w f(k), both in units of the longest; width_of: volts -> s."""
    layers = [Series(np.array([0, 1, 1.2]), np.array([0.0, 1, 1]), "", MUTED, width=0.8)]
    for (scheme, found), colour in zip(rows.groupby("scheme"), CYCLE, strict=False):
        ideal = [
            float(width_of(np.array(v)) @ np.array(t)) / longest**2
            for v, t in zip(found["v_store"], found["t_pulse"], strict=True)
        ]
        label = f"{scheme}, {found['t_operation'].iloc[0] * 1e9:.0f} ns"
        simulated = found["t_out"].to_numpy() / longest
        layers.append(Series(np.array(ideal), simulated, label, colour, "points"))
    return Panel(
        PlotAxis("Σ w f(k) / full scale"),
        PlotAxis("simulated pulse / T_max"),
        tuple(layers),
        "Signed query",
        legend="lower right",
    )


def _normaliser(rows: pd.DataFrame, longest: float) -> Panel:
    """Read-out against the sum of phi's pulses, a colour per stored voltage."""
    contents = sorted(rows["v_store"].unique())
    layers = []
    for content, colour in zip(contents, ordered(len(contents)), strict=True):
        found = rows[rows["v_store"] == content].sort_values("t_sum")
        x, y = (found[name].to_numpy() / longest for name in ("t_sum", "t_out"))
        layers.append(Series(x, y, f"{content:.2f} V", colour, "line+points", width=0.8))
    return Panel(
        PlotAxis("sum of φ, full pulses"),
        PlotAxis("read-out / T_max"),
        tuple(layers),
        "Normalising column",
        legend="lower right",
        legend_title="stored",
    )


def _succeeded(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["status"] == "ok"]
