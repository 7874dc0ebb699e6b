"""The gain cell: transfer curve, linearity in the pulse width, bit-line dependence, write, retention."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ....models import Hardware, fit_retention
from ....models.published import collapsed_cell
from ..figures import PALETTE, Figure, Panel, PlotAxis, Rule, Series, ordered
from ..figures.page import table
from ..figures.units import quantities, quantity
from .section import Section, absent, paragraph
from .sources import ReportData

LEVELS = 8
"""Stored levels that are drawn."""
FITS = (("linear", "linear", "grey"), ("poly3", "order 3", "orange"), ("poly5", "order 5", "green"))
"""Cell of the hardware, its legend, its colour."""
HOT = 85.0
"""Temperature whose retention is drawn beside the plan's own, Celsius."""
WRITE_LIMIT = 7e-3
"""Design limit of the write error, V."""


def cell_section(material: ReportData) -> Section:
    """Read of a cell: charge against everything that it depends on."""
    title = "Gain cell"
    rows = material.table("cell_transfer")
    if rows is None:
        return absent("cell", title, "No table of the cell's transfer curve: run `gaincell characterize`.")
    hardware = material.hardware if material.same_tables else None
    text = (
        "Charge that one cell takes from its bit line in one read. It is linear in the width of the pulse "
        "and curved in the stored voltage; the polynomials and the table are fitted to it."
    )
    pair = (width_figure(rows, hardware), bit_line_figure(rows))
    return Section("cell", title, (paragraph(text), (transfer_figure(rows, hardware),), pair))


def storage_section(material: ReportData) -> Section:
    """Write error and retention."""
    title = "Storage"
    write, retention = material.table("cell_write"), material.table("cell_retention")
    if write is None and retention is None:
        return absent("storage", title, "No tables of writes and retention: run `gaincell characterize`.")
    blocks: list = []
    if write is not None:
        blocks.append(tuple(write_figure(rows, device) for device, rows in write.groupby("write_device")))
    if retention is not None:
        condition = material.manifest["condition"]
        vdd, shown = condition["vdd"], (condition["temperature"], HOT)
        some = retention[retention["temperature"].isin(shown)]
        groups = some.groupby(["write_device", "temperature"])
        at_rest = {key: rows[np.isclose(rows["v_rest"], vdd / 2)] for key, rows in groups}
        drawn = (retention_figure(rows, vdd, *key) for key, rows in at_rest.items() if len(rows))
        blocks.append(tuple(drawn))
        blocks.append(_hold_table(retention, vdd))
    return Section("storage", title, tuple(blocks))


def transfer_figure(rows: pd.DataFrame, hardware: Hardware | None) -> Figure:
    """Charge of a full-width read against the stored voltage, its fits, and their residuals."""
    full = rows[np.isclose(rows["t_pulse"], rows["t_pulse"].max(), atol=0)]
    full = full[np.isclose(full["v_bl"], _rest(rows))].sort_values("v_store")
    swept, unseen = full[~full["held_out"]], full[full["held_out"]]
    v = np.linspace(full["v_store"].min(), full["v_store"].max(), 241)
    shape = collapsed_cell()(swept["v_store"].to_numpy() * (0.45 / _rest(rows))).numpy()
    charge = swept["q_bl"].to_numpy()
    published = float(shape @ charge / (shape @ shape)) * collapsed_cell()(v * (0.45 / _rest(rows))).numpy()
    upper = [Series(v, published, "published shape, scaled", PALETTE["published"], dashed=True)]
    lower, peak = [], np.abs(charge).max()
    if hardware is not None:
        for name, label, colour in (*FITS, ("table", "table", "blue")):
            curve = hardware.cells[name]
            if name != "linear":
                error = (curve(unseen["v_store"].to_numpy()).numpy() + hardware.edge - unseen["q_bl"]) / peak
                lower.append(Series(unseen["v_store"], error, label, PALETTE[colour], "line+points"))
            upper.append(Series(v, curve(v).numpy() + hardware.edge, label, PALETTE[colour]))
    upper.append(Series(swept["v_store"], charge, "SPICE", PALETTE["simulated"], "points"))
    volts = PlotAxis("stored voltage", "V")
    panels = [Panel(volts, PlotAxis("charge", "C"), tuple(upper), height=1.4)]
    if lower:
        panels.append(Panel(volts, PlotAxis("fit error", "%"), tuple(lower), height=0.8))
    width = quantity(full["t_pulse"].iloc[0], "s")
    return Figure(
        "cell-transfer",
        f"Charge of a {width} read",
        tuple(panels),
        share_x=True,
        caption="Errors are on voltages that the fits have not seen, in % of the largest charge. Published: "
        "Leroux et al. 2025, scaled to this cell, not fitted.",
    )


