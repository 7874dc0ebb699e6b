"""Sources in, page and pictures out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....circuits.errors import TableError
from ....circuits.files import write_atomically
from ..figures import interactive, write_figure
from ..figures.page import page
from .arrays import array_section
from .cell import cell_section, storage_section
from .converters import converter_section
from .cost import cost_section
from .fits import fit_section
from .network import network_section
from .overview import write_overview
from .section import Section
from .sources import ReportData, ReportSources
from .summary import provenance_section, subtitle, summary_section
from .waveforms import waveform_section

TITLE = "gaincell report"
PICTURE_SUFFIXES = ("png", "pdf")
SECTIONS: tuple[Callable[[ReportData], Section], ...] = (
    summary_section,
    cell_section,
    converter_section,
    array_section,
    storage_section,
    fit_section,
    network_section,
    cost_section,
    provenance_section,
)
"""In the order of the page; the waveforms follow the summary."""

Update = Callable[[str, int, int], None]
"""Called with (what is going on, done, total)."""


@dataclass(frozen=True)
class WrittenReport:
    """What was written."""

    page: Path
    figures: tuple[Path, ...]
    sections: dict[str, bool]
    """Anchor -> whether its source was there."""


def build_report(folder: Path, out: Path | None = None) -> Path:
    """Report on a folder in the layout that `gaincell demo` leaves; returns the page's path.

    Raises whatever `write_report` raises, and HardwareError for a missing folder.
    """
    return write_report(ReportSources.of(folder), out or folder / "report.html").page


def write_report(
    sources: ReportSources, out: Path, *, update: Update = lambda what, done, total: None
) -> WrittenReport:
    """Write the page `out`, and every figure as PNG and PDF into `figures` beside it.

    Raises:
        TableError, HardwareError: a source is there but damaged.
        GaincellError: plotly is missing.
    """
    script = interactive.script()
    material = ReportData(sources)
    sections = report_sections(material)
    sections.insert(1, waveform_section(material, update))
    drawings = [drawing for section in sections for drawing in section.figures]
    files = []
    for i, drawing in enumerate(drawings):
        update(f"draw {drawing.name}", i, len(drawings))
        paths = [out.parent / "figures" / f"{drawing.name}.{suffix}" for suffix in PICTURE_SUFFIXES]
        with _told(f"the figure {drawing.name!r}"):
            write_figure(drawing, *paths)
        files += paths
    if picture := write_overview(out.parent / "figures"):
        files.append(picture)
    html = page(
        TITLE,
        subtitle(material),
        "\n".join(section_html(section) for section in sections),
        script,
        [(section.anchor, section.title) for section in sections],
        "Every figure is also in <code>figures/</code>, as PNG and PDF. Made by gaincell.",
    )
    write_atomically(out, html.encode())
    return WrittenReport(out, tuple(files), {section.anchor: section.present for section in sections})


def report_sections(material: ReportData) -> list[Section]:
    """All sections but that of the waveforms.

    Raises:
        TableError, HardwareError: a source is there but damaged.
    """
    sections = []
    for build in SECTIONS:
        with _told(f"the {build.__name__.replace('_', ' ')}"):
            sections.append(build(material))
    return sections


def section_html(section: Section) -> str:
    """HTML of a section and its figures.

    Raises:
        TableError: its source has values that cannot be drawn.
    """
    with _told(f"the section {section.title!r}"):
        return section.html()


@contextmanager
def _told(part: str) -> Iterator[None]:
    """Turn what values raise that no command writes into a TableError."""
    try:
        with np.errstate(over="raise"):
            yield
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise TableError(
            f"{part} cannot be made ({what}): a JSON or a manifest in the folder is not as a command wrote "
            "it; run that command again"
        ) from error
