"""The design options: two ways to sign a query, and the normalising column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_manifest, read_table
from .drawing import Axes, Canvas
from .static import WIDTH
from .style import CYCLE, MUTED, ordered


def options(folder: Path) -> Canvas:
    """Signed query by two schemes, and the normalising column, against the ideal sums."""
    from ....models.checks.limits import converter_figures
    from ....models.fitting.fit import fit_cells

    condition = read_manifest(folder)["condition"]
    vdd, longest = condition["vdd"], condition["designs"]["clocking"]["t_pulse_max"]
    names = ("cell_transfer", "converter", "signed_column", "normaliser")
    tables = {name: _succeeded(read_table(folder, name)) for name in names}
    curve = fit_cells(tables["cell_transfer"], vdd, longest)[1]["table"]
    rows = tables["converter"]
    gain = converter_figures(rows[~rows["signed"].astype(bool)], longest, 1).gain
    canvas = Canvas(figsize=(WIDTH, 2.9), layout="constrained")
    signed, sums = canvas.subplots(1, 2)
    _draw_schemes(signed, tables["signed_column"], lambda v: gain * curve(v).numpy(), longest)
    _draw_normaliser(sums, tables["normaliser"], longest)
    return canvas


def _draw_schemes(axes: Axes, rows: pd.DataFrame, width_of, longest: float) -> None:
    """Simulated pulses against sum w f(k), both in units of the longest; width_of: volts -> s."""
    for (scheme, found), colour in zip(rows.groupby("scheme"), CYCLE, strict=False):
        ideal = [
            float(width_of(np.array(v)) @ np.array(t)) / longest**2
            for v, t in zip(found["v_store"], found["t_pulse"], strict=True)
        ]
        label = f"{scheme}, {found['t_operation'].iloc[0] * 1e9:.0f} ns"
        axes.plot(ideal, found["t_out"] / longest, "o", color=colour, markersize=3.5, label=label)
    axes.plot([0, 1, 1.2], [0, 1, 1], color=MUTED, linewidth=0.8, zorder=1.5)
    axes.set(title="Signed query", xlabel="Σ w f(k) / full scale", ylabel="simulated pulse / T_max")
    axes.legend(loc="lower right")


def _draw_normaliser(axes: Axes, rows: pd.DataFrame, longest: float) -> None:
    """Read-out against the sum of phi's pulses, a colour per stored voltage."""
    contents = sorted(rows["v_store"].unique())
    for content, colour in zip(contents, ordered(len(contents)), strict=True):
        found = rows[rows["v_store"] == content].sort_values("t_sum")
        axes.plot(
            found["t_sum"] / longest,
            found["t_out"] / longest,
            "o-",
            color=colour,
            markersize=3,
            linewidth=0.8,
            label=f"{content:.2f} V",
        )
    axes.set(title="Normalising column", xlabel="sum of φ, full pulses", ylabel="read-out / T_max")
    axes.legend(loc="lower right", title="stored")


def _succeeded(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["status"] == "ok"]
