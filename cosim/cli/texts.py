"""Arguments of the commands that read a text of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..network.documents import TextSource

BYTES_PER_TOKEN = 32
"""Bytes of a data set that are read per token asked for."""

TextOption = Annotated[
    Path | None,
    typer.Option(
        help="Text: a file, or a folder with .txt, .md, .jsonl and .parquet files [default: demo corpus]."
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option(help="Instead of --text: a data set that the package datasets finds, such as wikitext."),
]
DatasetConfig = Annotated[str | None, typer.Option(help="Configuration of the data set.")]
ContextOption = Annotated[
    int | None,
    typer.Option(min=2, max=2**20, help="Tokens per window [default: the network's own, at most 1024]."),
]


def chosen_source(
    text: Path | None, dataset: str | None, config: str | None, split: str
) -> TextSource | None:
    """The text that --text or --dataset asks for; None: the demo corpus."""
    from ..network.documents import open_dataset, open_text

    if text is not None and dataset is not None:
        raise typer.BadParameter("give --text or --dataset, not both")
    if dataset is None:
        if config is not None:
            raise typer.BadParameter("--dataset-config needs --dataset")
        return None if text is None else open_text(text)
    return open_dataset(dataset, config, split)


def chosen_text(
    text: Path | None, dataset: str | None, config: str | None, split: str, tokens: int
) -> str | None:
    """The text that --text or --dataset asks for; None: the demo corpus.

    Of a data set, as much is read as so many tokens may need; 0: all of it.
    """
    from ..network.documents import joined

    source = chosen_source(text, dataset, config, split)
    most = BYTES_PER_TOKEN * tokens if dataset is not None and tokens else None
    return None if source is None else joined(source, most)
