"""Figure `training`: loss curve of the demo network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ....circuits.errors import TableError
from ....circuits.files import as_written
from .axes import PlotAxis
from .style import CYCLE
from .values import Figure, Panel, Series

FILE = "training.json"
"""File that the training leaves beside the weights."""
TOP = 2.0
"""Largest loss that is drawn, nats per byte: the first steps are far above the rest."""


def training(folder: Path) -> Figure:
    """Loss curve of the demo network's training, on training text and on held-out text.

    Args:
        folder: folder of a checkpoint with its training.json.

    Returns:
        One panel.

    Raises:
        TableError: there is no such file, or it holds no curve.
    """
    path = Path(folder) / FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if as_written(record) is False:
            raise ValueError("it is damaged or was edited")
        curve = [(row["step"], row["train"], row["held_out"]) for row in record["curve"]]
        final, seed = float(record["held_out"]["nats_per_byte"]), record["recipe"]["seed"]
        step, train, held_out = np.array(curve, float).T
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise TableError(
            f"{path} cannot be read ({type(error).__name__}: {error}); "
            "`python -m gaincell.cosim.network.adaptation.train_demo` writes it"
        ) from None
    low = min(train.min(), held_out.min())
    return Figure(
        "training",
        f"Demo GPT-2, seed {seed}: {final:.3f} nats/byte on held-out text",
        (
            Panel(
                PlotAxis("step"),
                PlotAxis("cross-entropy (nats/byte)", limits=(low - 0.05, max(TOP, low + 0.5))),
                (
                    Series(step, train, "training text (with dropout)", CYCLE[0]),
                    Series(step, held_out, "held-out text", CYCLE[1]),
                ),
                height=1.3,
                legend="upper right",
            ),
        ),
    )
