"""Figures drawn by matplotlib: PNG, PDF and SVG files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import EngFormatter

from ..files import write_whole
from .style import BAND, CYCLE, GRID, INK, MUTED
from .units import Scale, quantity
from .values import Bar, BarChart, Figure, Panel, Series, axis_scale, axis_title

WIDTH = 6.4
"""Inches."""
PANEL_HEIGHT = 2.3
"""Inches of a panel of height 1."""
DPI = 180

STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=CYCLE),
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "gaincell",
}


def save(figure: Figure | BarChart, path: Path) -> None:
    """Draw a figure into a file whose suffix names its format: .png, .pdf or .svg."""
    write_whole(path, render(figure, path.suffix[1:]))


def render(figure: Figure | BarChart, suffix: str) -> bytes:
    """A figure as the bytes of a png, pdf or svg file, the same for the same figure."""
    buffer = io.BytesIO()
    undated: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(suffix, {})
    with matplotlib.rc_context(STYLE):
        canvas = _bars(figure) if isinstance(figure, BarChart) else _panels(figure)
        canvas.savefig(buffer, format=suffix, dpi=DPI, metadata=undated, bbox_inches="tight", pad_inches=0.12)
    return buffer.getvalue()


def _panels(figure: Figure) -> Canvas:
    heights = [panel.height for panel in figure.panels]
    canvas = Canvas(figsize=(WIDTH, PANEL_HEIGHT * sum(heights) + 0.9), layout="constrained")
    axes = canvas.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    canvas.suptitle(figure.title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    seen: set[str] = set()
    for ax, panel in zip(axes, figure.panels, strict=True):
        _panel(ax, panel, figure.x_scale, seen)
        for i, span in enumerate(figure.spans):
            if i % 2 == 0:
                edges = (span.start * figure.x_scale.factor, span.stop * figure.x_scale.factor)
                ax.axvspan(*edges, color=BAND, zorder=0, linewidth=0)
    for span in figure.spans:
        middle = (span.start + span.stop) / 2 * figure.x_scale.factor
        axes[-1].annotate(
            span.label,
            (middle, 0),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
            color=MUTED,
        )
    last = axes[-1]
    last.set_xlabel(axis_title(figure.x, figure.x_scale))
    if figure.x.log:
        last.set_xscale("log")
        last.xaxis.set_major_formatter(EngFormatter(figure.x.unit))
        last.set_xlabel(figure.x.label)
    if figure.x.limits:
        last.set_xlim(*(limit * figure.x_scale.factor for limit in figure.x.limits))
    return canvas


def _panel(ax, panel: Panel, x_scale: Scale, seen: set[str]) -> None:
    scale = axis_scale(panel.y, (s.y for s in panel.series))
    for series in panel.series:
        _series(ax, series, x_scale, scale, fresh=series.label not in seen)
        seen.add(series.label)
    for rule in panel.rules:
        ax.axhline(rule.y * scale.factor, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    if panel.y.log:
        ax.set_yscale("log")
    if panel.y.limits:
        ax.set_ylim(*(limit * scale.factor for limit in panel.y.limits))
    else:
        ax.margins(y=0.08)
    ax.margins(x=0.02)
    ax.set_ylabel(axis_title(panel.y, scale))
    if entries := len(ax.get_legend_handles_labels()[1]):
        ax.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=entries if entries <= 5 else -(-entries // 2),
            borderaxespad=0.2,
            borderpad=0.1,
            handlelength=1.5,
            columnspacing=1.2,
        )


def _series(ax, series: Series, x_scale: Scale, y_scale: Scale, fresh: bool) -> None:
    x = np.asarray(series.x, float) * x_scale.factor
    y = np.asarray(series.y, float) * y_scale.factor
    style: dict[str, Any] = {"color": series.colour, "label": series.label if fresh else None}
    if series.mark in ("points", "hollow"):
        face = "none" if series.mark == "hollow" else series.colour
        style |= {"linestyle": "none", "marker": "o", "markersize": 3.4}
        style |= {"markerfacecolor": face, "markeredgewidth": 0.9 if face == "none" else 0}
    elif series.mark == "line+points":
        style |= {"marker": "o", "markersize": 3.2}
    else:
        style |= {"drawstyle": "steps-post" if series.mark == "step" else "default"}
    if series.dashed:
        style["linestyle"] = (0, (5, 2.5))
    ax.plot(x, y, **style)


def _bars(chart: BarChart) -> Canvas:
    canvas = Canvas(figsize=(WIDTH, 0.32 * len(chart.bars) + 1.1), layout="constrained")
    ax = canvas.subplots()
    canvas.suptitle(chart.title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    scale, (low, high) = chart.scale, (end * chart.scale.factor for end in chart.reach)
    seen: set[str] = set()
    for row, bar in enumerate(chart.bars):
        left = low if chart.axis.log else bar.start * scale.factor
        length = (bar.start + bar.value) * scale.factor - left
        label = bar.group if bar.group and bar.group not in seen else None
        seen.add(bar.group)
        ax.barh(
            row, length, left=left, height=0.66, color=bar.colour, alpha=0.4 if bar.faded else 1, label=label
        )
        text = f" {bar_text(bar, chart)}"
        ax.text(left + length, row, text, va="center", fontsize=8, color=INK)
    ax.set_yticks(range(len(chart.bars)), [bar.label for bar in chart.bars])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(axis_title(chart.axis, scale))
    if chart.axis.log:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(EngFormatter(chart.axis.unit))
        ax.set_xlabel(chart.axis.label)
    ax.set_xlim(low, high)
    if len(seen - {""}) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2, handlelength=1.0)
    return canvas


def bar_text(bar: Bar, chart: BarChart) -> str:
    """What is written beside a bar."""
    return bar.text or quantity(bar.value, chart.axis.unit)
