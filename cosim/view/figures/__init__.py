"""Figures as values, drawn two ways: matplotlib files for print, plotly for interactive pages.

A figure says what is shown, in SI units. `style` decides how it looks, once for both ways.
"""

from .axes import PlotAxis
from .bars import Bar, bar_chart
from .files import FIGURE_SUFFIXES, write_figure
from .style import PALETTE, ordered
from .values import Area, Bars, ErrorBars, Figure, HeatMap, Note, Panel, Rule, Separator, Series, Span

__all__ = [
    "FIGURE_SUFFIXES",
    "PALETTE",
    "Area",
    "Bar",
    "Bars",
    "ErrorBars",
    "Figure",
    "HeatMap",
    "Note",
    "Panel",
    "PlotAxis",
    "Rule",
    "Separator",
    "Series",
    "Span",
    "bar_chart",
    "ordered",
    "write_figure",
]
