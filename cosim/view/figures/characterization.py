"""Figures of characterization tables by name: each a function of the tables' folder, drawn by matplotlib.

A new figure is a function `(folder: Path) -> matplotlib.figure.Figure` in a module of this package, with a
docstring whose first line says what it shows, and one line in `TABLE_FIGURES`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ....circuits.errors import PlanError
from ....circuits.files import write_atomically
from .arrays import array, ir_drop
from .corners import corners
from .drawing import Canvas, file_style
from .mismatch import mismatch
from .noise_budget import noise
from .options import options
from .static import encode
from .storage import disturb, retention, write_path
from .tolerance import tolerance

TABLE_FIGURES: dict[str, Callable[[Path], Canvas]] = {
    "array": array,
    "corners": corners,
    "disturb": disturb,
    "ir_drop": ir_drop,
    "mismatch": mismatch,
    "noise": noise,
    "options": options,
    "retention": retention,
    "tolerance": tolerance,
    "write_path": write_path,
}
"""Name -> what draws it from a folder of tables; TableError where the folder lacks the table it shows."""


def title(name: str) -> str:
    """What a figure shows, in one line."""
    return (TABLE_FIGURES[name].__doc__ or name).strip().splitlines()[0].rstrip(".")


def save_figure(name: str, folder: Path, *paths: Path) -> None:
    """Draw the figure `name` from the tables in `folder` into .png, .pdf or .svg files.

    Raises:
        PlanError: an unknown name; the message lists the known ones.
        TableError: the folder lacks the table that the figure shows.
    """
    if name not in TABLE_FIGURES:
        raise PlanError(f"unknown figure {name!r}; use one of {', '.join(TABLE_FIGURES)}")
    with file_style():
        canvas = TABLE_FIGURES[name](Path(folder))
        for path in paths:
            write_atomically(path, encode(canvas, path.suffix[1:]))
