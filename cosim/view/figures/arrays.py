"""Figures of arrays: effects of the wires, and predicted against simulated pulses of whole arrays."""

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
from .axes import PlotAxis
from .style import CYCLE, PALETTE, ordered
from .values import Figure, HeatMap, Panel, Rule, Series

COARSE = 30.0
"""Wire resistance per cell, ohm, drawn dashed: ten times the default's, where the wires show."""
GUIDE = PALETTE["grey"]
"""Colour of the line of equal widths."""


def ir_drop(folder: Path) -> Figure:
    """Delay along word lines and drop along bit lines, and maps over the array of delay and lost charge.

    Args:
        folder: folder of tables.

    Returns:
        Two panels of curves and two heat maps.

    Raises:
        TableError: a table is missing.
    """
    designs = read_manifest(folder)["condition"]["designs"]
    array, t_max = designs["array"], designs["clocking"]["t_pulse_max"]
    lines, drops = _succeeded(folder, "row_map"), _succeeded(folder, "bit_line_map")
    lines = lines[np.isclose(lines["driver"], array["driver"])]
    own = lines[np.isclose(lines["r_wire"], array["r_wire"])].sort_values("column")
    delays = np.tile(own["delay"].to_numpy(), (array["rows"], 1))
    losses = read_losses(own, drops, array["r_wire"], t_max)
    return Figure(
        "ir_drop",
        "Wires of the array",
        (
            _word_line(lines),
            _bit_line(drops, array["r_wire"]),
            _map(delays, "Delay at each cell", PlotAxis("delay", "s")),
            _map(losses, "Loss of a read, load far", PlotAxis("loss", "% of its charge")),
        ),
        columns=2,
    )


def _word_line(lines: pd.DataFrame) -> Panel:
    wires = sorted(lines["r_wire"].unique())
    layers = []
    for r_wire, colour in zip(wires, ordered(len(wires)), strict=True):
        rows = lines[lines["r_wire"] == r_wire]
        x, y = rows["column"].to_numpy(), rows["delay"].to_numpy()
        layers.append(Series(x, y, f"{r_wire:g} Ω per cell", colour))
    return Panel(
        PlotAxis("column, from the driver"),
        PlotAxis("delay of the rising edge", "s"),
        tuple(layers),
        "Word line",
        legend="lower right",
    )


def _bit_line(drops: pd.DataFrame, own: float) -> Panel:
    layers = []
    for place, colour in zip(("near", "spread", "far"), CYCLE, strict=False):
        for r_wire in (own, COARSE):
            rows = drops[np.isclose(drops["r_wire"], r_wire) & (drops["place"] == place)]
            label = f"load {place}" if r_wire == own else ""
            x, y = rows["row"].to_numpy(), rows["drop"].to_numpy()
            layers.append(Series(x, y, label, colour, dashed=r_wire != own))
    return Panel(
        PlotAxis("row, from the converter"),
        PlotAxis("drop at full load", "V"),
        tuple(layers),
        f"Bit line, {own:g} Ω (dashed: {COARSE:g} Ω)",
        legend="upper left",
    )


def _map(values: np.ndarray, title: str, bar: PlotAxis) -> Panel:
    """A value of every cell, row 0 at the bottom."""
    heat = HeatMap(values, (float(values.min()), float(values.max())), bar=bar)
    return Panel(PlotAxis("column"), PlotAxis("row"), (heat,), title, height=1.1)


def read_losses(lines: pd.DataFrame, drops: pd.DataFrame, r_wire: float, t_pulse_max: float) -> np.ndarray:
    """Relative loss of a full-width read at each cell, shape (rows, columns), load at the far end.

    lines: of one word line (row_map), in order; drops: bit_line_map.

    The word line changes the width of the pulse that a cell gets, the bit line the voltage that it works on;
    rows do not meet in a word line, nor columns in a bit line, so that the two add.
    """
    along = width_shift(lines)
    far = drops[np.isclose(drops["r_wire"], r_wire) & (drops["place"] == "far")].sort_values("row")
    return drop_sensitivity(drops) * far["drop"].to_numpy()[:, None] - along[None, :] / t_pulse_max


def array(folder: Path) -> Figure:
    """Whole arrays and chains, which no fit has seen: predicted against simulated pulse widths.

    Args:
        folder: folder of tables.

    Returns:
        Widths above and their errors below, a column of panels per product.

    Raises:
        TableError: the folder has no array and no chain.
    """
    manifest = read_manifest(folder)
    hardware = _hardware(folder, manifest)
    points = _points(folder, manifest, hardware)
    if not points:
        raise TableError(f"{folder} has no table of arrays or chains: gaincell characterize --plan array64")
    upper, lower = [], []
    for product, title in ((1, "First product"), (2, "Second product")):
        own = [(label, x, y) for label, number, x, y in points if number == product]
        ends = np.array([min([0.0, *(float(x[2].min()) for x in own)]), 1.0])
        above, below = [Series(ends, ends, "", GUIDE, width=0.8)], [Rule(0.0)]
        for (label, predicted, simulated), colour in zip(own, CYCLE, strict=False):
            found = compare_widths(predicted, simulated, product)
            legend = f"{label}, rms {found.rms * 100:.2f} %"
            above.append(Series(simulated, predicted, legend, colour, "points", size=3.0))
            below.append(Series(simulated, predicted - simulated, legend, colour, "points", size=3.0))
        width = PlotAxis("simulated", "% of T_max")
        upper.append(
            Panel(width, PlotAxis("predicted", "% of T_max"), tuple(above), title, 1.2, legend="upper left")
        )
        error = PlotAxis("predicted − simulated", "%")
        lower.append(Panel(width, error, tuple(below), height=0.8))
    return Figure(
        "array",
        "Whole arrays and chains, unseen by the fit",
        (*upper, *lower),
        columns=2,
        share_x=True,
    )


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
