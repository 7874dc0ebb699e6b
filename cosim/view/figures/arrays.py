"""Arrays: what the wires do to pulses and bit lines; predicted against simulated pulses of whole arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_manifest, read_table
from ....circuits.errors import TableError
from ....models import Hardware
from ....models.chain import predict_chain
from ....models.checks.agreement import ARRAYS, CHAINS, compare_widths, predict_arrays
from ....models.checks.wires import drop_sensitivity, width_shift
from ....models.fitting.fit import REQUIRED_TABLES, fit_hardware
from .drawing import Axes, Canvas
from .static import WIDTH
from .style import CYCLE, GRID, ordered

COARSE = 30.0
"""Wire resistance per cell, ohm, drawn dashed: ten times the default's, where the wires show."""


def ir_drop(folder: Path) -> Canvas:
    """Delay along word lines and drop along bit lines, and maps over the array of delay and lost charge"""
    designs = read_manifest(folder)["condition"]["designs"]
    array, t_max = designs["array"], designs["clocking"]["t_pulse_max"]
    lines, drops = _succeeded(folder, "row_map"), _succeeded(folder, "bit_line_map")
    lines = lines[np.isclose(lines["driver"], array["driver"])]
    canvas = Canvas(figsize=(WIDTH, 5.6), layout="constrained")
    (delay, drop), maps = canvas.subplots(2, 2)
    wires = sorted(lines["r_wire"].unique())
    for r_wire, colour in zip(wires, ordered(len(wires)), strict=True):
        rows = lines[lines["r_wire"] == r_wire]
        delay.plot(rows["column"], rows["delay"] * 1e12, color=colour, label=f"{r_wire:g} Ω per cell")
    delay.set(xlabel="column, from the driver", ylabel="delay of the rising edge, ps", title="word line")
    delay.legend()
    for place, colour in zip(("near", "spread", "far"), CYCLE, strict=False):
        for r_wire, style in ((array["r_wire"], "-"), (COARSE, "--")):
            rows = drops[np.isclose(drops["r_wire"], r_wire) & (drops["place"] == place)]
            label = f"load {place}" if style == "-" else None
            drop.plot(rows["row"], rows["drop"] * 1e3, style, color=colour, label=label)
    title = f"bit line, {array['r_wire']:g} Ω (dashed: {COARSE:g} Ω)"
    drop.set(xlabel="row, from the converter", ylabel="drop at full load, mV", title=title)
    drop.legend()
    own = lines[np.isclose(lines["r_wire"], array["r_wire"])].sort_values("column")
    delays = np.tile(own["delay"].to_numpy() * 1e12, (array["rows"], 1))
    losses = read_losses(own, drops, array["r_wire"], t_max) * 100
    _draw_map(canvas, maps[0], delays, "delay at each cell", "ps")
    _draw_map(canvas, maps[1], losses, "loss of a read, load far", "% of its charge")
    return canvas


def read_losses(lines: pd.DataFrame, drops: pd.DataFrame, r_wire: float, t_pulse_max: float) -> np.ndarray:
    """Relative loss of a full-width read at each cell, shape (rows, columns), load at the far end.

    lines: of one word line (row_map), in order; drops: bit_line_map.

    The word line changes the width of the pulse that a cell gets, the bit line the voltage that it works on;
    rows do not meet in a word line, nor columns in a bit line, so that the two add.
    """
    along = width_shift(lines)
    far = drops[np.isclose(drops["r_wire"], r_wire) & (drops["place"] == "far")].sort_values("row")
    return drop_sensitivity(drops) * far["drop"].to_numpy()[:, None] - along[None, :] / t_pulse_max


def _draw_map(canvas: Canvas, axes: Axes, values: np.ndarray, title: str, unit: str) -> None:
    image = axes.imshow(values, origin="lower", cmap="viridis", aspect="equal")
    axes.grid(False)
    axes.set(xlabel="column", ylabel="row", title=title)
    canvas.colorbar(image, ax=axes, label=unit)


def array(folder: Path) -> Canvas:
    """Whole arrays and chains, which no fit has seen: predicted against simulated pulse widths"""
    manifest = read_manifest(folder)
    hardware = _hardware(folder, manifest)
    points = _points(folder, manifest, hardware)
    if not points:
        raise TableError(f"{folder} has no table of arrays or chains: gaincell characterize --plan array64")
    canvas = Canvas(figsize=(WIDTH, 4.8), layout="constrained")
    upper, lower = canvas.subplots(2, 2, sharex="col", height_ratios=(3, 2)).reshape(2, 2)
    for product, (above, below) in enumerate(zip(upper, lower, strict=True), start=1):
        own = [(label, x, y) for label, number, x, y in points if number == product]
        for (label, predicted, simulated), colour in zip(own, CYCLE, strict=False):
            found = compare_widths(predicted, simulated, product)
            legend = f"{label}, rms {found.rms * 100:.2f} %"
            above.plot(simulated * 100, predicted * 100, "o", color=colour, markersize=3, label=legend)
            below.plot(simulated * 100, (predicted - simulated) * 100, "o", color=colour, markersize=3)
        low = min([0.0, *(float(x[2].min()) for x in own)])
        above.plot([low * 100, 100], [low * 100, 100], color=GRID, zorder=0)
        below.axhline(0, color=GRID, zorder=0)
        above.set(ylabel="predicted, % of T_max", title=("first product", "second product")[product - 1])
        below.set(xlabel="simulated, % of T_max", ylabel="predicted − simulated, %")
        if own:
            above.legend(fontsize=7, handletextpad=0.1)
    return canvas


def _points(
    folder: Path, manifest: dict, hardware: Hardware
) -> list[tuple[str, int, np.ndarray, np.ndarray]]:
    """Label, product, predicted and simulated widths / T_max of each kind and size of circuit."""
    points = []
    for name in (name for name in ARRAYS if name in manifest["tables"]):
        for (size, signed), rows in _succeeded(folder, name).groupby(["rows", "signed"]):
            points.append((f"array of {size}", 2 if signed else 1, *predict_arrays(hardware, rows)))
    for name in (name for name in CHAINS if name in manifest["tables"]):
        rows = _succeeded(folder, name)
        size = len(rows["t_query"].iloc[0])
        for stage in (1, 2):
            points.append((f"chain of {size}", stage, *predict_chain(hardware, rows, stage)))
    return points


def _hardware(folder: Path, manifest: dict) -> Hardware:
    """Fitted to the folder's tables where it has all that a fit needs; otherwise the technology's shipped."""
    if set(REQUIRED_TABLES) <= set(manifest["tables"]):
        tables = {name: read_table(folder, name) for name in REQUIRED_TABLES}
        return fit_hardware(tables, manifest["condition"], name="figure")[0]
    return Hardware.from_pretrained(manifest["technology"]["name"])


def _succeeded(folder: Path, name: str) -> pd.DataFrame:
    rows = read_table(folder, name)
    return rows[rows["status"] == "ok"]
