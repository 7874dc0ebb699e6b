"""Figure `corners`: the cell's curves and the converters' figures over corners, temperature and supply."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_manifest, read_table
from ....models.checks.corners import CORNER_TABLES, FIGURES, figures_by_condition, nominal_condition
from .drawing import Canvas
from .style import CYCLE, INK, MUTED, ordered

MAPS = {
    "cell_gain": ("cell gain, ratio to nominal", 1.0, "{:.2f}"),
    "relu_offset": ("ReLU offset, % of T_max", 100.0, "{:.1f}"),
    "signed_offset": ("signed offset, % of T_max", 100.0, "{:.1f}"),
    "reset_time": ("reset that leaves less than 1 %, ns", 1e9, "{:.1f}"),
    "signed_inl": ("signed INL, % of T_max", 100.0, "{:.2f}"),
    "energy": ("worst conversion, pJ", 1e12, "{:.2f}"),
}
"""Column of `figures_by_condition` -> title, factor to the shown unit, format of a number."""


CROSSED = ("fs", "sf")
"""Corners that share half of their curve with ff or ss, and are drawn dashed over it."""


def corners(folder: Path) -> Canvas:
    """Cell curves, and converter offset, reset, INL and energy, over corners, temperature and supply."""
    designs = read_manifest(folder)["condition"]["designs"]
    i_ramp = {False: designs["converter"]["i_ramp"], True: designs["readout"]["i_ramp"]}
    tables = {name: read_table(folder, name) for name in CORNER_TABLES}
    found = figures_by_condition(tables, i_ramp, designs["clocking"]["t_pulse_max"])
    order = list(dict.fromkeys(tables["cell_corners"]["corner"]))
    found = found.sort_values("corner", key=lambda names: names.map(order.index), kind="stable")
    canvas = Canvas(figsize=(9.6, 8.2), layout="constrained")
    axes = canvas.subplots(3, 3, height_ratios=(1.15, 1, 1))
    _curves(axes[0], tables["cell_corners"])
    for ax, (column, (title, factor, form)) in zip(axes[1:].flat, MAPS.items(), strict=True):
        _heat_map(ax, found, column, title, factor, form)
    return canvas


def _curves(axes, cells: pd.DataFrame) -> None:
    """Cell charge along each axis of the conditions, the other two at their nominal values."""
    nominal = cells[nominal_condition(cells)].iloc[0]
    for ax, axis in zip(axes, ("corner", "temperature", "vdd"), strict=True):
        others = [name for name in ("corner", "temperature", "vdd") if name != axis]
        rows = cells[np.logical_and.reduce([cells[name] == nominal[name] for name in others])]
        values = list(dict.fromkeys(rows[axis]))
        colours = CYCLE if axis == "corner" else ordered(len(values))
        for value, colour in zip(values, colours, strict=False):
            own = rows[rows[axis] == value]
            typical = value == nominal[axis]
            ax.plot(
                own["stored"] * own["vdd"],
                own["q_bl"] * 1e15,
                color=INK if typical else colour,
                zorder=3 if typical else 2,
                linestyle=(0, (4, 2)) if axis == "corner" and value in CROSSED else "-",
                label=_label(axis, value),
            )
        ax.set_xlabel("stored voltage (V)")
        ax.legend(loc="upper left")
    axes[0].set_ylabel("charge of a full read (fC)")


def _label(axis: str, value: str | float) -> str:
    return {"corner": "{}", "temperature": "{:g} °C", "vdd": "{:g} V"}[axis].format(value)


def _heat_map(ax, found: pd.DataFrame, column: str, title: str, factor: float, form: str) -> None:
    """One figure of merit: corners down, supplies within temperatures across; bold beyond its limit."""
    names = list(dict.fromkeys(found["corner"]))
    shown = found.pivot(index="corner", columns=["temperature", "vdd"], values=column)
    shown = shown.reindex(names).sort_index(axis=1) * factor
    values = shown.to_numpy(dtype=float)
    limit = FIGURES[column][2]
    middle = 0.0
    if column in ("cell_gain", "energy", "reset_time"):
        middle = float(found[nominal_condition(found)][column].iloc[0]) * factor
    reach = np.nanmax(np.abs(values - middle))
    ax.imshow(values, cmap="PuOr", vmin=middle - reach, vmax=middle + reach, aspect="auto")
    for (row, place), value in np.ndenumerate(values):
        beyond = limit is not None and not abs(value) <= limit * factor
        strong = abs(value - middle) > 0.62 * reach
        # A small negative number must not read as minus zero.
        number = form.format(float(form.format(value)) + 0.0)
        text = number.replace("-", "−") if np.isfinite(value) else "–"
        weight = "bold" if beyond else "normal"
        colour = "white" if strong else INK
        ax.text(place, row, text, ha="center", va="center", fontsize=5.8, color=colour, fontweight=weight)
    supplies = [f"{vdd:g} V" for _, vdd in shown.columns]
    ax.set_xticks(range(len(supplies)), supplies, fontsize=6)
    ax.set_yticks(range(len(names)), names, fontsize=7.5)
    ax.grid(False)
    ax.tick_params(length=0)
    temperatures = list(dict.fromkeys(t for t, _ in shown.columns))
    step = len(supplies) / len(temperatures)
    for i, celsius in enumerate(temperatures):
        ax.annotate(
            f"{celsius:g} °C",
            ((i + 0.5) / len(temperatures), 0),
            (0, -20),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
            color=MUTED,
        )
        if i:
            ax.axvline(i * step - 0.5, color="white", linewidth=2)
    head = title if limit is None else f"{title} (limit {limit * factor:g})"
    ax.set_title(head, fontsize=8, loc="left")
