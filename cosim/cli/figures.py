"""`gaincell figures`: tables and training records -> the figures of the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, stderr, stdout
from .defaults import ABLATION, TABLES, YIELD


def run(
    name: Annotated[str | None, typer.Argument(help="Which figure; see --list.")] = None,
    tables: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of `gaincell characterize`, or generic28 for the shipped tables; for `training` a "
            "folder with training.json, for `yield` and `ablation` one of these commands "
            f"[default: {TABLES}; for `training` that of the demo network; for `yield` {YIELD}; for "
            f"`ablation` {ABLATION}]."
        ),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="File to write; .png .pdf .svg .html; repeat for more [default: out/figures/NAME.png]."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the figures and leave.")] = False,
    as_json: Json = False,
) -> None:
    """Draw one figure from characterization tables: corners, noise, ...; or of a network: training, ablation.

    Examples:

        gaincell figures --list

        gaincell figures corners out/tables --out corners.png

        gaincell figures noise generic28 --out noise.pdf --out noise.html --json
    """
    from ...circuits.files import require_file
    from ..view.figures.files import figure_suffix
    from ..view.figures.named import NAMED_FIGURES, require_known, save_figure, title

    if show or name is None:
        _list({known: title(known) for known in NAMED_FIGURES}, as_json)
        return
    require_known(name)
    files = out or [Path("out") / "figures" / f"{name}.png"]
    for file in files:
        figure_suffix(file)
        require_file(file)
    folder = _source(name, tables)
    save_figure(name, folder, *files)
    if as_json:
        emit({"figure": name, "tables": str(folder), "files": [str(file) for file in files]})
        return
    for file in files:
        stderr.print(f"wrote {file}", highlight=False, soft_wrap=True)


def _source(name: str, folder: Path | None) -> Path:
    """Folder of a figure's data: the given one, shipped tables of that name, or the default."""
    from ...characterization.table import SHIPPED_TABLES

    if folder is None and name == "training":
        from ..network.checkpoints import DEMO

        return DEMO / "softmax"
    folder = folder or {"yield": YIELD, "ablation": ABLATION}.get(name, TABLES)
    shipped = SHIPPED_TABLES / folder
    return shipped if not folder.exists() and len(folder.parts) == 1 and shipped.is_dir() else folder


def _list(titles: dict[str, str], as_json: bool) -> None:
    if as_json:
        emit({"figures": titles})
        return
    for name, text in titles.items():
        stdout.print(f"{name:16} {text}", highlight=False, soft_wrap=True)
