"""Figure `yield`: loss of a network over dies, and what explains it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ....circuits.errors import TableError
from ...network.dies import RESULT
from .axes import PlotAxis
from .style import PALETTE
from .values import Bars, Figure, Note, Panel, Rule, Series

AXES = {
    "n": ("n transistors", "sigma"),
    "p": ("p transistors", "sigma"),
    "temperature": ("temperature", "°C"),
}
"""Parameter of a die -> name and unit on its axis."""
NAMES = {"local": "local mismatch", "unexplained": "together, higher order"}
"""Entry of the explained shares -> its label; others are their own."""


def dies(folder: Path) -> Figure:
    """Loss of a network over drawn dies, against strengths and temperature, and what explains it.

    Args:
        folder: folder of `gaincell yield`.

    Returns:
        Three panels of dies, and one of shares where there are enough dies.

    Raises:
        TableError: the folder holds no such result.
    """
    path = Path(folder) / RESULT
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        panels = [_dies(result, name) for name in AXES]
        if result["explained"] is not None:
            panels.append(_shares(result["explained"]))
        low, high = result["confidence_95"]
        title = f"{result['good']} of {len(result['dies'])} dies within {result['within']:g} nats per byte"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{path} cannot be read ({type(error).__name__}: {error}); `gaincell yield` writes it"
        ) from None
    return Figure(
        "yield",
        title,
        tuple(panels),
        columns=2,
        caption=f"Share of good dies, at 95 % confidence: {low:.0%} to {high:.0%}.",
    )


def _dies(result: dict[str, Any], name: str) -> Panel:
    rows = result["dies"]
    x, smooth, whole = (
        np.array([row[key] for row in rows], float) for key in (name, "excess_nominal_circuits", "excess")
    )
    layers = [Series(x, smooth, "nominal circuits", PALETTE["blue"], "points")]
    if result["local"]:
        layers.append(Series(x, whole, "with local mismatch", PALETTE["orange"], "hollow"))
    label, unit = AXES[name]
    return Panel(
        PlotAxis(f"{label} ({unit})"),
        PlotAxis("loss above nominal (nats/byte)"),
        (*layers, Rule(float(result["within"]))),
    )


def _shares(shares: dict[str, float]) -> Panel:
    places, values = np.arange(float(len(shares))), np.array(list(shares.values()), float)
    notes = [Note(max(v, 0.0), i, f"{v:.0%}") for i, v in zip(places, values, strict=True)]
    bars = Bars(places, values, np.zeros(len(values)), "", PALETTE["blue"], horizontal=True)
    names = tuple((i, NAMES.get(name, name)) for i, name in enumerate(shares))
    reach = (min(0.0, float(values.min()) * 1.1), float(values.max()) * 1.22)
    return Panel(
        PlotAxis("share of the loss' variance", "%", limits=reach),
        PlotAxis("", ticks=names, limits=(-0.6, len(names) - 0.4), reversed=True, grid=False),
        (bars, *notes),
    )
