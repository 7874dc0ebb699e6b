"""Figure `tolerance`: numerical error of each procedure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_table
from ....models.checks.numerical import FITTED_COLUMNS
from .axes import PlotAxis
from .style import PALETTE
from .values import Figure, Panel, Series, Shape, finite_ends

MARKS: dict[str, tuple[str, Shape, str]] = {
    "reltol 1e-3 to 1e-4": ("blue", "circle", "reltol 1e-3 → 1e-4, steps of 50 ps"),
    "step 50 ps to 25 ps": ("orange", "square", "steps of 50 ps → 25 ps, reltol 1e-3"),
    "as run": (
        "simulated",
        "diamond",
        "as run → a quarter of its reltol, a tenth of its chgtol, steps of 25 ps",
    ),
}
"""Setting of the study -> colour, shape and label of its points."""
FLOOR = 1e-7
"""Smaller relative differences are drawn here."""


def tolerance(folder: Path) -> Figure:
    """Numerical error: change of each procedure's numbers with the simulator's tolerances.

    One row per procedure: the largest difference over the column's largest magnitude, of the columns that
    surrogates are fitted to, or of the first measured column of a procedure that has none.

    Args:
        folder: folder of tables.

    Returns:
        One panel.

    Raises:
        TableError: the table `tolerance` is missing.
    """
    rows = read_table(folder, "tolerance")
    rows = rows[rows["status"] == "ok"]
    fitted = set(FITTED_COLUMNS)
    first = set(rows.drop_duplicates("procedure")[["procedure", "column"]].itertuples(index=False, name=None))
    pairs = [
        pair
        for pair in dict.fromkeys(zip(rows["procedure"], rows["column"], strict=True))
        if pair in fitted or (pair in first and not any(pair[0] == name for name, _ in fitted))
    ]
    places = np.arange(float(len(pairs)))
    layers = []
    for setting, (colour, shape, label) in MARKS.items():
        values = np.array([_relative(rows, pair, setting) for pair in pairs])
        layers.append(Series(values, places, label, PALETTE[colour], "points", shape=shape, size=5.0))
    largest = max(FLOOR, finite_ends(layer.x for layer in layers)[1])
    names = tuple((i, f"{name}: {column}") for i, (name, column) in enumerate(pairs))
    across = PlotAxis("largest difference / largest magnitude", log=True, limits=(0.7 * FLOOR, 2 * largest))
    down = PlotAxis("", ticks=names, limits=(-0.7, len(pairs) - 0.3), reversed=True)
    return Figure(
        "tolerance",
        "Numerical error by procedure",
        (Panel(across, down, tuple(layers), height=0.2 + 0.1 * len(pairs)),),
        caption=f"Differences below {FLOOR:g} are drawn there.",
    )


def _relative(rows: pd.DataFrame, pair: tuple[str, str], setting: str) -> float:
    own = rows[(rows["procedure"] == pair[0]) & (rows["column"] == pair[1]) & (rows["setting"] == setting)]
    if own.empty or own["scale"].iloc[0] == 0:
        return float("nan")
    return float(np.maximum(own["worst"].iloc[0] / own["scale"].iloc[0], FLOOR))
