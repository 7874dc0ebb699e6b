"""matplotlib as every figure uses it: no backend, and no settings but our own.

A notebook exports MPLBACKEND, and importing matplotlib fails if that backend is not installed here; a user's
matplotlibrc may ask for LaTeX, other fonts or other sizes. Files must depend on neither.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .style import CYCLE, GRID, INK, MUTED

_backend = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap as Colormap
    from matplotlib.figure import Figure as Canvas
    from matplotlib.image import imread, imsave
finally:
    if _backend is not None:
        os.environ["MPLBACKEND"] = _backend
if _backend:
    with suppress(ValueError):  # the backend is not installed here, and no figure of ours needs one
        matplotlib.rcParams["backend"] = _backend

__all__ = ["Axes", "Canvas", "Colormap", "file_style", "imread", "imsave"]

_STYLE = {
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


@contextmanager
def file_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and the look of this package; the caller's settings come back after.

    Yields:
        None; every figure made inside has the style.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield
