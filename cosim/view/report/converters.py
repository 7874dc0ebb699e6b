"""The charge-to-pulse converters: transfer curves, integral non-linearity, energy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ....models import ConverterCurve
from ....models.checks.limits import converter_figures
from ..figures import PALETTE, Figure, Panel, PlotAxis, Rule, Series
from ..figures.page import table
from ..figures.units import quantity
from .section import Section, absent, paragraph, percent
from .sources import ReportData

INL_LIMITS = {False: 5e-3, True: 1e-2}
"""Design limit of the INL by signed, fraction of T_max."""


def converter_section(material: ReportData) -> Section:
    """Both converters side by side."""
    title = "Converters"
    rows = material.table("converter")
    if rows is None:
        return absent("converters", title, "No table of the converters: run `gaincell characterize`.")
    t_max = material.manifest["condition"]["designs"]["clocking"]["t_pulse_max"]
    hardware = material.hardware if material.same_tables else None
    curves = {False: None, True: None} if hardware is None else {False: hardware.phi, True: hardware.readout}
    drawings = tuple(
        transfer_figure(rows[rows["signed"] == signed], t_max, signed, curves[signed])
        for signed in (False, True)
    )
    text = (
        "The first converter is the activation function: no pulse below zero charge, a pulse as wide as the "
        "charge says up to T_max, and no wider. The signed one reads the second array for the counter."
    )
    return Section(
        "converters", title, (paragraph(text), drawings, _figures_table(rows, t_max), (energy_figure(rows),))
    )


def transfer_figure(rows: pd.DataFrame, t_max: float, signed: bool, curve: ConverterCurve | None) -> Figure:
    """Pulse width against charge with the fitted curve, and the deviation from the best straight line."""
    rows = rows.sort_values("charge")
    seen, unseen = rows[~rows["held_out"]], rows[rows["held_out"]]
    upper = []
    if curve is not None:
        charge = np.linspace(rows["charge"].min(), rows["charge"].max(), 401)
        upper.append(Series(charge, curve(charge).numpy() * t_max, "fitted curve", PALETTE["blue"]))
    upper += [
        Series(seen["charge"], seen["t_out"], "SPICE", PALETTE["simulated"], "points"),
        Series(unseen["charge"], unseen["t_out"], "SPICE, unseen by the fit", PALETTE["orange"], "hollow"),
    ]
    lower = []
    for sign in (1, -1) if signed else (1,):
        line = converter_figures(rows, t_max, sign)
        width = sign * rows["t_out"]
        inside = rows[(width > 0.02 * t_max) & (width < 0.98 * t_max)]
        straight = sign * (line.gain * sign * inside["charge"] + line.offset)
        deviation = (inside["t_out"] - straight) / t_max
        lower.append(Series(inside["charge"], deviation, "", PALETTE["simulated"], "line+points"))
    limit = INL_LIMITS[signed]
    kind = "signed" if signed else "relu"
    charge_axis = PlotAxis("charge", "C")
    return Figure(
        f"converter-{kind}",
        "Signed converter" if signed else "ReLU converter",
        (
            Panel(charge_axis, PlotAxis("pulse width", "s"), tuple(upper), height=1.3),
            Panel(charge_axis, PlotAxis("INL", "%"), (*lower, Rule(limit), Rule(-limit)), height=0.8),
        ),
        share_x=True,
        caption="INL in % of T_max against the best straight line through pulses of 2 to 98 % of T_max"
        + (", one line per sign" if signed else "")
        + "; dashed: design limit."
        + (" Negative width: the sign latch says negative." if signed else ""),
    )


def energy_figure(rows: pd.DataFrame) -> Figure:
    """Energy of a conversion against its charge, both converters."""
    series = []
    for signed, label, colour in ((False, "ReLU", "blue"), (True, "signed", "orange")):
        own = rows[rows["signed"] == signed].sort_values("charge")
        total = own["e_convert"] + own["e_reset"]
        series.append(Series(own["charge"], total, label, PALETTE[colour], "line+points"))
    return Figure(
        "converter-energy",
        "Energy of a conversion",
        (Panel(PlotAxis("charge", "C"), PlotAxis("energy", "J"), tuple(series), height=1.2),),
        caption="Converter and reset reference; without the ideal ramp bias and clock drivers.",
    )


def _figures_table(rows: pd.DataFrame, t_max: float) -> str:
    lines = []
    for signed, sign, label in (
        (False, 1, "ReLU"),
        (True, 1, "signed, positive"),
        (True, -1, "signed, negative"),
    ):
        own = rows[rows["signed"] == signed]
        line = converter_figures(own, t_max, sign)
        widest = float((sign * own["t_out"]).max())
        cells = (
            quantity(t_max / line.gain, "C", 4),
            quantity(line.offset, "s"),
            percent(line.inl, 3),
            quantity(widest, "s", 5),
        )
        lines.append([label, *cells])
    head = ["converter", "full-scale charge", "offset", "INL, of T_max", "widest pulse"]
    return table(head, lines, numbers=range(1, 5))
