"""Columns and the two-array chain: what the surrogates predict against what SPICE simulates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ....models import Hardware
from ....models.chain import predict_chain
from ....models.fitting.columns import (
    CHARGE_RANGE,
    bit_line_capacitance,
    clamped_charge,
    unclipped,
    weighted_sum,
)
from ....models.fitting.curves import held_out_mask
from ..figures import PALETTE, Figure, Panel, PlotAxis, Series
from ..figures.page import table
from .section import Section, absent, paragraph, percent
from .sources import ReportData

Points = tuple[str, str, str, np.ndarray, np.ndarray]
"""Legend, colour, mark, simulated, predicted (fractions of T_max)."""


def array_section(material: ReportData) -> Section:
    """Columns, the chain, and columns with a model's own activations."""
    title = "Arrays"
    column, chain = material.table("column"), material.table("chain")
    blocks: list = []
    if column is None and chain is None and material.agreement is None:
        return absent("arrays", title, "No tables of columns and chains: run `gaincell characterize`.")
    hardware = material.hardware
    if hardware is None or hardware.column_1 is None:
        blocks.append(paragraph("The surrogates are missing: run `gaincell fit`.", "absent"))
    else:
        if material.manifest is not None and not material.same_tables:
            note = (
                "The hardware was fitted to other tables than these: every point below is unseen by its fit."
            )
            blocks.append(paragraph(note, "note"))
        if column is not None:
            text = (
                "64 cells share one passive bit line, which moves as they pull on it, so a column delivers "
                "less than the sum of its cells. The column model takes the difference from the summed "
                "loading of the cells."
            )
            figures = tuple(
                column_figure(column[column["signed"] == signed], hardware, signed, material.same_tables)
                for signed in (False, True)
            )
            blocks += [paragraph(text), figures]
        if chain is not None:
            blocks.append((chain_figure(chain, hardware),))
    if material.agreement is not None:
        blocks += _agreement_blocks(material.agreement)
    else:
        text = "No columns with a model's own activations: run `gaincell cosim demo --json > out/cosim.json`."
        blocks.append(paragraph(text, "absent"))
    return Section("arrays", title, tuple(blocks))


def column_figure(rows: pd.DataFrame, hardware: Hardware, signed: bool, fitted_here: bool) -> Figure:
    """Width by the plain sum of cells and by the column model, against the simulated width."""
    model, converter = (hardware.column_2, hardware.readout) if signed else (hardware.column_1, hardware.phi)
    rows = _usable(rows, hardware, signed)
    plain = clamped_charge(rows, hardware)
    load = weighted_sum(rows, hardware, model.loading)
    simulated = rows["t_out"].to_numpy() / hardware.t_pulse_max
    by_sum, by_model = converter(plain).numpy(), converter(model(plain, load)).numpy()
    fitted = ~held_out_mask(plain, None) if fitted_here else np.zeros(len(plain), bool)
    unseen = ~fitted & unclipped(simulated)
    points: list[Points] = [
        ("plain sum of cells", "orange", "hollow", simulated, by_sum),
        ("column model, fitted", "blue", "hollow", simulated[fitted], by_model[fitted]),
        ("column model, unseen", "blue", "points", simulated[unseen], by_model[unseen]),
    ]
    return agreement_figure(
        "column-v" if signed else "column-k",
        "V column and signed converter" if signed else "K column and ReLU converter",
        [p for p in points if len(p[3])],
        "Random contents and widths; columns far beyond the converter's range are left out.",
    )


def _usable(rows: pd.DataFrame, hardware: Hardware, signed: bool) -> pd.DataFrame:
    """The columns that a fit uses: those whose charge the converter does not just clip."""
    charge = bit_line_capacitance(rows, hardware, signed) * (rows["v_start"] - rows["v_end"])
    low, high = (share * (hardware.q_sat_2 if signed else hardware.q_sat_1) for share in CHARGE_RANGE[signed])
    return rows[(charge > low) & (charge < high)]


def chain_figure(rows: pd.DataFrame, hardware: Hardware) -> Figure:
    """Both stages of the simulated two-array chains."""
    points: list[Points] = []
    for stage, label, colour in (
        (1, "first product: φ(S)", "blue"),
        (2, "second product: read-out", "green"),
    ):
        predicted, simulated = predict_chain(hardware, rows, stage)
        points.append((label, colour, "points", simulated, predicted))
    size = len(rows["t_query"].iloc[0])
    count = rows["point"].nunique()
    return agreement_figure(
        "chain-widths",
        f"Two-array chain of {size} x {size} cells",
        points,
        f"{count} chains of transistors from query pulses to read-out pulses. The second product is "
        "predicted from the predicted, not from the simulated, pulses of the first. No chain was used in a "
        "fit.",
    )


def agreement_figure(name: str, title: str, points: Sequence[Points], caption: str) -> Figure:
    """Predicted against simulated widths with the identity, and their difference, in % of T_max."""
    low = min(float(p[3].min()) for p in points)
    ends = np.array([min(low, 0.0), 1.0])
    upper = [Series(ends, ends, "", PALETTE["grey"])]
    upper += [Series(sim, pred, label, PALETTE[c], mark) for label, c, mark, sim, pred in points]
    lower = [Series(sim, pred - sim, label, PALETTE[c], mark) for label, c, mark, sim, pred in points]
    lower.insert(0, Series(ends, 0 * ends, "", PALETTE["grey"]))
    width = PlotAxis("simulated width", "% of T_max")
    return Figure(
        name,
        title,
        (
            Panel(width, PlotAxis("predicted", "%"), tuple(upper), height=1.4),
            Panel(width, PlotAxis("predicted − simulated", "%"), tuple(lower), height=1.0),
        ),
        share_x=True,
        caption=caption,
    )


def _agreement_blocks(agreement: dict) -> list:
    columns = [c for c in agreement["columns"] if c["status"] == "ok"]
    points: list[Points] = []
    for stage, label, colour in ((1, "first product", "blue"), (2, "second product", "green")):
        own = [c for c in columns if c["stage"] == stage]
        if own:
            simulated, predicted = (np.array([c[key] for c in own]) for key in ("simulated", "predicted"))
            points.append((label, colour, "points", simulated, predicted))
    rows = [
        [
            {1: "first", 2: "second"}[stage["stage"]],
            str(stage["operations"]),
            "–" if stage["slope"] is None else f"{stage['slope']:.4f}",
            *("–" if stage[key] is None else percent(stage[key]) for key in ("offset", "rms", "worst")),
        ]
        for stage in agreement["stages"]
    ]
    text = (
        f"Columns with the pulse widths and stored voltages that the model really produces, {len(columns)} "
        "of them drawn from all layers, heads and positions, simulated with all their transistors."
    )
    blocks: list = [paragraph(text)]
    if points:
        blocks.append((agreement_figure("activations", "A model's own activations in SPICE", points, ""),))
    head = ["product", "columns", "slope", "offset", "rms", "worst"]
    blocks.append(
        table(head, rows, numbers=range(1, 6), caption="In % of T_max; slope over unclipped columns")
    )
    return blocks
