"""`gaincell figures`: tables -> the figures of the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, fail, stderr, stdout
from .defaults import TABLES

FORMATS = (".png", ".pdf", ".svg")


def run(
    name: Annotated[str | None, typer.Argument(help="Which figure; see --list.")] = None,
    tables: Annotated[
        Path, typer.Argument(help="Folder of `gaincell characterize`, or generic28 for the shipped tables.")
    ] = TABLES,
    out: Annotated[
        list[Path] | None,
        typer.Option(help="File to write; .png .pdf .svg; repeat for more [default: out/figures/NAME.png]."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the figures and leave.")] = False,
    as_json: Json = False,
) -> None:
    """Draw one figure from characterization tables: corners, noise, ...

    Examples:

        gaincell figures --list

        gaincell figures corners out/tables --out corners.png

        gaincell figures noise generic28 --out noise.pdf --json
    """
    from ...characterization.table import SHIPPED_TABLES
    from ...circuits.files import require_file
    from ..view.figures.characterization import TABLE_FIGURES, save_figure, title

    if show or name is None:
        _list({known: title(known) for known in TABLE_FIGURES}, as_json)
        return
    files = out or [Path("out") / "figures" / f"{name}.png"]
    for file in files:
        if file.suffix not in FORMATS:
            fail(f"{file}: a figure is written as one of {', '.join(FORMATS)}", 2)
        require_file(file)
    shipped = SHIPPED_TABLES / tables
    folder = shipped if not tables.exists() and len(tables.parts) == 1 and shipped.is_dir() else tables
    save_figure(name, folder, *files)
    if as_json:
        emit({"figure": name, "tables": str(folder), "files": [str(file) for file in files]})
        return
    for file in files:
        stderr.print(f"wrote {file}", highlight=False, soft_wrap=True)


def _list(titles: dict[str, str], as_json: bool) -> None:
    if as_json:
        emit({"figures": titles})
        return
    for name, text in titles.items():
        stdout.print(f"{name:16} {text}", highlight=False, soft_wrap=True)
