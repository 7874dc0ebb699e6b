"""What the hardware costs the language model: perplexity and the curves of its adaptation."""

from __future__ import annotations

import math

import numpy as np

from ..figures import PALETTE, Bar, Figure, Panel, PlotAxis, Series, bar_chart
from ..figures.page import table
from .section import Section, absent, paragraph
from .sources import ReportData

MEANING = {
    "softmax": "pre-trained network, exact attention",
    "mapped": "on the hardware, nothing adapted",
    "calibrated": "scalers calibrated by statistics",
    "adapted": "fine-tuned through the hardware",
    "control": "exact attention, same extra training",
}
COLOURS = {
    "softmax": "grey",
    "mapped": "red",
    "calibrated": "gold",
    "adapted": "blue",
    "control": "simulated",
}


def network_section(material: ReportData) -> Section:
    """Perplexity by row, and training curves where there are any."""
    title = "Perplexity"
    evaluation, adaptation = material.evaluation, material.adaptation
    if evaluation is None and adaptation is None:
        text = "No evaluation: run `gaincell evaluate demo --json > out/evaluate.json`."
        return absent("network", title, text)
    blocks: list = []
    if evaluation is not None:
        blocks += _evaluation(evaluation, material)
    else:
        blocks.append(paragraph("No evaluation: run `gaincell evaluate`.", "absent"))
    if adaptation is not None and any(adaptation.get("curves", {}).values()):
        blocks.append((training_figure(adaptation),))
    return Section("network", title, tuple(blocks))


def perplexity_chart(evaluation: dict) -> Figure:
    """Perplexity per token by row, logarithmic."""
    token = evaluation.get("token", "token")
    bars = tuple(
        Bar(row, value, colour=PALETTE[COLOURS.get(row, "grey")], text=f"{value:,.4g}")
        for row, value in evaluation["perplexity"].items()
        if value is not None
    )
    axis = PlotAxis(f"perplexity per {token}", log=True)
    return bar_chart("perplexity", f"Perplexity per {token}", axis, bars)


def training_figure(adaptation: dict) -> Figure:
    """Cross-entropy on training and held-out text against the step, adapted and control."""
    series = []
    for row, curve in adaptation["curves"].items():
        if not curve:
            continue
        step = np.array([point["step"] for point in curve], float)
        colour = PALETTE[COLOURS.get(row, "grey")]
        train = np.array([point["train"] for point in curve], float)
        series.append(Series(step, train, f"{row}, training text", colour, "line", dashed=True))
        held_out = np.array([point.get("held_out", math.nan) for point in curve], float)
        if np.isfinite(held_out).any():
            series.append(Series(step, held_out, f"{row}, held-out text", colour, "line+points"))
    loss = PlotAxis("cross-entropy (nats per token)")
    return Figure(
        "training",
        "Adaptation",
        (Panel(PlotAxis("step"), loss, tuple(series), height=1.3),),
        caption="The control is trained on the same batches with exact attention: what it gains is the gain "
        "of seeing more text.",
    )


def _evaluation(evaluation: dict, material: ReportData) -> list:
    text = (
        f"{evaluation['tokens']:,} tokens of held-out text, context {evaluation['context']}, on hardware "
        f"{evaluation['hardware']['name']}. A token is a {evaluation['token']}."
        if evaluation.get("token") == "byte"
        else f"{evaluation['tokens']:,} tokens of held-out text."
    )
    blocks: list = [paragraph(text)]
    used = evaluation.get("hardware", {}).get("digest")
    if material.hardware is not None and used not in (None, material.hardware.digest):
        blocks.append(paragraph("Measured on another hardware than the one fitted here.", "absent"))
    blocks += [_rows(evaluation), (perplexity_chart(evaluation),)]
    gap = evaluation.get("adapted_minus_control_nats")
    if gap is not None:
        text = f"Adapted minus control: {gap:+.3f} nats per token, the price of the hardware."
        start = evaluation.get("adapted_minus_softmax_nats")
        if start is not None:
            text += f" Adapted minus the pre-trained network: {start:+.3f}."
        blocks.append(paragraph(text))
    if outside := _outside(evaluation):
        blocks.append(outside)
    blocks += [paragraph(note, "note") for note in evaluation.get("notes", [])]
    return blocks


def _outside(evaluation: dict) -> str:
    """How often surrogates were evaluated outside their validity boxes; empty when never."""
    counts = evaluation.get("outside_box", {})
    names = sorted({name for row in counts.values() for name, count in row.items() if count})

    def cell(row: str, name: str) -> str:
        count = counts[row].get(name, 0)
        total = evaluation.get("outside_box_of", {}).get(row, {}).get(name)
        return f"{count:,} ({count / total:.1%})" if total else f"{count:,}"

    rows = [[name, *(cell(row, name) for row in counts)] for name in names]
    tokens = evaluation.get("outside_box_tokens")
    caption = f"Surrogate evaluations outside their validity boxes, in {tokens} tokens"
    return table(["", *counts], rows, numbers=range(1, 1 + len(counts)), caption=caption) if rows else ""


def _rows(evaluation: dict) -> str:
    def number(key: str, row: str, form: str) -> str:
        value = evaluation.get(key, {}).get(row)
        return "–" if value is None else format(value, form)

    rows = [
        [
            row,
            MEANING.get(row, ""),
            number("perplexity", row, ",.3f"),
            number("nats_per_byte", row, ".3f"),
            number("bits_per_byte", row, ".3f"),
            number("standard_error_nats", row, ".3f"),
        ]
        for row in evaluation["perplexity"]
    ]
    head = ["", "", f"perplexity per {evaluation.get('token', 'token')}", "nats/byte", "bits/byte", "± nats"]
    return table(head, rows, numbers=range(2, 6))
