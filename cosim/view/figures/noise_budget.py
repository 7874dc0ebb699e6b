"""Figure `noise`: what contributes to a pulse's noise, and the noise of a write and of a cell by level."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....characterization.table import read_manifest, read_table
from ....models.fitting.noise import noise_budget, thermal_noise
from .drawing import Canvas
from .style import CYCLE, INK, MUTED, PALETTE


def noise(folder: Path) -> Canvas:
    """Noise budget of a conversion, and noise of writes and reads by stored level."""
    condition, table = read_manifest(folder)["condition"], read_table(folder, "noise")
    designs = condition["designs"]
    c_int = {signed: designs["readout" if signed else "converter"]["c_int"] for signed in (False, True)}
    canvas = Canvas(figsize=(9.6, 3.1), layout="constrained")
    bars, volts, charge = canvas.subplots(1, 3, width_ratios=(1.5, 1, 1))
    _budget(bars, noise_budget(table, c_int, designs))
    written = table[table["source"] == "storage"]
    if len(written):
        volts.plot(written["v_store"], written["v_rms"] * 1e3, "o-", color=INK, markersize=3)
    formula = thermal_noise(c_int, designs, condition["temperature"]).write_volts * 1e3
    volts.axhline(formula, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    volts.annotate("√(kT / c_store)", (0.02, formula), (0, 3), textcoords="offset points", fontsize=7)
    volts.set(xlabel="level written (V)", ylabel="rms of the stored voltage (mV)", ylim=(0, 1.25 * formula))
    cells = table[table["source"] == "cell"]
    charge.plot(cells["v_store"], cells["q_rms"] * 1e18, "o-", color=PALETTE["blue"], markersize=3)
    charge.set(xlabel="stored voltage (V)", ylabel="rms charge of a full read (aC)")
    charge.set_ylim(bottom=0)
    return canvas


def _budget(ax, budget: dict[bool, dict[str, float]]) -> None:
    """Bars in % of T_max, largest stage first; the last pair is the root of the sum of squares."""
    names = list(budget[False])
    parts = {signed: [*(budget[signed][name] for name in names)] for signed in budget}
    places = np.arange(len(names) + 1)
    for signed, values in parts.items():
        total = [*values, float(np.sqrt(np.sum(np.square(values))))]
        offset, label = (0.2, "signed converter") if signed else (-0.2, "ReLU converter")
        drawn = ax.barh(places + offset, 100 * np.array(total), 0.38, color=CYCLE[int(signed)], label=label)
        ax.bar_label(drawn, fmt="%.2f", fontsize=6.5, padding=2)
    ax.set_yticks(places, [*names, "together"])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("rms, % of T_max")
    ax.margins(x=0.12)
    ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.62))
