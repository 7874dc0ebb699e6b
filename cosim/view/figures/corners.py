"""Figure `corners`: cell curves and converter figures over corners, temperature and supply."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_manifest, read_table
from ....models.checks.corners import (
    CORNER_TABLES,
    FIGURES,
    figures_by_condition,
    nominal_condition,
    ramp_currents,
)
from .axes import PlotAxis
from .style import CYCLE, DIVERGING, INK, ordered
from .values import Figure, HeatMap, Panel, Separator, Series

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


def corners(folder: Path) -> Figure:
    """Cell curves, and converter offset, reset, INL and energy, over corners, temperature and supply.

    Args:
        folder: folder of tables.

    Returns:
        Three panels of curves and six heat maps.

    Raises:
        TableError: a table is missing.
    """
    designs = read_manifest(folder)["condition"]["designs"]
    ramps = {False: ramp_currents(designs["converter"]), True: ramp_currents(designs["readout"])}
    tables = {name: read_table(folder, name) for name in CORNER_TABLES}
    found = figures_by_condition(tables, ramps, designs["clocking"]["t_pulse_max"])
    order = list(dict.fromkeys(tables["cell_corners"]["corner"]))
    found = found.sort_values("corner", key=lambda names: names.map(order.index), kind="stable")
    curves = [_curves(tables["cell_corners"], axis) for axis in ("corner", "temperature", "vdd")]
    maps = [_heat_map(found, column, *look) for column, look in MAPS.items()]
    return Figure(
        "corners",
        "Corners, temperature and supply",
        (*curves, *maps),
        columns=3,
        caption="Curves: charge of a full read along one axis of the conditions, the other two nominal. "
        "Bold: beyond the design limit.",
    )


def _curves(cells: pd.DataFrame, axis: str) -> Panel:
    """Cell charge along one axis of the conditions, the other two at their nominal values."""
    nominal = cells[nominal_condition(cells)].iloc[0]
    others = [name for name in ("corner", "temperature", "vdd") if name != axis]
    rows = cells[np.logical_and.reduce([cells[name] == nominal[name] for name in others])]
    values = list(dict.fromkeys(rows[axis]))
    colours = CYCLE if axis == "corner" else ordered(len(values))
    layers = {}
    for value, colour in zip(values, colours, strict=False):
        own = rows[rows[axis] == value]
        typical = value == nominal[axis]
        layers[value] = Series(
            (own["stored"] * own["vdd"]).to_numpy(),
            own["q_bl"].to_numpy(),
            _label(axis, value),
            INK if typical else colour,
            dashed=axis == "corner" and value in CROSSED,
        )
    return Panel(
        PlotAxis("stored voltage", "V"),
        PlotAxis("charge of a full read", "C"),
        tuple(layers.values()),
        height=1.1,
        legend="upper left",
    )


def _label(axis: str, value: str | float) -> str:
    form = {"corner": "{}", "temperature": "{:g} °C", "vdd": "{:g} V"}[axis]
    return form.format(value).replace("-", "−")


def _heat_map(found: pd.DataFrame, column: str, title: str, factor: float, form: str) -> Panel:
    """One figure of merit: corners down, supplies within temperatures across; bold beyond its limit."""
    names = list(dict.fromkeys(found["corner"]))
    shown = found.pivot(index="corner", columns=["temperature", "vdd"], values=column)
    shown = shown.reindex(names).sort_index(axis=1) * factor
    values = shown.to_numpy(dtype=float)
    limit = FIGURES[column][2]
    middle = 0.0
    if column in ("cell_gain", "energy", "reset_time"):
        middle = float(found[nominal_condition(found)][column].iloc[0]) * factor
    reach = float(np.nanmax(np.abs(values - middle))) or 1.0  # all equal: the middle colour
    texts = np.array([[_number(value, form) for value in row] for row in values])
    beyond = np.zeros(values.shape, bool) if limit is None else ~(np.abs(values) <= limit * factor)
    temperatures = [celsius for celsius, _ in shown.columns]
    starts = [i for i, celsius in enumerate(temperatures) if i == 0 or celsius != temperatures[i - 1]]
    heat = HeatMap(values, (middle - reach, middle + reach), DIVERGING, texts, beyond)
    return Panel(
        PlotAxis("supply (V) and temperature", ticks=_condition_ticks(list(shown.columns), starts)),
        PlotAxis("corner", ticks=tuple(enumerate(names)), reversed=True),
        (heat, *(Separator(start - 0.5) for start in starts[1:])),
        title if limit is None else f"{title} (limit {limit * factor:g})",
    )


def _number(value: float, form: str) -> str:
    # A small negative number must not read as minus zero.
    return form.format(float(form.format(value)) + 0.0).replace("-", "−") if np.isfinite(value) else "–"


def _condition_ticks(columns: list[tuple[float, float]], starts: list[int]) -> tuple[tuple[int, str], ...]:
    """Supplies, with the temperature of each group below its middle."""
    stops = [*starts[1:], len(columns)]
    middles = {(start + stop - 1) // 2 for start, stop in zip(starts, stops, strict=True)}
    ticks = []
    for i, (celsius, vdd) in enumerate(columns):
        below = f"{celsius:g} °C".replace("-", "−") if i in middles else " "
        ticks.append((i, f"{vdd:g}\n{below}"))
    return tuple(ticks)
