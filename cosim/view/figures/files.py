"""Figures as files: pictures by matplotlib, an interactive page by plotly."""

from __future__ import annotations

from pathlib import Path

from ....circuits.errors import PlanError
from ....circuits.files import write_atomically
from . import interactive, static
from .page import page, plot
from .values import Figure

PICTURES = ("png", "pdf", "svg")
FIGURE_SUFFIXES = (*PICTURES, "html")
"""Suffixes that `write_figure` writes."""


def write_figure(figure: Figure, *paths: Path, subtitle: str = "") -> None:
    """Draw a figure into files; each is whole or not there.

    Args:
        figure: what to draw.
        paths: files; their suffixes name their formats: .png, .pdf, .svg or .html.
        subtitle: line below the title of an html page, plain text.

    Raises:
        PlanError: another suffix.
        GaincellError: html without plotly.
    """
    suffixes = [figure_suffix(path) for path in paths]
    pictures = list(dict.fromkeys(suffix for suffix in suffixes if suffix in PICTURES))
    drawn = dict(zip(pictures, static.render(figure, *pictures), strict=True)) if pictures else {}
    if "html" in suffixes:
        drawn["html"] = page(
            figure.title, subtitle, plot(figure, titled=False), interactive.script()
        ).encode()
    for path, suffix in zip(paths, suffixes, strict=True):
        write_atomically(path, drawn[suffix])


def figure_suffix(path: Path) -> str:
    """The format that a file's suffix names.

    Args:
        path: file to write.

    Returns:
        One of FIGURE_SUFFIXES.

    Raises:
        PlanError: no such format.
    """
    suffix = path.suffix[1:].lower()
    if suffix not in FIGURE_SUFFIXES:
        known = ", ".join(f".{name}" for name in FIGURE_SUFFIXES)
        raise PlanError(f"{path}: a figure is written as one of {known}")
    return suffix