def width_figure(rows: pd.DataFrame, hardware: Hardware | None) -> Figure:
    """Charge against pulse width for several stored voltages: swept points, unseen ones, and the model."""
    rest = rows[np.isclose(rows["v_bl"], _rest(rows)) & ~rows["held_out"]]
    pivot = _between_rails(rest).pivot(index="t_pulse", columns="v_store", values="q_bl")
    lines = np.polyfit(pivot.index, pivot, 1)
    residual = pivot - (np.outer(pivot.index, lines[0]) + lines[1])
    worst = np.abs(residual.to_numpy()).max() / np.abs(pivot.to_numpy()).max()
    chosen = _spread(pivot.columns.to_numpy())
    series = []
    for v, label, colour in zip(chosen, quantities(chosen, "V"), ordered(len(chosen)), strict=True):
        if hardware is not None:
            width = np.array([0.0, pivot.index.max()])
            full = float(hardware.cells["table"](v))
            series.append(Series(width, full * width / hardware.t_pulse_max + hardware.edge, "", colour))
        mark = "points" if hardware is not None else "line+points"
        series.append(Series(pivot.index, pivot[v], label, colour, mark))
    return Figure(
        "cell-width",
        "Linearity in the pulse width",
        (Panel(PlotAxis("pulse width", "s"), PlotAxis("charge", "C"), tuple(series), height=1.6),),
        caption=f"Points: SPICE, stored voltage by colour, bit line at rest; lines: f(v) w + edge. Points of "
        f"one voltage leave a straight line by {worst:.1e} of the peak at most.",
    )


def bit_line_figure(rows: pd.DataFrame) -> Figure:
    """Charge of a full-width read against the bit line's voltage: the cell's output conductance."""
    full = rows[np.isclose(rows["t_pulse"], rows["t_pulse"].max(), atol=0) & ~rows["held_out"]]
    pivot = _between_rails(full).pivot(index="v_bl", columns="v_store", values="q_bl")
    chosen = _spread(pivot.columns.to_numpy())
    series = tuple(
        Series(pivot.index, pivot[v], label, colour, "line+points")
        for v, label, colour in zip(chosen, quantities(chosen, "V"), ordered(len(chosen)), strict=True)
    )
    return Figure(
        "cell-bit-line",
        "Dependence on the bit line",
        (Panel(PlotAxis("bit line", "V"), PlotAxis("charge", "C"), series, height=1.6),),
        caption="A cell delivers less as the bit line moves towards what pulls it; the column model accounts "
        "for it. Stored voltage by colour.",
    )


def write_figure(rows: pd.DataFrame, device: str) -> Figure:
    """Stored minus target voltage after a write, by previous contents."""
    before = sorted(rows["v_before"].unique())
    series = tuple(
        Series(part["v_target"], part["v_written"] - part["v_target"], f"from {label}", colour, "line+points")
        for (_, part), label, colour in zip(
            rows.groupby("v_before"), quantities(before, "V"), ordered(len(before)), strict=True
        )
    )
    layers = (*series, Rule(WRITE_LIMIT), Rule(-WRITE_LIMIT))
    return Figure(
        f"write-{device}",
        f"Write error, {_device(device)}",
        (Panel(PlotAxis("target", "V"), PlotAxis("stored − target", "V"), layers, height=1.2),),
        caption="Contents before the write by colour; dashed: design limit.",
    )


def retention_figure(rows: pd.DataFrame, vdd: float, device: str, celsius: float) -> Figure:
    """Stored voltage against age for each level."""
    surrogate = fit_retention(rows["v_store"], rows["age"], rows["v_aged"])
    ages = surrogate.ages[surrogate.ages > 0]
    series = [
        Series(ages, surrogate(np.full(len(ages), level), ages).numpy(), "", colour)
        for level, colour in zip(np.linspace(0.0, vdd, LEVELS), ordered(LEVELS), strict=True)
    ]
    age, stored = PlotAxis("age", "s", log=True), PlotAxis("stored voltage", "V")
    return Figure(
        f"retention-{device}-{celsius:.0f}C",
        f"Retention at {celsius:.0f} °C, {_device(device)}",
        (Panel(age, stored, tuple(series), height=1.2),),
        caption=f"Idle cell, write bit line resting at half the supply; the {LEVELS} levels between the "
        "rails, interpolated between simulated voltages.",
    )


def _hold_table(retention: pd.DataFrame, vdd: float) -> str:
    """Time until the first of the levels has moved by half a step, by device, temperature and bit line."""
    rows = []
    for (device, celsius), group in retention.groupby(["write_device", "temperature"]):
        times = {}
        for v_rest, part in group.groupby("v_rest"):
            surrogate = fit_retention(part["v_store"], part["age"], part["v_aged"])
            times[v_rest] = surrogate.retention_time(LEVELS, 0.0, vdd).min()
        shown = (
            f"> {quantity(group['age'].max(), 's')}" if np.isinf(t) else quantity(t, "s")
            for t in times.values()
        )
        rows.append([_device(device), f"{celsius:.0f} °C", *shown])
    rests = quantities(sorted(retention["v_rest"].unique()), "V")
    return table(
        ["write device", "temperature", *(f"bit line at {rest}" for rest in rests)],
        rows,
        numbers=range(2, 2 + len(rests)),
        caption=f"Time until the first of {LEVELS} levels between the rails has moved by half a step",
    )


def _rest(rows: pd.DataFrame) -> float:
    """Voltage of the bit line at rest: the middle of the swept ones."""
    return float(rows[~rows["held_out"]]["v_bl"].median())


def _between_rails(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of stored voltages that a level can have; the sweep goes a little further."""
    tolerance = 1e-9
    return rows[rows["v_store"].between(-tolerance, 2 * rows["v_bl"].median() + tolerance)]


def _spread(values: np.ndarray, count: int = LEVELS) -> np.ndarray:
    """At most `count` of the sorted values, every n-th."""
    return values[:: max(1, -(-(len(values) - 1) // (count - 1)))]


def _device(name: str) -> str:
    return {"cmos": "transmission gate", "oxide": "oxide transistor"}.get(name, name)
