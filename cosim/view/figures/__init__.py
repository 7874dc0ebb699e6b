"""Figures as values, drawn two ways: matplotlib files for print, plotly for the interactive page.

A figure says what is shown, in SI units; how it looks is decided once, in `style`, for both ways.
"""

from .style import PALETTE, ordered
from .values import Bar, BarChart, Figure, Panel, PlotAxis, Rule, Series, Span

__all__ = [
    "PALETTE",
    "Bar",
    "BarChart",
    "Figure",
    "Panel",
    "PlotAxis",
    "Rule",
    "Series",
    "Span",
    "ordered",
]
