"""Figures by name: each a function of the folder that holds its data.

A new figure is a function `(folder: Path) -> Figure` in a module of this package, with a docstring whose
first line says what it shows, and one line in `NAMED_FIGURES`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ....circuits.errors import PlanError
from .ablation import ablation
from .arrays import array, ir_drop
from .corners import corners
from .dies import dies
from .files import write_figure
from .mismatch import mismatch
from .noise_budget import noise
from .options import options
from .sequencer import sequencer
from .storage import disturb, retention, write_path
from .tolerance import tolerance
from .training import training
from .values import Figure

NAMED_FIGURES: dict[str, Callable[[Path], Figure]] = {
    "ablation": ablation,
    "array": array,
    "corners": corners,
    "disturb": disturb,
    "ir_drop": ir_drop,
    "mismatch": mismatch,
    "noise": noise,
    "options": options,
    "retention": retention,
    "sequencer": sequencer,
    "tolerance": tolerance,
    "training": training,
    "write_path": write_path,
    "yield": dies,
}
"""Name -> function that makes it from a folder; TableError if the folder lacks the data that it shows.

The folder is one of characterization tables, for `training` that of a checkpoint, for `yield` that of the
results by die, for `ablation` that of its measurements, for `sequencer` that of `gaincell periphery`.
"""


def title(name: str) -> str:
    """First line of a figure's docstring: what it shows.

    Args:
        name: key of `NAMED_FIGURES`.
    """
    return (NAMED_FIGURES[name].__doc__ or name).strip().splitlines()[0].rstrip(".")


def require_known(name: str) -> None:
    """Refuse an unknown figure.

    Args:
        name: name of a figure.

    Raises:
        PlanError: not in `NAMED_FIGURES`; the message lists the known ones.
    """
    if name not in NAMED_FIGURES:
        raise PlanError(f"unknown figure {name!r}; use one of {', '.join(NAMED_FIGURES)}")


def save_figure(name: str, folder: Path, *paths: Path) -> None:
    """Draw a named figure into files.

    Args:
        name: key of `NAMED_FIGURES`.
        folder: folder of the figure's data.
        paths: files; .png, .pdf, .svg or .html.

    Raises:
        PlanError: an unknown name or suffix.
        TableError: the folder lacks the data that the figure shows.
        GaincellError: html without plotly.
    """
    require_known(name)
    write_figure(NAMED_FIGURES[name](Path(folder)), *paths)
