"""Figure `noise`: noise of a pulse by its source, and noise of a write and of a cell by level."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....characterization.table import read_manifest, read_table
from ....models.fitting.noise import noise_budget, thermal_noise
from .axes import PlotAxis
from .style import CYCLE, INK, PALETTE
from .values import Bars, Figure, Layer, Note, Panel, Rule, Series, finite_ends


def noise(folder: Path) -> Figure:
    """Noise budget of a conversion, and noise of writes and reads by stored level.

    Args:
        folder: folder of tables.

    Returns:
        Three panels.

    Raises:
        TableError: the table `noise` is missing.
    """
    condition, table = read_manifest(folder)["condition"], read_table(folder, "noise")
    designs = condition["designs"]
    c_int = {signed: designs["readout" if signed else "converter"]["c_int"] for signed in (False, True)}
    formula = thermal_noise(c_int, designs, condition["temperature"]).write_volts
    written, cells = table[table["source"] == "storage"], table[table["source"] == "cell"]
    volts: list[Layer] = [Rule(formula), Note(0.0, formula, "√(kT / c_store)", above=True)]
    if len(written):
        volts.insert(0, _curve(written["v_store"], written["v_rms"], INK))
    largest = max(formula, finite_ends([written["v_rms"]])[1])
    charge = finite_ends([cells["q_rms"]])[1]
    return Figure(
        "noise",
        "Noise of conversions, writes and reads",
        (
            _budget(noise_budget(table, c_int, designs)),
            Panel(
                PlotAxis("level written", "V"),
                PlotAxis("rms of the stored voltage", "V", limits=(0.0, 1.25 * largest)),
                tuple(volts),
            ),
            Panel(
                PlotAxis("stored voltage", "V"),
                PlotAxis("rms charge of a full read", "C", limits=(0.0, 1.08 * charge) if charge else None),
                (_curve(cells["v_store"], cells["q_rms"], PALETTE["blue"]),),
            ),
        ),
        columns=3,
        widths=(1.5, 1.0, 1.0),
        caption="Together: root of the sum of squares.",
    )


def _curve(x, y, colour: str) -> Series:
    return Series(x.to_numpy(), y.to_numpy(), "", colour, "line+points")


def _budget(budget: dict[bool, dict[str, float]]) -> Panel:
    """Bars in % of T_max by source; the last pair is the root of the sum of squares."""
    names = list(budget[False])
    places = np.arange(len(names) + 1.0)
    layers: list[Layer] = []
    largest = 0.0
    for signed, parts in budget.items():
        values = np.array([parts[name] for name in names])
        values = np.append(values, np.sqrt(np.sum(values**2)))
        own = places + (0.2 if signed else -0.2)
        label = "signed converter" if signed else "ReLU converter"
        layers.append(
            Bars(own, values, 0 * values, label, CYCLE[int(signed)], horizontal=True, thickness=0.38)
        )
        layers += [Note(value, place, f"{100 * value:.2f}") for value, place in zip(values, own, strict=True)]
        largest = max(largest, float(values.max()))
    ticks = tuple(zip(places.tolist(), [*names, "together"], strict=True))
    return Panel(
        PlotAxis("rms", "% of T_max", limits=(0.0, 1.3 * largest)),
        PlotAxis("", ticks=ticks, reversed=True, grid=False),
        tuple(layers),
        legend="center right",
    )
