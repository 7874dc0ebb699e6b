"""One picture of the whole chain for the front page: waveforms, SPICE agreement and perplexity."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ....circuits.files import write_atomically
from ..figures.drawing import imread, imsave

COLUMNS = (("conversion",), ("activations", "perplexity"))
"""Figures of each column, top to bottom."""
NAME = "overview.png"


def write_overview(folder: Path) -> Path | None:
    """Put figures of a report, PNG files in `folder`, side by side; None where one of them was not drawn."""
    paths = [[folder / f"{name}.png" for name in column] for column in COLUMNS]
    if not all(path.is_file() for column in paths for path in column):
        return None
    columns = [_stacked([imread(path)[..., :3] for path in column]) for column in paths]
    height = max(column.shape[0] for column in columns)
    picture = np.concatenate([_padded(column, height, column.shape[1]) for column in columns], axis=1)
    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    write_atomically(folder / NAME, buffer.getvalue())
    return folder / NAME


def _stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate([_padded(picture, picture.shape[0], width) for picture in pictures], axis=0)


def _padded(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture (h, w, 3) on white, at the top left."""
    canvas = np.ones((height, width, 3), picture.dtype)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    return canvas
