"""The tolerance study as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_table
from ....models.checks.numerical import FITTED_COLUMNS
from .drawing import Canvas
from .style import PALETTE

MARKS = {
    "reltol 1e-3 to 1e-4": ("blue", "o", "reltol 1e-3 → 1e-4, steps of 50 ps"),
    "step 50 ps to 25 ps": ("orange", "s", "steps of 50 ps → 25 ps, reltol 1e-3"),
    "as run": ("simulated", "D", "as run → a quarter of its reltol, a tenth of its chgtol, steps of 25 ps"),
}
FLOOR = 1e-7
"""Smaller relative differences are drawn here."""


def tolerance(folder: Path) -> Canvas:
    """Numerical error: how far each procedure's numbers move with the simulator's tolerances.

    One row per procedure: of its first measured column and of those that surrogates are fitted to, the
    largest difference over the column's largest magnitude.
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
    canvas = Canvas(figsize=(6.4, 1.3 + 0.24 * len(pairs)), layout="constrained")
    axes = canvas.subplots()
    for setting, (colour, marker, label) in MARKS.items():
        values = [_relative(rows, pair, setting) for pair in pairs]
        axes.plot(
            values,
            range(len(pairs)),
            marker,
            color=PALETTE[colour],
            ms=5,
            label=label,
            clip_on=False,
            zorder=3,
        )
    axes.set_xscale("log")
    axes.set_xlim(FLOOR, None)
    axes.set_yticks(range(len(pairs)), [f"{name}: {column}" for name, column in pairs])
    axes.invert_yaxis()
    axes.set_xlabel("largest difference / largest magnitude")
    canvas.legend(loc="outside upper left", ncols=1)
    return canvas


def _relative(rows: pd.DataFrame, pair: tuple[str, str], setting: str) -> float:
    own = rows[(rows["procedure"] == pair[0]) & (rows["column"] == pair[1]) & (rows["setting"] == setting)]
    if own.empty or own["scale"].iloc[0] == 0:
        return float("nan")
    return float(np.maximum(own["worst"].iloc[0] / own["scale"].iloc[0], FLOOR))
