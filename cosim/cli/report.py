"""`gaincell report`: one self-contained HTML page about a folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, progress, stderr
from .defaults import OUT


def run(
    folder: Annotated[Path, typer.Argument(help="Folder with the layout of `gaincell demo`.")] = OUT,
    out: Annotated[Path | None, typer.Option(help="The page [default: report.html in the folder].")] = None,
    as_json: Json = False,
) -> None:
    """Report on everything in a folder: one HTML page that needs no network, and each figure as PNG and PDF.

    Reads what is there of tables/, hardware/, adapted/, evaluate.json, account.json and cosim.json; a section
    whose source is missing says which command makes it. Waveforms are simulated for the page.

    Examples:

        gaincell report

        gaincell report out/ss85 --out ss85.html --json
    """
    from ...circuits.files import require_file, require_folder
    from ..view.report import ReportSources, write_report

    sources = ReportSources.of(folder)
    page = out or folder / "report.html"
    require_file(page)
    require_folder(page.parent / "figures")
    with progress("report", "") as update:
        report = write_report(sources, page, update=lambda what, done, total: update(done, total, what))
    absent = [anchor for anchor, present in report.sections.items() if not present]
    if as_json:
        emit(
            {
                "report": str(report.page),
                "figures": [str(path) for path in report.figures],
                "sections": report.sections,
            }
        )
        return
    for anchor in absent:
        stderr.print(f"no source for the section {anchor!r}; the page says what makes it", highlight=False)
    stderr.print(f"{len(report.figures)} pictures in {report.page.parent / 'figures'}", highlight=False)
    stderr.print(f"report: {report.page.resolve()}", highlight=False, soft_wrap=True)
